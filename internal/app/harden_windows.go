package app

// hardenProcess has nothing to do: Windows writes no core dumps by itself.
func hardenProcess() {}
