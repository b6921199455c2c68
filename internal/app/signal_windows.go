package app

import "os"

var stopping = []os.Signal{os.Interrupt}

// keys are the signals that keys of the terminal send.
var keys = []os.Signal{os.Interrupt}

// terminate ends a process.
func terminate(p *os.Process) error { return p.Kill() }

// alive reports whether there may be a process with this id: here it is not asked.
func alive(int) bool { return true }

// raise ends the process as Windows ends one by Ctrl-C.
func raise(os.Signal) {
	const interrupted = 0xC000013A
	os.Exit(interrupted)
}
