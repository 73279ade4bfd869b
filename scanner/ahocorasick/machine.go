package ahocorasick

import (
	"math/bits"
	"slices"
)

// tableBytes bounds the full table of transitions.
const tableBytes = 2 << 20

// hit marks a transition into a state where patterns end.
const hit = 1 << 31

// Machine finds patterns.
type Machine struct {
	class [256]uint8 // byte to column; folded
	shift uint       // a row has 1<<shift columns
	dense uint32     // states below it have a row in table
	table []uint32   // [state<<shift|class]: next state, with hit
	// Deep states: edges[first[s-dense]:first[s-dense+1]], and a failure link.
	first []uint32
	edges []edge
	fail  []uint32
	// ends[s] is the first of the patterns that end in s; chain links the rest.
	ends  []int32
	chain []link
	sizes []int // of patterns
}

type edge struct {
	class uint8
	to    uint32 // with hit
}

type link struct{ pattern, next int32 }

// node is a state while it is built.
type node struct {
	next map[uint8]int32
	fail int32
	ends []int32
}

// New makes a machine of patterns. Empty ones are never found.
func New(patterns [][]byte) *Machine {
	m := &Machine{sizes: make([]int, len(patterns))}
	m.classes(patterns)
	nodes := m.trie(patterns)
	order := failures(nodes)
	m.lay(nodes, order)
	return m
}

func fold(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// classes gives every byte that occurs in a pattern a column; column 0 is for the rest.
func (m *Machine) classes(patterns [][]byte) {
	var used [256]bool
	for _, p := range patterns {
		for _, b := range p {
			used[fold(b)] = true
		}
	}
	all := true
	for b := range used {
		all = all && (used[b] || fold(byte(b)) != byte(b))
	}
	n := uint8(1)
	if all { // no byte is left for column 0
		n = 0
	}
	for b := range used {
		if used[b] {
			m.class[b] = n
			n++
		}
	}
	for b := byte('A'); b <= 'Z'; b++ {
		m.class[b] = m.class[fold(b)]
	}
	m.shift = uint(bits.Len8(slices.Max(m.class[:])))
}

func (m *Machine) trie(patterns [][]byte) []node {
	nodes := []node{{}}
	for i, p := range patterns {
		m.sizes[i] = len(p)
		if len(p) == 0 {
			continue
		}
		s := int32(0)
		for _, b := range p {
			c := m.class[b]
			to, ok := nodes[s].next[c]
			if !ok {
				to = int32(len(nodes))
				nodes = append(nodes, node{})
				if nodes[s].next == nil {
					nodes[s].next = make(map[uint8]int32, 1)
				}
				nodes[s].next[c] = to
			}
			s = to
		}
		nodes[s].ends = append(nodes[s].ends, int32(i))
	}
	return nodes
}

// failures sets the failure links and gives the states in order of depth.
func failures(nodes []node) []int32 {
	order := []int32{0}
	for at := 0; at < len(order); at++ {
		s := order[at]
		for _, c := range columns(nodes[s].next) {
			to := nodes[s].next[c]
			order = append(order, to)
			if s == 0 {
				continue
			}
			for f := nodes[s].fail; ; f = nodes[f].fail {
				if next, ok := nodes[f].next[c]; ok {
					nodes[to].fail = next
					break
				}
				if f == 0 {
					break
				}
			}
		}
	}
	return order
}

func columns(next map[uint8]int32) []uint8 {
	list := make([]uint8, 0, len(next))
	for c := range next {
		list = append(list, c)
	}
	slices.Sort(list)
	return list
}

// lay numbers the states by depth and writes the tables.
func (m *Machine) lay(nodes []node, order []int32) {
	number := make([]uint32, len(nodes))
	for n, s := range order {
		number[s] = uint32(n)
	}
	m.ends = make([]int32, len(nodes))
	for n, s := range order {
		m.ends[n] = -1
		if f := number[nodes[s].fail]; s != 0 {
			m.ends[n] = m.ends[f] // shorter patterns that end here too
		}
		for _, p := range slices.Backward(nodes[s].ends) {
			m.chain = append(m.chain, link{pattern: p, next: m.ends[n]})
			m.ends[n] = int32(len(m.chain) - 1)
		}
	}
	target := func(s int32) uint32 {
		n := number[s]
		if m.ends[n] >= 0 {
			n |= hit
		}
		return n
	}
	m.dense = uint32(min(len(nodes), tableBytes/4>>m.shift))
	m.table = make([]uint32, int(m.dense)<<m.shift)
	for n, s := range order[:m.dense] {
		row := m.table[n<<m.shift : (n+1)<<m.shift]
		if s != 0 {
			f := int(number[nodes[s].fail])
			copy(row, m.table[f<<m.shift:(f+1)<<m.shift])
		}
		for c, to := range nodes[s].next {
			row[c] = target(to)
		}
	}
	m.first = append(m.first, 0)
	for _, s := range order[m.dense:] {
		for _, c := range columns(nodes[s].next) {
			m.edges = append(m.edges, edge{class: c, to: target(nodes[s].next[c])})
		}
		m.first = append(m.first, uint32(len(m.edges)))
		m.fail = append(m.fail, number[nodes[s].fail])
	}
}

// States is the number of states.
func (m *Machine) States() int { return len(m.ends) }

// Find calls found for each place where a pattern ends (end is the offset
// behind it), until found gives false. It says whether it came to the end.
func (m *Machine) Find(data []byte, found func(pattern, end int) bool) bool {
	s := uint32(0)
	shift, dense, table := m.shift&15, m.dense, m.table
	for i, b := range data {
		c := m.class[b]
		if s < dense {
			s = table[s<<shift|uint32(c)]
		} else {
			s = m.deep(s, c)
		}
		if s&hit == 0 {
			continue
		}
		s &^= hit
		for l := m.ends[s]; l >= 0; l = m.chain[l].next {
			if !found(int(m.chain[l].pattern), i+1) {
				return false
			}
		}
	}
	return true
}

// deep is the transition out of a state without a row.
func (m *Machine) deep(s uint32, c uint8) uint32 {
	for s >= m.dense {
		d := s - m.dense
		for _, e := range m.edges[m.first[d]:m.first[d+1]] {
			if e.class == c {
				return e.to
			}
		}
		s = m.fail[d]
	}
	return m.table[s<<m.shift|uint32(c)]
}
