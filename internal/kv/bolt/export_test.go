package bolt

import "time"

// SetTimeout shortens the wait for the lock.
func (d *DB) SetTimeout(t time.Duration) { d.timeout = t }

// ErrAlone is what Check says of a store with one meta page.
var ErrAlone = errAlone
