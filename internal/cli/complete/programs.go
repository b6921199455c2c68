package complete

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/app"
)

// Programs offers the programs of PATH for the first argument, and leaves paths
// and the arguments of the program to the shell.
func Programs(a *app.App) cobra.CompletionFunc {
	return func(_ *cobra.Command, given []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(given) > 0 || strings.ContainsAny(word, `/\`) {
			return nil, cobra.ShellCompDirectiveDefault
		}
		var list []string
		for _, dir := range filepath.SplitList(a.Getenv("PATH")) {
			entries, err := os.ReadDir(dir)
			if err != nil {
				continue
			}
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), word) && executable(filepath.Join(dir, e.Name())) {
					list = offer(list, e.Name(), word)
				}
			}
		}
		slices.Sort(list)
		return slices.Compact(list), cobra.ShellCompDirectiveDefault
	}
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (info.Mode()&0o111 != 0 || runtime.GOOS == "windows")
}
