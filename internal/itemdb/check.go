package itemdb

import (
	"fmt"

	"github.com/keyhold/keyhold/internal/kv"
)

// A Fault is a kind of [Problem].
type Fault int

// The faults that Check finds.
const (
	BadRecord  Fault = iota + 1 // the record does not parse
	NoData                      // a record without data
	NoRecord                    // data without a record
	StrayIndex                  // an index entry that no record has
	NoIndex                     // a record that the index lacks
	StrayTags                   // tags without a record
	UnknownKey                  // a key of no known form
)

// String says what is wrong.
func (f Fault) String() string {
	switch f {
	case BadRecord:
		return "its record is damaged"
	case NoData:
		return "its data is missing"
	case NoRecord:
		return "its record is missing"
	case StrayIndex:
		return "the index has it under a wrong name"
	case NoIndex:
		return "the index lacks it"
	case StrayTags:
		return "there are tags of it alone"
	case UnknownKey:
		return "a key has an unknown form"
	default:
		return fmt.Sprintf("fault %d", int(f))
	}
}

// A Problem is one thing that is wrong with an item.
type Problem struct {
	Item  ID // zero for an UnknownKey
	Fault Fault
}

// Check compares the records, the data and the index of a vault and returns
// what does not fit together, records first. It opens nothing that is sealed.
func Check(tx kv.Tx, vault ID) []Problem {
	var problems []Problem
	report := func(id ID, f Fault) { problems = append(problems, Problem{id, f}) }
	for k, v := range tx.Scan(key(recordKind, vault)) {
		if len(k) != prefixSize+16 {
			report(ID{}, UnknownKey)
			continue
		}
		id := ID(k[prefixSize:])
		r, err := parseRecord(id, v, "")
		if err != nil {
			report(id, BadRecord)
		}
		if tx.Get(key(dataKind, vault, id[:])) == nil {
			report(id, NoData)
		}
		if err == nil && r.Index != [32]byte{} && tx.Get(key(indexKind, vault, r.Index[:], id[:])) == nil {
			report(id, NoIndex)
		}
	}
	for k := range tx.Scan(key(dataKind, vault)) {
		if len(k) != prefixSize+16 {
			report(ID{}, UnknownKey)
		} else if tx.Get(key(recordKind, vault, k[prefixSize:])) == nil {
			report(ID(k[prefixSize:]), NoRecord)
		}
	}
	for k := range tx.Scan(key(indexKind, vault)) {
		if len(k) != prefixSize+32+16 {
			report(ID{}, UnknownKey)
			continue
		}
		id := ID(k[prefixSize+32:])
		r, ok, err := Get(tx, vault, id)
		if err == nil && (!ok || r.Index != [32]byte(k[prefixSize:])) {
			report(id, StrayIndex)
		}
	}
	for k := range tx.Scan(key(tagsKind, vault)) {
		if len(k) != prefixSize+16 {
			report(ID{}, UnknownKey)
		} else if tx.Get(key(recordKind, vault, k[prefixSize:])) == nil {
			report(ID(k[prefixSize:]), StrayTags)
		}
	}
	return problems
}
