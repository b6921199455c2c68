package exit_test

import (
	"regexp"
	"testing"

	"github.com/keyhold/keyhold/internal/exit"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	promised := map[exit.Status]int{
		exit.OK: 0, exit.Other: 1, exit.Usage: 2, exit.Declined: 3, exit.Locked: 4, exit.NotFound: 5, exit.Ambiguous: 6,
		exit.Denied: 7, exit.Conflict: 8, exit.Service: 9, exit.Damaged: 10, exit.Findings: 11, exit.NoAnswer: 12,
	}
	table := exit.Table()
	if len(table) != len(promised) {
		t.Errorf("%d rows, want %d", len(table), len(promised))
	}
	for i, row := range table {
		if number, ok := promised[row.Status]; !ok || number != i || int(row.Status) != i {
			t.Errorf("row %d has status %d, promised %d", i, row.Status, number)
		}
		if row.Meaning == "" || row.Status.String() != row.Meaning {
			t.Errorf("row %d: meaning %q, String %q", i, row.Meaning, row.Status)
		}
	}
}

func TestEachCodeHasOneStatus(t *testing.T) {
	t.Parallel()
	snake := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	owner := map[string]exit.Status{}
	for _, row := range exit.Table() {
		if len(row.Codes) == 0 != (row.Status == exit.OK) {
			t.Errorf("status %d has codes %q", row.Status, row.Codes)
		}
		for _, code := range row.Codes {
			if !snake.MatchString(code) {
				t.Errorf("%q is not snake_case", code)
			}
			if first, twice := owner[code]; twice {
				t.Errorf("%q belongs to %d and %d", code, first, row.Status)
			}
			owner[code] = row.Status
			if got, ok := exit.Of(code); !ok || got != row.Status {
				t.Errorf("Of(%q) = %d, %t, want %d", code, got, ok, row.Status)
			}
		}
		if row.Status != exit.OK && row.Status.Code() != row.Codes[0] {
			t.Errorf("status %d: Code = %q, want %q", row.Status, row.Status.Code(), row.Codes[0])
		}
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	if s, ok := exit.Of("no_such_code"); ok || s != exit.Other {
		t.Errorf("Of = %d, %t", s, ok)
	}
	if exit.OK.Code() != "" {
		t.Errorf("OK has code %q", exit.OK.Code())
	}
	for _, s := range []exit.Status{-1, 13, 125} {
		if s.Code() != "error" || s.String() != exit.Other.String() {
			t.Errorf("%d: Code %q, String %q", int(s), s.Code(), s.String())
		}
	}
}

func TestTableIsACopy(t *testing.T) {
	t.Parallel()
	exit.Table()[exit.Usage].Codes[0] = "broken"
	if got := exit.Usage.Code(); got != "usage" {
		t.Errorf("a caller changed the table: %q", got)
	}
}
