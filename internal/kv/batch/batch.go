// Package batch makes many small write transactions one: those that arrive
// while another is being written are written together, so that the disk is
// waited for once. Each still happens whole or not at all.
package batch

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/keyhold/keyhold/internal/kv"
)

// A DB is a kv.DB over another one.
type DB struct {
	kv.DB

	mu    sync.Mutex
	queue []*job
	busy  bool // somebody works on the queue
}

// New returns a DB that batches the updates of db, which nobody should update
// directly: it would wait its turn behind them.
func New(db kv.DB) *DB { return &DB{DB: db} }

// most is how many updates are written together.
const most = 256

// A job is one update.
type job struct {
	ctx   context.Context //nolint:containedctx // it is that of the call which waits for the job
	fn    func(kv.Tx) error
	done  chan struct{}
	err   error
	panic any
}

// Update implements kv.DB. fn runs in another goroutine, but never at the same
// time as another fn; its panic comes out here.
func (d *DB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{ctx: ctx, fn: fn, done: make(chan struct{})}
	d.mu.Lock()
	d.queue = append(d.queue, j)
	if !d.busy {
		d.busy = true
		go d.work()
	}
	d.mu.Unlock()
	select {
	case <-j.done:
	case <-ctx.Done():
		if d.withdraw(j) {
			return ctx.Err()
		}
		<-j.done // it may be written already
	}
	if j.panic != nil {
		panic(j.panic)
	}
	return j.err
}

// withdraw takes back a job on which nobody works.
func (d *DB) withdraw(j *job) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(d.queue, j)
	if i < 0 {
		return false
	}
	d.queue = slices.Delete(d.queue, i, i+1)
	return true
}

// work writes what is in the queue until it is empty.
func (d *DB) work() {
	for {
		d.mu.Lock()
		n := min(len(d.queue), most)
		jobs := slices.Clone(d.queue[:n])
		d.queue = slices.Delete(d.queue, 0, n)
		if d.busy = n > 0; !d.busy {
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
		d.write(jobs)
		for _, j := range jobs {
			close(j.done)
		}
	}
}

// write settles all of the jobs.
func (d *DB) write(jobs []*job) {
	for len(jobs) > 0 {
		culprit, err := d.attempt(jobs)
		switch {
		case culprit != nil: // the others go again without it
			jobs = slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return j == culprit })
		case err == nil:
			return
		case len(jobs) == 1:
			jobs[0].err = err
			return
		default: // it may be due to one of them
			for i := range jobs {
				d.write(jobs[i : i+1])
			}
			return
		}
	}
}

// errNothing undoes a transaction in which nothing was written.
var errNothing = errors.New("nothing was written")

// attempt runs the jobs in one transaction. A job that fails leaves nothing
// behind; one that panics takes the transaction with it and is the culprit.
func (d *DB) attempt(jobs []*job) (culprit *job, err error) {
	var running *job
	defer func() {
		if p := recover(); p != nil {
			if running == nil {
				panic(p)
			}
			running.panic = p
			culprit, err = running, nil
		}
	}()
	err = d.DB.Update(context.Background(), func(tx kv.Tx) error {
		wrote := false
		for _, j := range jobs {
			running = j
			u := &undoTx{Tx: tx}
			if j.err = j.run(u); j.err != nil {
				if err := u.undo(); err != nil {
					return err
				}
			} else {
				wrote = wrote || len(u.log) > 0
			}
		}
		running = nil
		if !wrote {
			return errNothing
		}
		return nil
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
	return nil, err
}

// run runs the function of a job as long as somebody waits for it.
func (j *job) run(tx kv.Tx) error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	if err := j.fn(tx); err != nil {
		return err
	}
	return j.ctx.Err()
}

// An undoTx remembers what it overwrites.
type undoTx struct {
	kv.Tx

	log []entry
}

// An entry is a value as it was before; nil: there was none.
type entry struct{ key, value []byte }

func (u *undoTx) remember(key []byte) {
	e := entry{key: slices.Clone(key)}
	if v := u.Get(key); v != nil {
		e.value = append([]byte{}, v...)
	}
	u.log = append(u.log, e)
}

// Put implements kv.Tx.
func (u *undoTx) Put(key, value []byte) error {
	if len(key) == 0 || len(key) > kv.MaxKey {
		return kv.ErrKey // and nothing to undo
	}
	u.remember(key)
	return u.Tx.Put(key, value)
}

// Delete implements kv.Tx.
func (u *undoTx) Delete(key []byte) error {
	u.remember(key)
	return u.Tx.Delete(key)
}

// undo puts everything back, the last change first.
func (u *undoTx) undo() error {
	for _, e := range slices.Backward(u.log) {
		var err error
		if e.value == nil {
			err = u.Tx.Delete(e.key)
		} else {
			err = u.Tx.Put(e.key, e.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
