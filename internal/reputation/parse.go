package reputation

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/limpet-security/limpet/internal/addrset"
	"github.com/limpet-security/limpet/internal/policy"
)

// Formats of a list's text.
const (
	Text = "text" // one entry a line; # and ; start comments; also lines of a hosts file
	CSV  = "csv"  // one record a line, the entry in one column; # starts a comment line
)

// Source is a list as its author wrote it.
type Source struct {
	Format  string `json:"format,omitempty" enum:"text,csv" doc:"text (the default): one address, network, range or host name a line, # and ; start comments. csv: the entry stands in one column"`
	Column  string `json:"column,omitempty" maxLength:"128" doc:"csv: the column's number, from 1 (the default), or its name in the first line"`
	Content string `json:"content" maxLength:"8388608" doc:"The list"`
}

// Report says what was read.
type Report struct {
	Entries  int      `json:"entries" doc:"Lines that hold an address, a network, a range or a name"`
	Ranges   int      `json:"ranges" doc:"Ranges of addresses, after those that touch were joined"`
	Names    int      `json:"names" doc:"Different host names"`
	Warnings []string `json:"warnings,omitempty" doc:"What a person should look at"`
}

// Normal gives text with the line breaks and without the trailing spaces that
// would not survive a document.
func Normal(content string) string {
	var b strings.Builder
	b.Grow(len(content) + 1)
	for line := range strings.Lines(strings.TrimPrefix(content, "\ufeff")) {
		b.WriteString(strings.TrimSpace(line))
		b.WriteByte('\n')
	}
	return b.String()
}

// Parse reads a list. An error about lines is of type policy.Errors and holds
// the first policy.MaxErrors of them; lines are those of the content.
func Parse(name string, s Source) (*List, Report, error) {
	p := parser{}
	switch {
	case len(s.Content) > MaxContent:
		p.fail(0, 0, fmt.Sprintf("the list is larger than %d MiB; split it", MaxContent>>20))
	case !utf8.ValidString(s.Content) || strings.ContainsRune(s.Content, 0):
		p.fail(0, 0, "the list is not UTF-8 text")
	case s.Format == CSV:
		p.csv(s)
	case s.Format == Text || s.Format == "":
		if s.Column != "" {
			p.fail(0, 0, "only csv has columns")
		}
		p.text(s.Content)
	default:
		p.fail(0, 0, fmt.Sprintf("format %.20q is not known; want text or csv", s.Format))
	}
	if p.entries == 0 && len(p.errs) == 0 {
		p.fail(0, 0, "the list holds no address and no name")
	}
	if len(p.errs) > 0 {
		return nil, Report{}, p.errs
	}
	p.addrs.Seal()
	l, err := build(name, p.addrs, p.names)
	if err != nil {
		return nil, Report{}, err
	}
	r := Report{Entries: p.entries, Warnings: p.warnings(l)}
	r.Ranges, r.Names = l.Size()
	return l, r, nil
}

type parser struct {
	addrs   addrset.Set
	names   []string
	entries int
	errs    policy.Errors
}

// fail notes what is wrong; it says false when enough has been noted.
func (p *parser) fail(line, column int, message string) bool {
	p.errs = append(p.errs, policy.Error{Line: line, Column: column, Path: "content", Message: message})
	return len(p.errs) < policy.MaxErrors
}

func (p *parser) text(content string) {
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(content, "\ufeff")) {
		n++
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		entry, column := words[0], 1+strings.Index(line, words[0])
		if len(words) == 2 && nowhere(words[0]) { // of a hosts file
			entry = words[1]
		} else if len(words) > 1 {
			if !p.fail(n, column, "a line holds one entry; for tables use format csv") {
				return
			}
			continue
		}
		if !p.add(n, column, entry) {
			return
		}
	}
}

// nowhere is where hosts files send the names that they block.
func nowhere(s string) bool { return s == "0.0.0.0" || s == "127.0.0.1" || s == "::" || s == "::1" }

func (p *parser) csv(s Source) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(s.Content, "\ufeff")))
	r.Comment, r.FieldsPerRecord, r.ReuseRecord, r.TrimLeadingSpace = '#', -1, true, true
	at, named := 0, ""
	if n, err := strconv.Atoi(s.Column); err == nil && n >= 1 {
		at = n - 1
	} else if err == nil {
		p.fail(0, 0, "columns are counted from 1")
		return
	} else {
		named = strings.TrimSpace(s.Column)
	}
	for {
		rec, err := r.Read()
		var wrong *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if named != "" {
				p.fail(1, 1, fmt.Sprintf("no column is named %.80q", s.Column))
			}
			return
		case errors.As(err, &wrong):
			p.fail(wrong.Line, wrong.Column, wrong.Err.Error())
			return
		case err != nil:
			p.fail(0, 0, err.Error())
			return
		}
		line, _ := r.FieldPos(0)
		if named != "" { // the first line names the columns
			for i, f := range rec {
				if strings.EqualFold(strings.TrimSpace(f), named) {
					at, named = i, ""
					break
				}
			}
			if named != "" {
				p.fail(line, 1, fmt.Sprintf("no column is named %.80q", s.Column))
				return
			}
			continue
		}
		if at >= len(rec) {
			if !p.fail(line, 1, fmt.Sprintf("there are only %d columns", len(rec))) {
				return
			}
			continue
		}
		entry := strings.TrimSpace(rec[at])
		if entry == "" {
			continue
		}
		line, column := r.FieldPos(at)
		if !p.add(line, column, entry) {
			return
		}
	}
}

// widest are the shortest prefixes that a list may hold: a wider network is a
// mistake that would cut a workload off.
const widest = 3

// add takes one entry; it says false when reading on makes no sense.
func (p *parser) add(line, column int, entry string) bool {
	if p.entries++; p.entries > MaxEntries {
		p.fail(line, column, fmt.Sprintf("more than %d entries; split the list", MaxEntries))
		return false
	}
	wrong := ""
	first, last, dash := strings.Cut(entry, "-")
	from, err := netip.ParseAddr(first)
	switch {
	case dash && err == nil:
		to, err := netip.ParseAddr(last)
		switch {
		case err != nil || from.Zone()+to.Zone() != "":
			wrong = "not a range of addresses; write 192.0.2.1-192.0.2.9"
		case tooWide(from.Unmap(), to.Unmap()):
			wrong = "covers more than an eighth of all addresses"
		case !p.addrs.AddRange(from, to):
			wrong = "the range is reversed, or its ends are of two families"
		}
	case err == nil || strings.ContainsAny(entry, "/:"):
		prefix, err := policy.CIDR(entry).Prefix()
		switch {
		case err != nil:
			wrong = err.Error()
		case prefix.Bits() < widest:
			wrong = "covers more than an eighth of all addresses"
		default:
			p.addrs.Add(prefix)
		}
	default:
		name := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(entry, "*."), "."))
		switch err := policy.DNSName(name).Check(); {
		case err != nil:
			wrong = err.Error()
		case strings.HasPrefix(name, "*"):
			wrong = "* stands only once, at the start"
		case !strings.Contains(name, "."):
			wrong = "a name of one part would stand for a whole top-level domain"
		case strings.Trim(name, "0123456789.") == "":
			wrong = "neither an address nor a host name"
		default:
			p.names = append(p.names, name)
		}
	}
	return wrong == "" || p.fail(line, column, fmt.Sprintf("%.80q: %s", entry, wrong))
}

func tooWide(from, to netip.Addr) bool {
	if from.BitLen() != to.BitLen() {
		return false // said otherwise
	}
	a, _ := from.Prefix(widest)
	b, _ := to.Prefix(widest)
	return a != b
}

// private are networks that hold the workload's own neighbours. They stand in
// published lists of addresses that nobody has on the internet.
var private = []struct {
	net  netip.Prefix
	what string
}{
	{netip.MustParsePrefix("10.0.0.0/8"), "private"}, {netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"}, {netip.MustParsePrefix("100.64.0.0/10"), "shared (carriers, clouds)"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local, and the cloud's metadata"}, {netip.MustParsePrefix("fc00::/7"), "private"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
}

func (p *parser) warnings(l *List) (out []string) {
	for _, n := range private {
		if l.addrs.Overlaps(n.net) {
			out = append(out, fmt.Sprintf("The list holds addresses of %s, which is %s: the workload's own neighbours may be there.", n.net, n.what))
		}
	}
	if l.addrs.Has(netip.AddrFrom4([4]byte{127, 0, 0, 1})) || l.addrs.Has(netip.IPv6Loopback()) {
		out = append(out, "The list holds loopback addresses, which never count.")
	}
	return out
}

// IsCSV guesses from a file's first bytes whether it is CSV.
func IsCSV(head []byte) bool {
	for line := range bytes.Lines(head) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' && line[0] != ';' {
			return bytes.IndexByte(line, ',') >= 0
		}
	}
	return false
}
