package policy

import (
	"fmt"
	"sort"
	"strings"
)

// Error is one thing wrong with a document, and where.
type Error struct {
	Line    int    `json:"line"`   // from 1; 0 if not tied to a place
	Column  int    `json:"column"` // from 1, in characters
	Path    string `json:"path"`   // e.g. spec.controls.outbound.allow[0].ports[1]
	Message string `json:"message"`
}

func (e Error) Error() string {
	s := e.Message
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if e.Line > 0 {
		s = fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, s)
	}
	return s
}

// Errors is everything wrong with a document, in its order.
type Errors []Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// err gives e as an error in document order, or nil if it is empty.
func (e Errors) err() error {
	if len(e) == 0 {
		return nil
	}
	sort.SliceStable(e, func(i, j int) bool { // smaller than slices.SortStableFunc
		if e[i].Line != e[j].Line {
			return e[i].Line < e[j].Line
		}
		return e[i].Column < e[j].Column
	})
	return e
}

// Near is near, for others who read what people write.
func Near(written string, candidates []string) (string, bool) { return near(written, candidates) }

// near gives the candidate that differs least from what was written, if one
// is close enough to be what was meant.
func near(written string, candidates []string) (string, bool) {
	best, at := "", len(written)/3+2
	for _, c := range candidates {
		d := distance(strings.ToLower(written), strings.ToLower(c), at)
		if d < at {
			best, at = c, d
		}
	}
	return best, best != ""
}

// distance counts insertions, deletions and replacements, up to a limit.
func distance(a, b string, limit int) int {
	if abs(len(a)-len(b)) >= limit || len(a) > 64 || len(b) > 64 {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
