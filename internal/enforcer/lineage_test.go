package enforcer

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLineageOfOurselves(t *testing.T) {
	l := newLineage("/proc", 1)
	up := l.above(os.Getpid())
	if len(up) == 0 || up[0].pid != os.Getpid() || up[0].ppid != os.Getppid() || up[0].start == 0 || up[0].exe == "" {
		t.Fatalf("%+v", up)
	}
	if up[0].uid != uint32(os.Geteuid()) {
		t.Errorf("uid %d", up[0].uid)
	}
	l.learn(os.Getpid(), program{at: up[0].start, args: []string{"a", "b"}})
	if d := cmp.Diff([]string{"a", "b"}, l.above(os.Getpid())[0].args); d != "" {
		t.Error(d)
	}
	// Another process with the same number is another process.
	l.learn(os.Getpid(), program{at: up[0].start - 1, args: []string{"x"}})
	if got := l.above(os.Getpid())[0].args; got != nil {
		t.Errorf("arguments of a dead process: %v", got)
	}
}

func TestLineageIsBounded(t *testing.T) {
	dir := t.TempDir()
	for i := 2; i < 60; i++ {
		d := filepath.Join(dir, strconv.Itoa(i))
		os.Mkdir(d, 0o755)
		stat := strconv.Itoa(i) + " (a) b (c)) S " + strconv.Itoa(i+1) + " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 99 0 0"
		os.WriteFile(filepath.Join(d, "stat"), []byte(stat), 0o644)
	}
	l := newLineage(dir, 1)
	up := l.above(2)
	if len(up) != MaxAncestors || up[0].comm != "a) b (c)" || up[0].start != 99 {
		t.Errorf("%d ancestors, first %+v", len(up), up[0])
	}
	for i := range 3 * maxPrograms {
		l.learn(i, program{at: uint64(i)})
	}
	if len(l.programs) != maxPrograms || len(l.order) != maxPrograms {
		t.Errorf("%d programs are remembered", len(l.programs))
	}
	if _, ok := l.program(3*maxPrograms-1, 0); !ok {
		t.Error("the newest program is forgotten")
	}
}

func TestUserNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	os.WriteFile(path, []byte("root:x:0:0:root:/root:/bin/sh\n#c:x:5:5\nweb:x:1000:1000\nweb2:x:1000:1\nbad\n:x:7:7\nn:x:-1:0\n"), 0o644)
	now := time.Now()
	u := &users{path: path, now: func() time.Time { return now }}
	for uid, want := range map[uint32]string{0: "root", 1000: "web", 5: "", 7: ""} {
		if got := u.name(uid); got != want {
			t.Errorf("name of %d is %q, want %q", uid, got, want)
		}
	}
	// The application puts a FIFO there: nobody waits, the names stay.
	os.Remove(path)
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if got := u.name(0); got != "root" {
		t.Errorf("name of 0 is %q", got)
	}
}

func FuzzStat(f *testing.F) {
	f.Add([]byte("7 (x) S 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5 0"))
	f.Add([]byte("7 (x"))
	f.Add([]byte(")("))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a ancestor
		a.parseStat(b)
		parsePasswd(b)
		effectiveIDs(b)
	})
}
