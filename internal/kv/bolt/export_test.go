package bolt

import "time"

// SetTimeout shortens the wait for the lock.
func (d *DB) SetTimeout(t time.Duration) { d.timeout = t }
