package notify

import "testing"

func TestGhosts(t *testing.T) {
	var g ghosts
	for _, in := range []uint64{0, 1, 63, 64, ghostPage - 1, ghostPage, 1<<32 - 1} {
		if g.has(in) {
			t.Errorf("%d before", in)
		}
		g.add(in)
		if !g.has(in) || g.has(in+2) {
			t.Errorf("%d after", in)
		}
	}
	g.clear(64)
	if g.has(64) || !g.has(63) {
		t.Error("clear")
	}
	for i := range uint64(maxGhostPages + 10) {
		g.add(i * ghostPage)
	}
	if len(g.pages) != maxGhostPages || len(g.order) != maxGhostPages {
		t.Errorf("%d pages, %d in order", len(g.pages), len(g.order))
	}
}
