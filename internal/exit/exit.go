// Package exit is the table of exit statuses of keyhold and keyhold-server.
//
// A status says what a script can do about a failure; an error code, printed
// with --json, says what it was. Neither is ever renumbered or renamed.
package exit

// A Status is what a command ends with.
type Status int

// The statuses. Their numbers are promised to scripts.
const (
	OK        Status = iota // it worked
	Other                   // any failure that has no status of its own
	Usage                   // the command line is wrong, or asks for what this backend lacks
	Declined                // a question was answered with no
	Locked                  // no open session, a wrong password, or signed out
	NotFound                // the item, vault, profile or field is not there
	Ambiguous               // a name has several matches
	Denied                  // allowed to others, not to this account or session
	Conflict                // something moved on, exists already or is not empty
	Service                 // the network or the service failed
	Damaged                 // data does not verify, or is not what was pinned
	Findings                // a check or a dry run found something
	NoAnswer                // an answer or a value is missing and nobody can be asked
)

// A Row is one line of the table.
type Row struct {
	Status  Status
	Meaning string
	Codes   []string // the error codes that end with Status, the general one first
}

// Table returns the statuses in order, with their meanings and codes. The
// result is the caller's.
func Table() []Row {
	return []Row{
		{OK, "ok", nil},
		{Other, "any other failure", []string{"error", "busy", "store_too_new", "no_keyring", "io"}},
		{Usage, "wrong usage, or not supported here", []string{"usage", "unsupported"}},
		{Declined, "a question was declined", []string{"declined"}},
		{Locked, "locked, wrong password or signed out", []string{"locked", "wrong_password", "signed_out", "session_revoked", "account_locked"}},
		{NotFound, "not found", []string{"not_found", "no_vault", "no_profile", "no_field"}},
		{Ambiguous, "ambiguous: several things have that name", []string{"ambiguous"}},
		{Denied, "denied", []string{"denied"}},
		{Conflict, "conflict, exists already, or not empty", []string{"conflict", "exists", "not_empty"}},
		{Service, "network or service failure", []string{"network", "service", "offline", "rate_limited"}},
		{Damaged, "damaged or forged", []string{"damaged", "forged", "rollback", "weak_kdf", "changed_key"}},
		{Findings, "findings: a check found something, or a dry run would change something", []string{"findings"}},
		{NoAnswer, "an answer or a value is missing and nobody can be asked", []string{"no_answer"}},
	}
}

// Of returns the status that an error code ends with, and false for a code
// that is not in the table.
func Of(code string) (Status, bool) {
	for _, row := range Table() {
		for _, c := range row.Codes {
			if c == code {
				return row.Status, true
			}
		}
	}
	return Other, false
}

// Code returns the general error code of s: "" for OK, and "error" for a
// number that is not in the table.
func (s Status) Code() string {
	table := Table()
	switch {
	case s == OK:
		return ""
	case s < 0 || int(s) >= len(table):
		return table[Other].Codes[0]
	}
	return table[s].Codes[0]
}

// String returns the meaning of s.
func (s Status) String() string {
	table := Table()
	if s < 0 || int(s) >= len(table) {
		return table[Other].Meaning
	}
	return table[s].Meaning
}
