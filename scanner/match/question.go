package match

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// A match depends on nothing but the report and what its source answers: a
// source that gives the same answers to the questions that were asked last time
// is asked the same again, and the same comes of it.

var errQuestion = errors.New("not a question")

// The kinds of questions, one for each method of a Source.
const (
	askAdvisories = 'a'
	askDetail     = 'd'
	askEcosystem  = 'e'
	askJar        = 'j'
	askRelease    = 'r'
)

// Asked is a Source that notes what is asked of it. It is used by one goroutine.
type Asked struct {
	Source
	noted  map[string]bool
	failed bool
}

// Ask begins to note what is asked of a source.
func Ask(src Source) *Asked { return &Asked{Source: src, noted: map[string]bool{}} }

// Questions gives what was asked, in order; false where the source could not
// answer all of it.
func (a *Asked) Questions() ([]string, bool) { return slices.Sorted(maps.Keys(a.noted)), !a.failed }

// question writes a question: its kind, the length of the first name, both names.
func question(kind byte, first, second string) string {
	b := binary.AppendUvarint([]byte{kind}, uint64(len(first)))
	return string(append(append(b, first...), second...))
}

func (a *Asked) note(kind byte, first, second string, err error) {
	a.noted[question(kind, first, second)] = true
	a.failed = a.failed || err != nil
}

// Advisories implements Source.
func (a *Asked) Advisories(eco vulndb.Ecosystem, name string) ([]vulndb.Advisory, error) {
	rows, err := a.Source.Advisories(eco, name)
	a.note(askAdvisories, string(eco), name, err)
	return rows, err
}

// Detail implements Source.
func (a *Asked) Detail(id string) (vulndb.Detail, bool, error) {
	d, ok, err := a.Source.Detail(id)
	a.note(askDetail, id, "", err)
	return d, ok, err
}

// HasEcosystem implements Source.
func (a *Asked) HasEcosystem(eco vulndb.Ecosystem) bool {
	a.note(askEcosystem, string(eco), "", nil)
	return a.Source.HasEcosystem(eco)
}

// Jar implements Source.
func (a *Asked) Jar(sha1 string) (string, error) {
	name, err := a.Source.Jar(sha1)
	a.note(askJar, sha1, "", err)
	return name, err
}

// Release implements Source.
func (a *Asked) Release(id, version string) (vulndb.Release, bool, error) {
	r, ok, err := a.Source.Release(id, version)
	a.note(askRelease, id, version, err)
	return r, ok, err
}

// SumAnswer gives a digest of a source's answer to a question. Of an EPSS score,
// which is another each day, it holds what likely says of it. The end of a release's
// life is judged by the date of the source, so whether it has passed is in it too.
func SumAnswer(src Source, q string, likely func(*finding.EPSS) bool) (vulndb.Sum, error) {
	if q == "" {
		return vulndb.Sum{}, fmt.Errorf("cannot ask: %w", errQuestion)
	}
	size, n := binary.Uvarint([]byte(q[1:]))
	if n <= 0 || size > uint64(len(q)-1-n) {
		return vulndb.Sum{}, fmt.Errorf("cannot ask %.40q: %w", q, errQuestion)
	}
	first, second := q[1+n:1+n+int(size)], q[1+n+int(size):]
	said := func(words ...any) vulndb.Sum { return sha256.Sum256(fmt.Appendf(nil, "%q", words)) }
	switch q[0] {
	case askAdvisories:
		rows, err := src.Advisories(vulndb.Ecosystem(first), second)
		if err != nil || len(rows) == 0 {
			return vulndb.Sum{}, err
		}
		return vulndb.SumRows(rows)
	case askDetail:
		d, ok, err := src.Detail(first)
		if err != nil || !ok {
			return vulndb.Sum{}, err
		}
		score := d.EPSS
		d.EPSS = nil
		rest, err := vulndb.SumDetail(d)
		return said(string(rest[:]), fmt.Sprint(score != nil, score != nil && likely(score))), err
	case askEcosystem:
		return said(fmt.Sprint(src.HasEcosystem(vulndb.Ecosystem(first)))), nil
	case askJar:
		name, err := src.Jar(first)
		return said(name), err
	case askRelease:
		r, ok, err := src.Release(first, second)
		if err != nil || !ok {
			return vulndb.Sum{}, err
		}
		end := cmp.Or(r.Extended, r.EndOfLife)
		return said(end, fmt.Sprint(ended(end, src.Database().Built))), nil
	}
	return vulndb.Sum{}, fmt.Errorf("cannot ask %.40q: %w", q, errQuestion)
}
