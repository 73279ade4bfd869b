package sweep

import (
	"slices"
	"testing"
	"time"
)

// An id that was given before its process could be seen is looked for until it
// can; threads and what has ended are nobody.
func TestLateComersAreAwaited(t *testing.T) {
	j := &judge{wants: Wants{Sessions: true, Policy: 1}}
	inside, _ := sleeper(t)
	s := within(t, j, &tree{first: inside})
	now := time.Now()
	s.Look(now)
	late, _ := sleeper(t)
	s.coming = nil
	const nobody = 1 << 22 // more than the kernel gives
	s.await(nobody-2, nobody, now)
	if len(s.coming) != 2 || len(s.arrived(now)) > 0 || len(s.coming) != 2 {
		t.Errorf("nobody has come: %v", s.coming)
	}
	s.await(late-1, late, now)
	if len(s.arrived(now)) != 1 || len(s.arrived(now)) > 0 || len(s.coming) != 2 {
		t.Errorf("one has come: %v", s.coming)
	}
	// After a moment one look in a few asks.
	s.await(late-1, late, now)
	found := 0
	for range patience {
		found += len(s.arrived(now.Add(eagerly)))
	}
	if found != 1 || len(s.coming) != 2 {
		t.Errorf("%d came late: %v", found, s.coming)
	}
	for range patience {
		found += len(s.arrived(now.Add(maxComing)))
	}
	if found != 1 || len(s.coming) != 0 {
		t.Errorf("waited for long enough: %v", s.coming)
	}
	// Who is in the list is not waited for.
	s.Look(time.Now())
	s.coming = nil
	s.await(inside-1, inside, now)
	if len(s.coming) != 0 {
		t.Errorf("%v", s.coming)
	}
	// The ids begin anew, and there are many.
	s.await(1<<22, 3, now)
	s.await(1<<21, 1<<21+1000, now)
	if len(s.coming) != maxAwaited || slices.ContainsFunc(s.coming, func(a awaited) bool { return a.pid <= 3 }) {
		t.Errorf("%d: %v", len(s.coming), s.coming)
	}
}

// The look itself finds who comes late, although no other id was given.
func TestLateComersAreFound(t *testing.T) {
	inside, _ := sleeper(t)
	outsider, _ := sleeper(t)
	j := &judge{wants: Wants{Sessions: true, Policy: 1}}
	s := within(t, j, &tree{first: inside, outside: []int{outsider}})
	now := time.Now()
	s.Look(now)
	// As if the list had been read too early.
	s.gone(s.known[outsider])
	delete(s.known, outsider)
	j.sessions = nil
	s.await(outsider-1, outsider, now)
	for range 50 { // arguments may take a few looks
		s.last = s.table.Last()
		s.Look(now) // in no time: no look at everything is due
		time.Sleep(time.Millisecond)
	}
	if len(j.sessions) != 1 || j.sessions[0].Proc.PID != outsider {
		t.Errorf("%+v", j.sessions)
	}
}
