//go:build !linux && !darwin

package bolt

import "errors"

func renameNoReplace(_, _ string) error { return errors.ErrUnsupported }
