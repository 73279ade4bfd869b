package notify

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// TestKnownNames: a name that was found is known while it leads to the very same
// object, and not a moment longer.
func TestKnownNames(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	prog, other, link := filepath.Join(dir, "prog"), filepath.Join(dir, "other"), filepath.Join(dir, "link")
	s := &Supervisor{}
	p := place{s: s, tid: os.Getpid(), tgid: os.Getpid()}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	learn := func(path string) *object {
		t.Helper()
		o, err := p.find(linux.AtFDCWD, path, 0)
		must(err)
		defer o.close()
		s.heads.m = map[action.File]bool{o.file: false} // whatever its age
		p.keep(path, o)
		if got, err := p.known(linux.AtFDCWD, path, 0); err != nil || got.path != o.path || got.file != o.file || got.fd != -1 {
			t.Fatalf("%s is not known: %+v, %v", path, got, err)
		}
		return o
	}
	unknown := func(path, why string) {
		t.Helper()
		if o, err := p.known(linux.AtFDCWD, path, 0); err != syscall.EAGAIN {
			t.Errorf("%s: %+v, %v", why, o, err)
		}
	}
	must(os.WriteFile(prog, []byte("\x7fELF one"), 0o755))
	must(os.WriteFile(other, []byte("\x7fELF two"), 0o755))
	unknown(prog, "never seen")
	must(os.Symlink(prog, link))
	if o := learn(link); o.path != prog {
		t.Errorf("a link is known as %s", o.path)
	}
	for _, change := range []struct {
		what string
		do   func() error
	}{
		{"another mode", func() error { return os.Chmod(prog, 0o700) }},
		{"other content", func() error { return os.WriteFile(prog, []byte("\x7fELF three"), 0o755) }},
		{"a further name", func() error { return os.Link(prog, prog+"2") }},
		{"a link turned elsewhere", func() error { return errorsOf(os.Remove(link), os.Symlink(other, link)) }},
		{"another file in its place", func() error { return errorsOf(os.Remove(link), os.Rename(other, link)) }},
	} {
		learn(link)
		must(change.do())
		unknown(link, change.what)
	}
	learn(link)
	s.names.objects[link] = namedObject{s.names.objects[link].object, time.Now().Add(-2 * namesStale)}
	unknown(link, "found long ago")
	learn(link)
	s.roots.Store(true)
	unknown(link, "another root")
	s.roots.Store(false)

	// Scripts are read each time.
	s.heads.m = nil
	delete(s.names.objects, prog)
	o, err := p.find(linux.AtFDCWD, prog, 0)
	must(err)
	p.keep(prog, o)
	o.close()
	unknown(prog, "no program")

	// What is not there is known not to be, beside nothing of procfs only.
	gone := filepath.Join(dir, "gone")
	unknown(gone, "never looked for")
	if !p.absent(linux.AtFDCWD, gone) {
		t.Fatal("it is there")
	}
	if s.nowhere(filepath.Join(dir, "other", "gone")) || !s.nowhere(gone) {
		t.Error("a name in a folder that was not looked at, or one that is not there")
	}
	must(os.Symlink("/nowhere", gone))
	if s.nowhere(gone) {
		t.Error("a link that leads nowhere")
	}
	if p.absent(linux.AtFDCWD, "/proc/self/fd/1000000") {
		t.Error("a descriptor of ours is taken for the caller's")
	}
	unknown("/proc/self/fd/1000000", "a descriptor")
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestHold: what was known by its name is opened as that object or not at all.
func TestHold(t *testing.T) {
	prog := filepath.Join(t.TempDir(), "prog")
	if err := os.WriteFile(prog, []byte("\x7fELF"), 0o755); err != nil {
		t.Fatal(err)
	}
	a := &attempt{}
	a.FD, a.s, a.tid, a.tgid = -1, &Supervisor{}, os.Getpid(), os.Getpid()
	var st linux.Stat
	if err := linux.StatAt(linux.AtFDCWD, prog, &st, 0); err != nil {
		t.Fatal(err)
	}
	a.obj = &object{fd: -1, name: prog, file: fileOf(&st)}
	if a.OpenObject() < 0 {
		t.Error("it cannot be opened")
	}
	a.close()
	a.obj = &object{fd: -1, name: prog, file: fileOf(&st)}
	if err := errorsOf(os.Remove(prog), os.WriteFile(prog, []byte("\x7fELF"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if fd := a.OpenObject(); fd >= 0 {
		t.Error("another file was opened")
	}
	a.close()
}

// TestBeginners: a process that was seen at its exec is known, with its threads,
// and nobody who has its number.
func TestBeginners(t *testing.T) {
	c := exec.Command("sleep", "60")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	pid := c.Process.Pid
	var b beginners
	if b.has(pid, 1) {
		t.Error("known before it was seen")
	}
	b.add(pid)
	if !b.has(pid, 1) {
		t.Error("not known")
	}
	if b.has(pid, 2) {
		t.Error("it has one thread")
	}
	b.m[pid] = beginner{b.m[pid].ino + 1, time.Now()}
	if b.has(pid, 1) {
		t.Error("another process of that number is taken for it")
	}
	b.add(pid)
	b.m[pid] = beginner{b.m[pid].ino, time.Now().Add(-2 * beginning)}
	if b.has(pid, 1) {
		t.Error("known for too long")
	}
}
