package child

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
)

// Main is for systems with pseudo-terminals.
func Main([]string, []string) (status int, mine bool) { return 0, false }

// lookup looks in the PATH of keyhold, and adds the extension, as Windows does.
func lookup(name string, _ []string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", ErrNotFound
	}
	return path, nil
}

func hasTerminal(Command) bool { return false }

func runOnTerminal(context.Context, Command, string) (status int, err error) {
	panic("no pseudo-terminals here")
}

// replace cannot replace keyhold, so it waits.
func replace(ctx context.Context, c Command, path string) (status int, err error) {
	signals := catch()
	defer signals.stop()
	proc, err := start(path, c.Args, &os.ProcAttr{Env: c.Env, Files: []*os.File{c.Stdin, c.Stdout, c.Stderr}})
	if err != nil {
		return 0, startError(err)
	}
	return wait(ctx, proc, signals)
}

func start(path string, args []string, attr *os.ProcAttr) (*os.Process, error) {
	return os.StartProcess(path, args, attr)
}

// signals has Ctrl-C stop the program only.
type signals struct{ c chan os.Signal }

func catch() *signals {
	s := &signals{make(chan os.Signal, 8)}
	signal.Notify(s.c, os.Interrupt)
	return s
}

func (s *signals) stop() { signal.Stop(s.c) }

// fromTerminal reports true: the program shares the console and got it too.
func fromTerminal(os.Signal) bool { return true }

func statusOf(state *os.ProcessState) int { return state.ExitCode() }

// signaled reports false: no program ends by a signal.
func signaled(*os.ProcessState) bool { return false }

// drain has nothing to do: deadlines do not work here.
func drain(*os.File, []byte, func([]byte) error) {}
