package vault_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/vault"
)

// A clock moves only when somebody waits.
type clock struct {
	now   time.Time
	waits []time.Duration
}

func (c *clock) retry(attempts int, within time.Duration) vault.Retry {
	return vault.Retry{
		Attempts: attempts, Within: within,
		Now: func() time.Time { return c.now },
		Wait: func(ctx context.Context, d time.Duration) error {
			c.waits = append(c.waits, d)
			c.now = c.now.Add(d)
			return ctx.Err()
		},
	}
}

// A scripted vault answers Commit with its errors, one after the other.
type scripted struct {
	fakeVault
	errs    []error
	commits int
	stop    context.CancelFunc // called by the first Commit
}

func (s *scripted) Commit(context.Context, vault.Change) (vault.Revision, []vault.Item, error) {
	s.commits++
	if s.stop != nil {
		s.stop()
	}
	if len(s.errs) == 0 {
		return 7, []vault.Item{{ID: id(1)}}, nil
	}
	err := s.errs[0]
	if len(s.errs) > 1 {
		s.errs = s.errs[1:]
	}
	return 0, nil, err
}

func TestApply(t *testing.T) {
	t.Parallel()
	conflict := fmt.Errorf("commit: %w", &vault.ConflictError{What: "the vault", Base: 1, Current: 2})
	other := errors.New("another error")
	many := slices.Repeat([]error{conflict}, 100)
	tests := []struct {
		name             string
		attempts         int
		within           time.Duration
		errs             []error
		want             error
		commits          int
		stopped, planned bool // ctx is done at the first commit; plan fails at the second call
	}{
		{name: "at once", attempts: 20, within: time.Second, commits: 1},
		{name: "another error", attempts: 20, within: time.Second, errs: []error{other}, want: other, commits: 1},
		{name: "busy", attempts: 20, within: time.Second, errs: []error{vault.ErrBusy}, want: vault.ErrBusy, commits: 1},
		{name: "a conflict, then another error", attempts: 20, within: time.Second, errs: []error{conflict, other}, want: other, commits: 2},
		{name: "attempts used up", attempts: 5, within: time.Hour, errs: many, want: conflict, commits: 5},
		{name: "one attempt", attempts: 1, within: time.Hour, errs: many, want: conflict, commits: 1},
		{name: "no attempt is one", attempts: 0, within: time.Hour, errs: many, want: conflict, commits: 1},
		{name: "time used up", attempts: 1000, within: 50 * time.Millisecond, errs: many, want: conflict, commits: 4},
		{name: "no time is one attempt", attempts: 20, within: 0, errs: many, want: conflict, commits: 1},
		{name: "cancelled", attempts: 20, within: time.Hour, errs: many, want: context.Canceled, commits: 1, stopped: true},
		{name: "plan fails", attempts: 20, within: time.Hour, errs: many, want: other, commits: 1, planned: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			v := &scripted{errs: tt.errs}
			if tt.stopped {
				v.stop = cancel
			}
			c := clock{now: epoch}
			plans := 0
			rev, items, err := vault.Apply(ctx, v, c.retry(tt.attempts, tt.within), func(context.Context) (vault.Change, error) {
				if plans++; tt.planned && plans == 2 {
					return vault.Change{}, other
				}
				return vault.Change{Delete: []vault.Ref{{ID: id(1)}}}, nil
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			if err == nil && (rev != 7 || len(items) != 1) || err != nil && (rev != 0 || items != nil) {
				t.Errorf("rev %d, items %v", rev, items)
			}
			if v.commits != tt.commits {
				t.Errorf("%d commits, want %d", v.commits, tt.commits)
			}
			if want := v.commits; plans != want && !tt.planned {
				t.Errorf("planned %d times, want %d", plans, want)
			}
			if elapsed := c.now.Sub(epoch); elapsed > tt.within {
				t.Errorf("waited %v, may %v", elapsed, tt.within)
			}
		})
	}
}

func TestApplyWaits(t *testing.T) {
	t.Parallel()
	v := &scripted{errs: []error{&vault.ConflictError{}}}
	c := clock{now: epoch}
	_, _, err := vault.Apply(t.Context(), v, c.retry(20, 4*time.Second), func(context.Context) (vault.Change, error) {
		return vault.Change{Restore: []vault.Ref{{ID: id(1)}}}, nil
	})
	if err == nil {
		t.Fatal("no error")
	}
	var want []time.Duration
	for _, ms := range []int{10, 20, 40, 80, 160, 320, 640, 1000, 1000, 730} {
		want = append(want, time.Duration(ms)*time.Millisecond)
	}
	if !slices.Equal(c.waits, want) {
		t.Errorf("waits = %v, want %v", c.waits, want)
	}
}

// A queued vault has a queue.
type queued struct {
	scripted

	err           error
	joined, inNow int
}

func (v *queued) Queue(context.Context) (func(), error) {
	if v.err != nil {
		return nil, v.err
	}
	v.joined, v.inNow = v.joined+1, v.inNow+1
	return func() { v.inNow-- }, nil
}

// After its first conflict a change waits in the queue, and then for others.
func TestApplyQueues(t *testing.T) {
	t.Parallel()
	plan := func(context.Context) (vault.Change, error) {
		return vault.Change{Restore: []vault.Ref{{ID: id(1)}}}, nil
	}
	conflict := &vault.ConflictError{What: "x"}
	for _, tt := range []struct {
		name           string
		errs           []error
		queue, want    error
		joined, waited int
	}{
		{"no conflict", []error{nil}, nil, nil, 0, 0},
		{"one", []error{conflict, nil}, nil, nil, 1, 0},
		{"several", []error{conflict, conflict, conflict, nil}, nil, nil, 1, 2},
		{"a queue that does not end", []error{conflict, nil}, context.DeadlineExceeded, conflict, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := &queued{scripted: scripted{errs: tt.errs}, err: tt.queue}
			c := clock{now: epoch}
			if _, _, err := vault.Apply(t.Context(), v, c.retry(20, 4*time.Second), plan); !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			if v.joined != tt.joined || v.inNow != 0 || len(c.waits) != tt.waited {
				t.Errorf("joined %d times, %d left in it, %d waits", v.joined, v.inNow, len(c.waits))
			}
		})
	}
}

func TestApplyNothing(t *testing.T) {
	t.Parallel()
	v := &scripted{errs: []error{errors.New("no commit was wanted")}}
	c := clock{now: epoch}
	rev, items, err := vault.Apply(t.Context(), v, c.retry(20, time.Hour), func(context.Context) (vault.Change, error) {
		return vault.Change{Base: 3}, nil
	})
	if err != nil || rev != 3 || items != nil || v.commits != 0 {
		t.Errorf("Apply = %d, %v, %v; %d commits", rev, items, err, v.commits)
	}
}

// Several writers at once change one item, each another part of it.
func TestApplyTogether(t *testing.T) {
	t.Parallel()
	v := &fakeVault{items: map[string]kept{id(1): {name: "mail", plain: `{"type":"login","future":1}`}}}
	retry := vault.Retry{
		Attempts: 1000, Within: time.Hour,
		Now:  func() time.Time { return epoch },
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			edit := vault.Edit{Set: []vault.Field{field(fmt.Sprint("f", i), vault.Hidden, "v")}, Tag: []string{fmt.Sprint("t", i)}}
			if _, _, err := vault.Apply(t.Context(), v, retry, planEdit(v, id(1), edit)); err != nil {
				t.Errorf("Apply: %v", err)
			}
		})
	}
	group.Wait()
	it := mustItem(t, v, id(1))
	if len(it.Fields) != 8 || len(it.Tags) != 8 || len(it.Revisions()) != 8 || len(it.Extra) != 1 {
		t.Errorf("%d fields, %d tags, %d revisions, %d members", len(it.Fields), len(it.Tags), len(it.Revisions()), len(it.Extra))
	}
}

// planEdit returns the plan of a change of one item.
func planEdit(v vault.Vault, id string, e vault.Edit) func(context.Context) (vault.Change, error) {
	return func(ctx context.Context) (vault.Change, error) {
		it, err := v.Item(ctx, id)
		if err != nil {
			return vault.Change{}, err
		}
		out, err := e.Apply(it, epoch)
		if err != nil || out.Updated.Equal(it.Updated) {
			return vault.Change{}, err
		}
		return vault.Change{Put: []vault.Put{{Item: out, Was: &it}}}, nil
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	v := &fakeVault{items: map[string]kept{
		id(1): {name: "mail", plain: `{"type":"login"}`, rev: 5},
		id(2): {name: "twice", plain: `{}`},
		id(3): {name: "twice", plain: `{}`},
		id(4): {name: "gone", plain: `{}`, deleted: epoch},
		id(5): {name: id(9), plain: `{}`},
		id(6): {name: "broken", err: &vault.DamagedError{ID: id(6), Name: "broken", Err: errors.New("x")}, rev: 8},
		id(7): {name: "away", err: vault.ErrBusy},
		id(8): {name: "broken and gone", err: &vault.DamagedError{ID: id(8), Err: errors.New("x")}, deleted: epoch},
	}}
	tests := []struct {
		name, find string
		id         string
		entryErr   error // of FindEntry
		err        error // of Find
	}{
		{"by name", "mail", id(1), nil, nil},
		{"by id", id(1), id(1), nil, nil},
		{"no such name", "post", "", vault.ErrNotFound, vault.ErrNotFound},
		{"case counts", "Mail", "", vault.ErrNotFound, vault.ErrNotFound},
		{"no such id", id(99), "", vault.ErrNotFound, vault.ErrNotFound},
		{"a name like an id", id(9), id(5), nil, nil},
		{"in the trash, by name", "gone", "", vault.ErrNotFound, vault.ErrNotFound},
		{"in the trash, by id", id(4), "", vault.ErrNotFound, vault.ErrNotFound},
		{"damaged, by name", "broken", id(6), nil, vault.ErrDamaged},
		{"damaged, by id", id(6), id(6), nil, vault.ErrDamaged},
		{"damaged, in the trash", id(8), "", vault.ErrDamaged, vault.ErrDamaged},
		{"another error", id(7), "", vault.ErrBusy, vault.ErrBusy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := vault.FindEntry(t.Context(), v, tt.find)
			if !errors.Is(err, tt.entryErr) || e.ID != tt.id {
				t.Errorf("FindEntry = %q, %v; want %q, %v", e.ID, err, tt.id, tt.entryErr)
			}
			it, err := vault.Find(t.Context(), v, tt.find)
			if !errors.Is(err, tt.err) || err == nil && it.ID != tt.id {
				t.Errorf("Find = %q, %v; want %q, %v", it.ID, err, tt.id, tt.err)
			}
		})
	}
	_, err := vault.Find(t.Context(), v, "twice")
	var several *vault.AmbiguousError
	if !errors.As(err, &several) || len(several.Entries) != 2 || several.Name != "twice" {
		t.Errorf("error = %v, want an AmbiguousError of two", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := vault.FindEntry(done, v, "mail"); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want Canceled", err)
	}
}

func TestIsID(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"":                                     false,
		"mail":                                 false,
		"01234567-89ab-cdef-0123-456789abcdef": true,
		"01234567-89AB-cdef-0123-456789abcdef": false,
		"0123456789ab-cdef-0123-456789abcdef-": false,
		"01234567-89ab-cdef-0123-456789abcdeg": false,
		"01234567-89ab-cdef-0123+456789abcdef": false,
		"{1234567-89ab-cdef-0123-456789abcdef": false,
		"01234567-89ab-cdef-0123-456789abcde":  false,
	}
	for s, want := range tests {
		if got := vault.IsID(s); got != want {
			t.Errorf("IsID(%q) = %v", s, got)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	tests := []struct {
		err  error
		want string
	}{
		{&vault.ConflictError{What: "the vault", Base: 1, Current: 3}, "the vault changed meanwhile (revision 1, now 3)"},
		{&vault.ConflictError{What: "the vault", Base: 3, Current: 3}, "the vault changed meanwhile"},
		{&vault.AmbiguousError{Name: "a\nb", Entries: make([]vault.Entry, 2)}, `2 items are named "a\nb"`},
		{&vault.DamagedError{ID: "i", Err: cause}, "item i is damaged: cause"},
		{&vault.DamagedError{ID: "i", Name: "n", Err: cause}, `item "n" (i) is damaged: cause`},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("Error = %q, want %q", got, tt.want)
		}
	}
	err := fmt.Errorf("open: %w", &vault.DamagedError{ID: "i", Err: cause})
	if !errors.Is(err, vault.ErrDamaged) || !errors.Is(err, cause) || errors.Is(err, vault.ErrNotFound) {
		t.Error("a DamagedError is not what it should be")
	}
	if !strings.Contains(vault.CheckName("").Error(), "empty") {
		t.Error("an empty name is not called empty")
	}
}
