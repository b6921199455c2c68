package keyring

import (
	"os"
	"strings"
)

// boot returns what differs from one start of the system to the next, or "".
func boot() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
