package app

import "os"

var stopping = []os.Signal{os.Interrupt}

// raise ends the process as Windows ends one by Ctrl-C.
func raise(os.Signal) {
	const interrupted = 0xC000013A
	os.Exit(interrupted)
}
