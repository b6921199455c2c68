package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

var errAlone = damaged("one of its two heads: the last change may be missing; the next one mends it")

// Check reads every page of the store under a shared lock: that keys are in
// order, that every page has one use, and that all pairs can be read. If so, it
// takes back the mark that keeps Update from writing, unless nothing can be
// written there; if not, it is ErrDamaged with the first thing found. A damaged
// meta page, without which the store is as it was before its last change, is
// ErrDamaged too, but keeps nobody from writing. A store that does not exist
// passes. It does not know what the pairs mean: a wrong bit in a value is for
// who wrote it to find.
func (d *DB) Check(ctx context.Context) error {
	f, im, err := d.image(ctx, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return d.passed()
	}
	if err != nil {
		return d.fail(err)
	}
	defer release(f)
	if _, err := im.survey(ctx); err != nil {
		return d.fail(err)
	}
	if err := d.passed(); err != nil || !im.meta.alone {
		return err
	}
	return fmt.Errorf("%s: %w", d.path, errAlone)
}

// Scrub overwrites with zeros, in place and under the exclusive lock, every
// page that holds nothing now: deleted and replaced values are still in them.
// It checks the whole store first and touches nothing if that is damaged. A
// copy that the disk or the file system keeps elsewhere is out of its reach.
func (d *DB) Scrub(ctx context.Context) error {
	f, im, err := d.image(ctx, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return d.fail(err)
	}
	defer d.leave()
	defer release(f)
	if err := d.marked(); err != nil {
		return err
	}
	return d.scrub(ctx, f, im)
}

// scrub is Scrub when nobody else reads or writes.
func (d *DB) scrub(ctx context.Context, f *os.File, im *image) error {
	free, err := im.survey(ctx)
	if err != nil {
		return d.fail(err)
	}
	if err := im.twinMeta(f); err != nil {
		return d.fail(err)
	}
	for id := im.meta.end; int64(id) < (im.size+int64(im.meta.pageSize)-1)/int64(im.meta.pageSize); id++ {
		free = append(free, id) // a transaction that failed may have written there
	}
	if err := im.zero(ctx, f, free); err != nil {
		return d.fail(err)
	}
	if err := f.Sync(); err != nil {
		return d.fail(err)
	}
	return nil
}

// twinMeta makes the older meta page describe the same tree as the newer one.
// The tree that it described, to which bbolt would go back if the newer page
// were lost, is among the free pages.
func (im *image) twinMeta(f *os.File) error {
	slot := 1 - im.meta.slot
	b := make([]byte, im.meta.pageSize)
	order.PutUint64(b, uint64(slot))
	order.PutUint16(b[8:], 0x04)
	m := b[headerSize : headerSize+metaSize]
	copy(m, im.meta.raw[:])
	order.PutUint64(m[48:], im.meta.txid-1)
	order.PutUint64(m[56:], metaSum(m))
	if _, err := f.WriteAt(b, slot*int64(im.meta.pageSize)); err != nil {
		return err
	}
	return f.Sync()
}

func (im *image) zero(ctx context.Context, f *os.File, pages []uint64) error {
	size := int64(im.meta.pageSize)
	zeros, buf := make([]byte, size), make([]byte, size)
	for _, id := range pages {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := int64(id) * size
		n := min(size, im.size-at)
		if err := readAt(f, buf[:n], at); err != nil {
			return err
		}
		if bytes.Equal(buf[:n], zeros[:n]) {
			continue
		}
		if _, err := f.WriteAt(zeros[:n], at); err != nil {
			return err
		}
	}
	return nil
}
