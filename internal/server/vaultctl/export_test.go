package vaultctl

// Patterns returns the method and path of every call.
func Patterns() []string {
	var all []string
	for _, r := range (&door{}).routes() {
		all = append(all, r.pattern)
	}
	return all
}
