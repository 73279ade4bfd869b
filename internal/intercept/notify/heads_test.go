package notify

import (
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
)

func TestHeads(t *testing.T) {
	var h heads
	old := action.File{Dev: 1, Ino: 2, Size: 3, MtimeNs: 4, CtimeNs: time.Now().Add(-time.Hour).UnixNano()}
	fresh := old
	fresh.CtimeNs = time.Now().UnixNano()
	h.put(old, true)
	h.put(fresh, true)
	if static, ok := h.get(old); !static || !ok {
		t.Error("a program was not remembered")
	}
	if _, ok := h.get(fresh); ok {
		t.Error("what has just changed was remembered")
	}
	changed := old
	changed.CtimeNs++
	if _, ok := h.get(changed); ok {
		t.Error("a changed file is taken for the one that was remembered")
	}
	for i := range uint64(3 * maxHeads) {
		old.Ino = i
		h.put(old, false)
	}
	if len(h.m) > maxHeads {
		t.Errorf("%d are remembered", len(h.m))
	}
}
