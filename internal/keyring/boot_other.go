//go:build !linux && !darwin

package keyring

// boot returns nothing: this system has no name for its start. The Credential
// Manager of Windows is a part of the system that answers in any case.
func boot() string { return "" }
