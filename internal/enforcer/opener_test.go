package enforcer

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/drift"
)

// opener opens a program when it is asked to, as package notify does.
type opener struct {
	e      *action.Exec
	path   string
	opened int
}

func (o *opener) OpenObject() int {
	f, err := os.Open(o.path)
	if err != nil {
		return -1
	}
	o.opened++
	o.e.FD = int(f.Fd())
	keep = append(keep, f)
	return o.e.FD
}

var keep []*os.File // until the process ends: a collected file is closed

// A program that nobody opened is opened once, and not at all when its digest is
// known; its digest is right in either case.
func TestOpenedWhenAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("\x7fELF"), 0o755); err != nil {
		t.Fatal(err)
	}
	time.Sleep(folderSettle + 10*time.Millisecond)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := drift.Stat(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	l, _ := newLoop(t, Config{Manifest: &drift.Manifest{}}, "    drift: {mode: enforce}\n")
	want, err := drift.NewDigests(0).Of(int(f.Fd()), st)
	if err != nil {
		t.Fatal(err)
	}
	for i, opens := range []int{1, 0} {
		e := exec(path)
		e.File = st
		o := &opener{e: e, path: path}
		e.Opener = o
		l.Exec(e)
		if o.opened != opens || e.Digest != want {
			t.Errorf("question %d: opened %d times, digest %v, want %d and %v", i, o.opened, e.Digest, opens, want)
		}
	}
}
