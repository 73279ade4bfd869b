package drift

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/workload"
)

// opened makes a file and gives it open for reading, with what fstat says.
func opened(t testing.TB, content []byte) (*os.File, action.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, content, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := Stat(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return f, st
}

// later makes a cache of an hour from now, so that new files have settled.
func later(max int) *Digests {
	c := NewDigests(max)
	c.since += int64(time.Hour)
	return c
}

func TestDigestIsRightAndRemembered(t *testing.T) {
	content := bytes.Repeat([]byte("limpet"), 100_000)
	f, st := opened(t, content)
	c := later(0)
	want := workload.Digest(sha256.Sum256(content))
	for range 3 {
		got, err := c.Of(int(f.Fd()), st)
		if err != nil || got != want {
			t.Fatalf("%v, %v", got, err)
		}
	}
	if hits, hashed := c.Stats(); hits != 2 || hashed != 1 {
		t.Errorf("%d hits, hashed %d times", hits, hashed)
	}
	if off, _ := f.Seek(0, 1); off != 0 {
		t.Errorf("the offset moved to %d", off)
	}
	if _, err := f.Stat(); err != nil {
		t.Errorf("the descriptor was closed: %v", err)
	}
	if n := testing.AllocsPerRun(50, func() { _, _ = c.Of(int(f.Fd()), st) }); n != 0 {
		t.Errorf("%v allocations for a remembered digest", n)
	}
}

// TestFreshFileIsNotRemembered holds the race with the clock's tick: a file
// that was just changed may change again without a trace in ctime.
func TestFreshFileIsNotRemembered(t *testing.T) {
	f, st := opened(t, []byte("one"))
	c := NewDigests(0)
	c.brief = 0
	for _, age := range []int64{0, -1, 1} {
		c.since = st.CtimeNs + age
		for range 2 {
			if _, err := c.Of(int(f.Fd()), st); err != nil {
				t.Fatal(err)
			}
		}
	}
	if hits, hashed := c.Stats(); hits != 1 || hashed != 5 {
		t.Errorf("%d hits, hashed %d times; want 1 and 5", hits, hashed)
	}
}

// TestMappedFileIsNotRemembered changes a file through a mapping that has been
// written to before: neither mtime nor ctime tells.
func TestMappedFileIsNotRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("good"), 0o700); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * settle) // older than the cache
	c := NewDigests(0)
	c.brief = 0
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := syscall.Mmap(int(f.Fd()), 0, 4, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(m)
	m[0] = 'g' // dirty from here on
	time.Sleep(2 * settle)
	for _, word := range []string{"good", "evil"} {
		copy(m, word)
		st, err := Stat(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		if d, err := c.Of(int(f.Fd()), st); err != nil || d != sha256.Sum256([]byte(word)) {
			t.Errorf("%s: %v, %v", word, d, err)
		}
	}
}

// TestRewritingWithinOneTick changes a file as fast as it can and holds that
// every answer is that of the content at that moment.
func TestRewritingWithinOneTick(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	c := NewDigests(0)
	c.brief = 0
	for i := range 300 {
		content := []byte(fmt.Sprintf("version %04d", i)) // the same length each time
		if err := os.WriteFile(path, content, 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		st, _ := Stat(int(f.Fd()))
		got, err := c.Of(int(f.Fd()), st)
		f.Close()
		if err != nil || got != sha256.Sum256(content) {
			t.Fatalf("version %d: %v, %v", i, got, err)
		}
	}
}

func TestManyAskAtOnce(t *testing.T) {
	f, st := opened(t, bytes.Repeat([]byte("x"), 1<<20))
	c := later(0)
	var hashing atomic.Int32
	started, gate := make(chan struct{}), make(chan struct{})
	c.stat = func(fd int) (action.File, error) { // the last step of hashing
		if hashing.Add(1) == 1 {
			close(started)
		}
		<-gate
		return Stat(fd)
	}
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if d, err := c.Of(int(f.Fd()), st); err != nil || d.IsZero() {
				t.Errorf("%v %v", d, err)
			}
		})
	}
	<-started
	close(gate)
	wg.Wait()
	if n := hashing.Load(); n != 1 {
		t.Errorf("hashed %d times", n)
	}
}

func TestBounded(t *testing.T) {
	c := later(3)
	f, st := opened(t, []byte("x"))
	same := c.stat
	for i := range 10 {
		id := st
		id.Ino = uint64(i)
		c.stat = func(fd int) (action.File, error) { g, err := same(fd); g.Ino = id.Ino; return g, err }
		if _, err := c.Of(int(f.Fd()), id); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.entries) != 3 || c.recent.Len() != 3 || len(c.flying) != 0 {
		t.Errorf("%d remembered, %d in the list, %d flying", len(c.entries), c.recent.Len(), len(c.flying))
	}
}

func TestTroubles(t *testing.T) {
	f, st := opened(t, []byte("abc"))
	c := later(0)
	if _, err := c.Of(-1, st); !errors.Is(err, syscall.EBADF) {
		t.Errorf("no descriptor: %v", err)
	}
	big := st
	big.Size = MaxFile + 1
	if _, err := c.Of(int(f.Fd()), big); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	for name, change := range map[string]func(*action.File){
		"shorter": func(f *action.File) { f.Size = 1 }, "longer": func(f *action.File) { f.Size = 9 },
		"mtime": func(f *action.File) { f.MtimeNs++ }, "ctime": func(f *action.File) { f.CtimeNs-- }, "inode": func(f *action.File) { f.Ino++ },
	} {
		other := st
		change(&other)
		if _, err := c.Of(int(f.Fd()), other); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Of(int(f.Fd()), st); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// BenchmarkFirstDigest50MB is goal S6: at most 150 ms.
func BenchmarkFirstDigest50MB(b *testing.B) {
	f, st := opened(b, make([]byte, 50<<20))
	b.SetBytes(50 << 20)
	for b.Loop() {
		if _, err := NewDigests(0).Of(int(f.Fd()), st); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRememberedDigest(b *testing.B) {
	f, st := opened(b, []byte("x"))
	c := later(0)
	for b.Loop() {
		if _, err := c.Of(int(f.Fd()), st); err != nil {
			b.Fatal(err)
		}
	}
}

// Large files that the workload makes, and executes at once, are hashed one after
// the other, for as long as somebody waits; the rest is told so at once.
func TestManyLargeFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(name, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 1<<30); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	id, err := Stat(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	c := NewDigests(0)
	var left atomic.Bool
	answers := make(chan error, 2*maxHeavy)
	for range 2 * maxHeavy {
		go func() {
			_, err := c.OfWhile(int(f.Fd()), id, func() bool { return !left.Load() })
			answers <- err
		}()
	}
	for range maxHeavy {
		if err := <-answers; !errors.Is(err, ErrBusy) {
			t.Fatal(err)
		}
	}
	if n := len(c.slots); n > heavySlot {
		t.Errorf("%d at a time", n)
	}
	small := filepath.Join(t.TempDir(), "small")
	if err := os.WriteFile(small, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := os.Open(small)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	other, _ := Stat(int(s.Fd()))
	if _, err := c.Of(int(s.Fd()), other); err != nil {
		t.Error(err)
	}
	left.Store(true)
	done := 0
	for range maxHeavy {
		if err := <-answers; err == nil {
			done++
		} else if !errors.Is(err, ErrLeft) {
			t.Error(err)
		}
	}
	if _, hashed := c.Stats(); done > heavySlot || hashed > 2*heavySlot+1 || c.large != 0 || len(c.slots) != 0 {
		t.Errorf("%d were hashed to the end, %d begun, %d not over", done, hashed, c.large)
	}
}
