package vulndata

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/scanner/cybercenter"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// Outcome is what came of an attempt to pull.
type Outcome string

// Outcomes. Of all but the first two the database held stays.
const (
	Updated     Outcome = "updated"
	UpToDate    Outcome = "upToDate"
	Downgrade   Outcome = "downgrade"   // an older one was refused
	Untrusted   Outcome = "untrusted"   // no trusted key has signed it, or its bytes are others
	OtherSchema Outcome = "schema"      // another release must read it
	Unreachable Outcome = "unreachable" // nobody answered
	Failed      Outcome = "failed"      // anything else, such as a download that broke off
)

func (o Outcome) failed() bool { return o != Updated && o != UpToDate }

// Attempt is one attempt to pull.
type Attempt struct {
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"took"`
	By       string        `json:"by,omitempty"` // who asked; "": the interval
	Outcome  Outcome       `json:"outcome"`
	Error    string        `json:"error,omitempty"`
	Mirror   string        `json:"mirror,omitempty"`
	Delta    bool          `json:"delta,omitempty"`
	Bytes    int64         `json:"bytes,omitempty"`
	Warnings []string      `json:"warnings,omitempty"` // mirrors that failed before one did not
}

// MatchedReports says when reports were matched with a database the last time.
type MatchedReports struct {
	Digest  string
	Built   time.Time
	At      time.Time
	Reports int // of the tenant, since that database came
	Error   string
}

// Database is what the file at Path holds.
type Database struct {
	vulndb.Meta
	Size      int64
	Changed   time.Time // when the file became what it is
	Signature Signature
	Signer    string // identifier of the key that signed it, where it is Verified
	Flaw      string // what is wrong with the signature
}

// Signature says what is known of a database's signature.
type Signature string

// What is known of signatures.
const (
	Verified   Signature = "verified"
	Unsigned   Signature = "unsigned"
	NotChecked Signature = "notChecked" // the server was given no key
	Wrong      Signature = "wrong"
)

// Status is how the database of a server stands.
type Status struct {
	Path     string
	Held     *Database // nil: there is none
	Problem  string    // why the file that is there cannot be read
	Mirrors  []string
	Interval time.Duration
	Next     time.Time // when it is pulled next
	Updating bool
	Matching bool
	Attempt  *Attempt
	Good     time.Time // when a pull succeeded the last time
	Failures int       // attempts since then
	Matched  *MatchedReports
}

// known is what is remembered across restarts.
type known struct {
	Attempt  *Attempt  `json:"attempt,omitempty"`
	Good     time.Time `json:"good,omitzero"`
	Failures int       `json:"failures,omitempty"`
	Matched  *match    `json:"matched,omitempty"`
}

type match struct {
	Digest  string              `json:"digest"`
	Built   time.Time           `json:"built"`
	At      time.Time           `json:"at"`
	Reports inventory.Rematched `json:"reports"`
	Error   string              `json:"error,omitempty"`
}

// maxError bounds what is kept of an error, in bytes.
const maxError = 2000

func (s *Service) attempt(p cybercenter.Pulled, err error, by string, began time.Time) Attempt {
	a := Attempt{At: began.UTC(), Took: time.Since(began), By: by, Outcome: UpToDate, Mirror: hide(p.Mirror), Delta: p.Delta, Bytes: p.Bytes}
	for _, w := range p.Warnings {
		a.Warnings = append(a.Warnings, s.clean(w))
	}
	var call *url.Error
	switch {
	case err == nil && p.Changed:
		a.Outcome = Updated
	case err == nil:
	case errors.Is(err, cybercenter.ErrDowngrade):
		a.Outcome = Downgrade
	case errors.Is(err, cybercenter.ErrSignature), errors.Is(err, cybercenter.ErrMalformed):
		a.Outcome = Untrusted
	case errors.Is(err, vulndb.ErrSchema):
		a.Outcome = OtherSchema
	case errors.As(err, &call):
		a.Outcome = Unreachable
	default:
		a.Outcome = Failed
	}
	if err != nil {
		a.Error = s.clean(err.Error())
	}
	return a
}

// clean bounds a text and takes credentials of mirrors' addresses out of it.
func (s *Service) clean(text string) string {
	for _, m := range s.Mirrors {
		text = strings.ReplaceAll(text, m, hide(m))
	}
	return strings.ToValidUTF8(text[:min(len(text), maxError)], "")
}

// hide takes a password out of an address.
func hide(address string) string {
	if u, err := url.Parse(address); err == nil && u.User != nil {
		u.User = nil
		return u.String()
	}
	return address
}

func (k *known) note(a Attempt) {
	k.Attempt = &a
	if a.Outcome.failed() {
		k.Failures++
		return
	}
	k.Good, k.Failures = a.At, 0
}

// matched notes that reports were matched, and says whether that was news. What a
// database is asked for later is added to what it was asked for when it came.
func (k *known) matched(m vulndb.Meta, n inventory.Rematched, err error, now time.Time) bool {
	text := ""
	if err != nil {
		text = err.Error()
		text = strings.ToValidUTF8(text[:min(len(text), maxError)], "")
	}
	if k.Matched != nil && k.Matched.Digest == m.Digest && n.Total() == 0 && k.Matched.Error == text {
		return false
	}
	if k.Matched == nil || k.Matched.Digest != m.Digest {
		k.Matched = &match{Digest: m.Digest, Built: m.Built, Reports: inventory.Rematched{}}
	}
	if k.Matched.Reports == nil {
		k.Matched.Reports = inventory.Rematched{}
	}
	k.Matched.At, k.Matched.Error = now.UTC(), text
	for t, c := range n {
		k.Matched.Reports[t] += c
	}
	return true
}

// held is the file as it was looked at last.
type held struct {
	file      os.FileInfo
	signature time.Time // when the signature beside it was written
	database  *Database
	problem   string
}

// look reads what the file says of itself and checks its signature, where it has
// become another since the last time: that reads all of it.
func (s *Service) look() error {
	file, err := os.Stat(s.Path)
	var h held
	if err == nil {
		h.file = file
		if sig, err := os.Stat(s.Path + cybercenter.SignatureExt); err == nil {
			h.signature = sig.ModTime()
		}
		s.mu.Lock()
		old := s.held
		s.mu.Unlock()
		if old.database != nil && old.file.ModTime().Equal(file.ModTime()) && old.file.Size() == file.Size() && os.SameFile(old.file, file) && old.signature.Equal(h.signature) {
			return nil
		}
		h.database, err = s.describe(file)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.problem = err.Error()
	}
	s.mu.Lock()
	s.held = h
	s.mu.Unlock()
	return err
}

func (s *Service) describe(file os.FileInfo) (*Database, error) {
	db, err := vulndb.Open(s.Path)
	if err != nil {
		return nil, err
	}
	d := &Database{Meta: db.Meta(), Size: file.Size(), Changed: file.ModTime().UTC(), Signature: NotChecked}
	if err := db.Close(); err != nil {
		return nil, err
	}
	if len(s.Keys) == 0 {
		return d, nil
	}
	switch p, err := cybercenter.VerifyFile(s.Path, s.Keys); {
	case err == nil:
		d.Signature, d.Signer = Verified, p.KeyID
	case errors.Is(err, fs.ErrNotExist):
		d.Signature = Unsigned
	default:
		d.Signature, d.Flaw = Wrong, err.Error()
	}
	return d, nil
}

func (s *Service) recall() error {
	if s.State == "" {
		return nil
	}
	b, err := os.ReadFile(s.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var k known
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err == nil {
		s.known = k
	}
	return err
}

// remember writes what is known; s.mu is held.
func (s *Service) remember() {
	if s.State == "" {
		return
	}
	b, err := json.Marshal(s.known)
	if err == nil {
		temp := s.State + ".new"
		if err = os.WriteFile(temp, b, 0o600); err == nil {
			err = os.Rename(temp, s.State)
		}
	}
	if err != nil {
		s.Log.Warn("cannot remember what became of the vulnerability database", "error", err)
	}
}
