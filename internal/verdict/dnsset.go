package verdict

import (
	"strings"

	"github.com/limpet-security/limpet/internal/policy"
)

// hostSet finds the first of many host name patterns that matches a name. The
// nil set matches nothing. Names that are looked up are lower case, without
// the last dot.
type hostSet struct {
	exact map[string]int
	below map[string]int // *.NAME, by NAME: everything below, not NAME itself
}

func newHostSet(names []policy.DNSName) *hostSet {
	if len(names) == 0 {
		return nil
	}
	s := &hostSet{exact: map[string]int{}, below: map[string]int{}}
	for i, n := range names {
		name, m := strings.ToLower(string(n)), s.exact
		if rest, ok := strings.CutPrefix(name, "*."); ok {
			name, m = rest, s.below
		}
		if _, dup := m[name]; !dup {
			m[name] = i
		}
	}
	return s
}

// find gives the index of the first pattern that matches, or none.
func (s *hostSet) find(name string) int {
	if s == nil || name == "" {
		return none
	}
	best := none
	if i, ok := s.exact[name]; ok {
		best = i
	}
	for rest := name; ; {
		_, after, more := strings.Cut(rest, ".")
		if !more {
			return best
		}
		if i, ok := s.below[after]; ok && (best == none || i < best) {
			best = i
		}
		rest = after
	}
}

func (s *hostSet) has(name string) bool { return s.find(name) != none }

// any says whether one of names matches.
func (s *hostSet) any(names []string) bool {
	if s == nil {
		return false
	}
	for _, n := range names {
		if s.has(n) {
			return true
		}
	}
	return false
}

// NameNeeds says what an engine looks at in name resolution.
type NameNeeds struct {
	Names       bool // some control judges names, or addresses by name
	Questions   bool // Query must be asked about questions
	Answers     bool // Query must be asked about what answers hold
	RecordNames bool // every question is to be recorded
	AllowNames  bool // some allow rule of outbound names hosts
	Talk        bool // Talk must be asked about connections to ports that pools use
	Proxies     bool // Talk must be asked about what proxies are asked for
	BadNames    bool // the reputation control has names
	Wildcards   bool // some rule of outbound names hosts by pattern
	// Hosts are the host names of outbound rules without patterns: their
	// addresses should be known before somebody connects there.
	Hosts []string
}

// maxHosts bounds the names that are looked up unasked.
const maxHosts = 256

func (n *NameNeeds) hosts(names []policy.DNSName, allow bool) {
	for _, name := range names {
		n.Names = true
		n.AllowNames = n.AllowNames || allow
		host := strings.ToLower(string(name))
		if strings.HasPrefix(host, "*.") {
			n.Wildcards = true
			continue
		}
		if len(n.Hosts) < maxHosts {
			n.Hosts = append(n.Hosts, host)
		}
	}
}
