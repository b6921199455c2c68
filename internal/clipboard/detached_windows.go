package clipboard

import "syscall"

const createNoWindow = 0x08000000

// detached is for a process that goes on when the console is closed.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: createNoWindow | syscall.CREATE_NEW_PROCESS_GROUP, HideWindow: true}
}
