package resolve

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// tunnels looks for data that is carried in names: iodine, dnscat2, dns2tcp,
// and hand-made loops of `dig $(base32 ...)`. They need many different names
// below one domain, because an answer that is cached carries nothing, and they
// fill names up, because a name has room for about 150 bytes only. Counts are
// kept for a window of a minute, per domain that somebody can register.
//
// What else looks like that: reverse lookups (left out), block lists (short
// labels), the services of a large cluster and a cloud's names for addresses
// (words and hyphens: only a flood of them counts), virus scanners that ask for digests of files (they do look like it;
// a policy can except the process).
type tunnels struct {
	mu sync.Mutex
	m  map[string]*domain
}

// domain is what was asked below one domain within the window.
type domain struct {
	began   time.Time
	flagged time.Time // since when it counts as a tunnel
	why     string
	names   map[uint64]struct{} // hashes of different prefixes
	bytes   int                 // of them
	coded   int                 // of them that are long and look like encoded data
	dense   int                 // of them that look like encoded data without any hyphens
	odd     int                 // of types that carry much: NULL, TXT, private ones
}

// Where a domain becomes suspicious, within the window.
const (
	tunnelWindow = time.Minute
	tunnelHold   = 10 * time.Minute // after the last question that looked like it
	maxDomains   = 1024
	maxPrefixes  = 512 // of one domain; more are not looked at
	longPrefix   = 100 // bytes below the domain in one name that looks encoded
	longNames    = 3   // of those: one can be a certificate's fingerprint
	manyBytes    = 4096
	manyNames    = 60
	meanPrefix   = 20       // bytes a name, with manyNames
	floodBytes   = 16 << 10 // whatever the names look like
	floodNames   = 400
	manyOdd      = 20
	manyNull     = 3
)

// see takes a question into account and says why names below its domain look
// like a tunnel; "" if they do not.
func (t *tunnels) see(name string, typ uint16, now time.Time) string {
	base, prefix := split(name)
	if prefix == "" || strings.HasSuffix(base, ".arpa") || base == "arpa" {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.m[base]
	if d == nil {
		d = t.add(base, now)
	}
	if now.Sub(d.began) > tunnelWindow {
		*d = domain{began: now, flagged: d.flagged, why: d.why, names: map[uint64]struct{}{}}
	}
	d.count(prefix, typ)
	if why := d.judge(); why != "" {
		d.flagged, d.why = now, why
	}
	if !d.flagged.IsZero() && now.Sub(d.flagged) < tunnelHold {
		return d.why
	}
	return ""
}

func (t *tunnels) add(base string, now time.Time) *domain {
	if t.m == nil {
		t.m = make(map[string]*domain)
	}
	if len(t.m) >= maxDomains {
		for b, d := range t.m {
			if now.Sub(d.began) > tunnelWindow && now.Sub(d.flagged) > tunnelHold {
				delete(t.m, b)
			}
		}
		for b, d := range t.m { // a flood of domains must not hide one of them
			if len(t.m) < maxDomains {
				break
			}
			if d.flagged.IsZero() && len(d.names) < 4 {
				delete(t.m, b)
			}
		}
		for b := range t.m {
			if len(t.m) < maxDomains {
				break
			}
			delete(t.m, b)
		}
	}
	d := &domain{began: now, names: map[uint64]struct{}{}}
	t.m[base] = d
	return d
}

func (d *domain) count(prefix string, typ uint16) {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(prefix) {
		h = (h ^ uint64(prefix[i])) * 1099511628211
	}
	if _, dup := d.names[h]; dup {
		return
	}
	if len(d.names) >= maxPrefixes {
		return // enough is known, and one more cannot be told from one again
	}
	d.names[h] = struct{}{}
	d.bytes += len(prefix)
	if len(prefix) >= longPrefix && encoded(prefix) {
		d.coded++
	}
	if len(prefix) >= meanPrefix && strings.Count(prefix, "-")*20 <= len(prefix) && encoded(prefix) {
		d.dense++
	}
	switch {
	case typ == typeNULL, typ == 65399, typ >= 65280 && typ < 65535:
		d.odd += manyOdd/manyNull + 1
	case typ == 16, typ == 25, typ == 37, typ == 48, typ == 99: // TXT, KEY, CERT, DNSKEY, SPF
		d.odd++
	}
}

func (d *domain) judge() string {
	n := len(d.names)
	switch {
	case d.coded >= longNames:
		return fmt.Sprintf("%d names of more than %d bytes that look like encoded data within a minute", d.coded, longPrefix)
	case d.odd >= manyOdd:
		return fmt.Sprintf("many different names asked for TXT, NULL or private records within a minute (%d)", n)
	case d.bytes >= manyBytes && n >= manyNames && d.bytes/n >= meanPrefix && d.dense*5 >= n*4,
		d.bytes >= floodBytes && n >= floodNames && d.bytes/n >= meanPrefix:
		return fmt.Sprintf("%d different names with %d bytes in all within a minute", n, d.bytes)
	}
	return ""
}

// Domain gives the part of a name that somebody can register.
func Domain(name string) string {
	base, _ := split(name)
	return base
}

// split takes a name apart: the domain that somebody can register, by rule of
// thumb, and what stands before it. Below a country's two letters a short or
// usual second part (co.uk, com.au) belongs to the registry.
func split(name string) (base, prefix string) {
	cut := func(s string, labels int) int {
		i := len(s)
		for range labels {
			if i = strings.LastIndexByte(s[:i], '.'); i < 0 {
				return -1
			}
		}
		return i
	}
	n := 2
	if i := cut(name, 1); i >= 0 && len(name)-i-1 == 2 {
		second := name[strings.LastIndexByte(name[:i], '.')+1 : i]
		if len(second) <= 3 && slices.Contains([]string{"co", "com", "net", "org", "gov", "edu", "ac", "ne", "or", "go", "gob", "nom"}, second) {
			n = 3
		}
	}
	i := cut(name, n)
	if i < 0 {
		return name, ""
	}
	return name[i+1:], name[:i]
}

// encoded says that a text looks like base16, base32 or base64: its characters
// are spread as if by chance.
func encoded(s string) bool {
	var count [256]int
	n, odd := 0, 0
	for i := range len(s) {
		if s[i] != '.' {
			count[s[i]]++
			n++
		}
		if s[i] >= '0' && s[i] <= '9' || s[i] >= 0x80 || s[i] < ' ' {
			odd++
		}
	}
	if n == 0 {
		return false
	}
	bits := 0.0
	for _, c := range count {
		if c > 0 {
			p := float64(c) / float64(n)
			bits -= p * math.Log2(p)
		}
	}
	// Hexadecimal has up to 4 bits a character, base32 5. So has text, nearly;
	// but text has few digits.
	return bits >= 3.4 && odd*10 >= n
}
