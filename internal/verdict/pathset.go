package verdict

import (
	"fmt"
	"strings"

	"github.com/limpet-security/limpet/internal/glob"
	"github.com/limpet-security/limpet/internal/policy"
)

// none is what a set answers when nothing in it matches.
const none = -1

// pathSet finds the first of many path patterns that matches a path. Patterns
// without wildcard are in a hash table; the others hang in a tree of their
// leading literal parts, so that only those under which the path lies are
// tried. The nil set matches nothing.
type pathSet struct {
	exact map[string]int
	root  *pathNode
}

type pathNode struct {
	children map[string]*pathNode
	below    int // "/**" stands here: everything below matches
	globs    []globEntry
}

type globEntry struct {
	index   int
	pattern *glob.Pattern
}

func newPathSet(patterns []policy.Glob) (*pathSet, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	s := &pathSet{exact: map[string]int{}}
	for i, text := range patterns {
		p, err := glob.Compile(string(text))
		if err != nil || !strings.HasPrefix(string(text), "/") {
			return nil, fmt.Errorf("cannot use path pattern %.80q: %w", text, orPattern(err))
		}
		s.add(i, p)
	}
	return s, nil
}

func orPattern(err error) error {
	if err == nil {
		return glob.ErrPattern
	}
	return err
}

func (s *pathSet) add(i int, p *glob.Pattern) {
	if name, ok := p.Literal(); ok {
		if _, dup := s.exact[name]; !dup {
			s.exact[name] = i
		}
		return
	}
	if s.root == nil {
		s.root = &pathNode{below: none}
	}
	n := s.root
	parts, below := p.Prefix()
	for _, part := range parts[1:] { // parts[0] stands before the first slash
		child := n.children[part]
		if child == nil {
			child = &pathNode{below: none}
			if n.children == nil {
				n.children = map[string]*pathNode{}
			}
			n.children[part] = child
		}
		n = child
	}
	switch {
	case !below:
		n.globs = append(n.globs, globEntry{i, p})
	case n.below == none:
		n.below = i
	}
}

// find gives the index of the first pattern that matches, or none. Paths that
// do not start with "/" match nothing.
func (s *pathSet) find(path string) int {
	if s == nil || path == "" || path[0] != '/' {
		return none
	}
	best := none
	if i, ok := s.exact[path]; ok {
		best = i
	}
	rest := path[1:]
	for n := s.root; n != nil && rest != ""; {
		if n.below != none && (best == none || n.below < best) {
			best = n.below
		}
		for _, g := range n.globs {
			if best != none && g.index > best {
				break
			}
			if g.pattern.Match(path) {
				best = g.index
				break
			}
		}
		part, after, more := strings.Cut(rest, "/")
		if !more {
			break
		}
		n, rest = n.children[part], after
	}
	return best
}

func (s *pathSet) has(path string) bool { return s.find(path) != none }

// nameSet finds the first of many name patterns that matches a name.
type nameSet struct {
	exact map[string]int
	globs []globEntry
}

func newNameSet(patterns []policy.Name) (*nameSet, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	s := &nameSet{exact: map[string]int{}}
	for i, text := range patterns {
		p, err := glob.Compile(string(text))
		if err != nil {
			return nil, fmt.Errorf("cannot use name pattern %.80q: %w", text, err)
		}
		if name, ok := p.Literal(); !ok {
			s.globs = append(s.globs, globEntry{i, p})
		} else if _, dup := s.exact[name]; !dup {
			s.exact[name] = i
		}
	}
	return s, nil
}

// find gives the index of the first pattern that matches, or none.
func (s *nameSet) find(name string) int {
	if s == nil || name == "" {
		return none
	}
	best := none
	if i, ok := s.exact[name]; ok {
		best = i
	}
	for _, g := range s.globs {
		if best != none && g.index > best {
			break
		}
		if g.pattern.Match(name) {
			return g.index
		}
	}
	return best
}

// base gives the part after the last slash.
func base(path string) string {
	return path[strings.LastIndexByte(path, '/')+1:]
}
