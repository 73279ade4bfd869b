package feeds

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// Bounds of what is read.
const (
	MaxRecord      = 64 << 20 // bytes of a file that is one record, or of one record in a file of many
	MaxFile        = 4 << 30  // bytes of a file of many records
	maxFaults      = 20       // that are named; all are counted
	maxDescription = 2000     // bytes that are kept
	maxTitle       = 300
	maxURLs        = 10
	maxVersions    = 20_000 // listed one by one in a record
	maxPackages    = 20_000 // of a record
)

// ErrTooLarge is of input above a bound.
var ErrTooLarge = errors.New("larger than is read")

// Out takes what readers read from one feed, and counts it.
type Out struct {
	W       *vulndb.Writer
	Source  string // name of the feed, as rows carry it
	Records int
	Bad     int
	Newest  string
	Faults  []string
	// Skipped counts records that are none of ours on purpose (withdrawn,
	// informational, of a product without packages), by reason.
	Skipped map[string]int
}

// advisory adds a row; one that the writer refuses is a fault of its record.
func (o *Out) advisory(eco vulndb.Ecosystem, name string, a vulndb.Advisory) error {
	if a.Source == "" {
		a.Source = o.Source
	}
	if a.Status == "" {
		a.Status = vulndb.Affected
	}
	a.URLs = firstURLs(a.URLs)
	return o.W.Advisory(eco, name, a)
}

func (o *Out) detail(d vulndb.Detail) error {
	d.Title, d.Description = clip(oneLine(d.Title), maxTitle), clip(strings.TrimSpace(d.Description), maxDescription)
	d.URLs = firstURLs(d.URLs)
	return o.W.Detail(o.Source, d)
}

// record counts a record by what came of it.
func (o *Out) record(name, modified string, err error) {
	if err != nil {
		o.Fault(name, err)
		return
	}
	o.Records++
	if day(modified) != "" {
		o.Newest = max(o.Newest, modified)
	}
}

func (o *Out) skip(reason string) {
	if o.Skipped == nil {
		o.Skipped = map[string]int{}
	}
	o.Skipped[reason]++
	o.Records++
}

// Fault counts something that could not be read.
func (o *Out) Fault(name string, err error) {
	o.Bad++
	if len(o.Faults) < maxFaults {
		o.Faults = append(o.Faults, clip(fmt.Sprintf("%s: %v", name, err), 300))
	}
}

// readAll reads a file that is one record.
func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxRecord+1))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxRecord {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxRecord)
	}
	return b, nil
}

var (
	isDate = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}`)
	isCVE  = regexp.MustCompile(`^CVE-\d{4}-\d{4,}$`)
	anyCVE = regexp.MustCompile(`CVE-\d{4}-\d{4,}`)
)

// cves gives the CVE ids of lists, in order, each once; ids that wrap one
// (UBUNTU-CVE-2024-1, DEBIAN-CVE-2024-1) count as it.
func cves(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		for _, s := range l {
			if c := anyCVE.FindString(s); c != "" && (c == s || strings.HasSuffix(s, "-"+c)) {
				out = append(out, c)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func firstURLs(l []string) []string {
	var out []string
	for _, u := range l {
		if (strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://")) && len(u) <= 500 && !slices.Contains(out, u) {
			out = append(out, u)
		}
		if len(out) == maxURLs {
			break
		}
	}
	return out
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// clip cuts a text where a character ends.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// day gives the date of a time stamp, "" for none.
func day(s string) string {
	if !isDate.MatchString(s) || strings.HasPrefix(s, "0001-") {
		return ""
	}
	return s[:10]
}
