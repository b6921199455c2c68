package cli_test

import (
	"encoding/binary"
	"time"

	bbolt "go.etcd.io/bbolt"
)

// makeNewer sets the format record of a store to one of the future.
func makeNewer(path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Update(func(tx *bbolt.Tx) error {
		value := binary.BigEndian.AppendUint64(nil, 99)
		return tx.Bucket([]byte("meta")).Put([]byte("format"), append(value, "7.0.0"...))
	})
}
