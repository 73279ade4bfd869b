package sweep

import (
	"testing"
	"time"
)

// TestSteps: who was given an id since the look before is found without a list
// of all; with visitors here, or when it is time, all are listed.
func TestSteps(t *testing.T) {
	j := &judge{wants: Wants{Sessions: true, Policy: 1}}
	inside, _ := sleeper(t)
	tr := &tree{first: inside}
	s := within(t, j, tr)
	now := time.Now()
	s.Look(now)
	full := s.full
	late, _ := sleeper(t)
	tr.below, s.last = []int{late}, late-1 // whoever else began on this machine
	// An id that somebody had who is gone.
	s.known[late] = &process{pid: late, place: elsewhere}
	if !s.step(now, late, nil) {
		t.Fatal("all were listed")
	}
	if p := s.known[late]; p == nil || p.place == elsewhere || s.full != full {
		t.Errorf("%+v", p)
	}
	for what, bad := range map[string]func() (last int, at time.Time){
		"too many":    func() (int, time.Time) { return s.last + maxSteps + 1, now },
		"anew":        func() (int, time.Time) { return s.last - 1, now },
		"it is time":  func() (int, time.Time) { return late, now.Add(whole) },
		"a visitor":   func() (int, time.Time) { s.visitors = make([]*process, 1); return late, now },
		"a passer-by": func() (int, time.Time) { s.visitors, s.passing = nil, make([]passer, 1); return late, now },
	} {
		last, at := bad()
		if s.step(at, last, nil) {
			t.Errorf("%s: not all were listed", what)
		}
		s.visitors, s.passing = nil, nil
	}
}
