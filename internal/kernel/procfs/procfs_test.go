package procfs

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseStatus(t *testing.T) {
	text := "Name:\ta) b\\nUid:\t0\nUmask:\t0022\nState:\tR (running)\nTgid:\t12\nNgid:\t0\nPid:\t13\nPPid:\t1\nTracerPid:\t7\nUid:\t1\t2\t3\t4\nGid:\t5\t5\t5\t6\nFDSize:\t64\n"
	got, err := ParseStatus([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := Status{Name: "a) b\\nUid:\t0", TGID: 12, PPID: 1, Tracer: 7, UID: IDs{1, 2, 3, 4}, GID: IDs{5, 5, 5, 6}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.UID.Same() || !got.GID.Same() {
		t.Error("Same is wrong")
	}
	for _, bad := range []string{"", "Name:\tx\n", "Tgid:\t-\n", strings.Replace(text, "1\t2\t3\t4", "1\t2", 1)} {
		if _, err := ParseStatus([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestParseStat(t *testing.T) {
	got, err := ParseStat([]byte("12 (a) (b) S 1 12 12 0 -1 4194560 1 0 0 0 3 4 0 0 20 0 9 0 77 1 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Stat{Comm: "a) (b", State: 'S', PPID: 1, PGID: 12, Threads: 9, StartTime: 77, Executed: true}, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S", "1 )x( S 1 2 3", "1 (x) S 1 2 3"} {
		if _, err := ParseStat([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestOwnFiles(t *testing.T) {
	pid := os.Getpid()
	st, err := ReadStatus(pid)
	if err != nil || st.TGID != pid || st.PPID != os.Getppid() || int(st.UID.Effective) != os.Geteuid() {
		t.Errorf("%+v, %v", st, err)
	}
	if s, err := ReadStat(pid); err != nil || s.PPID != os.Getppid() || s.StartTime == 0 || s.Threads == 0 {
		t.Errorf("%+v, %v", s, err)
	}
	args, cut, err := Cmdline(pid, 256, 64<<10)
	if diff := cmp.Diff(os.Args, args); diff != "" || cut || err != nil {
		t.Error(diff, cut, err)
	}
	if args, cut, _ := Cmdline(pid, 1, 64<<10); len(args) != 1 || len(os.Args) > 1 && !cut {
		t.Errorf("bounded: %q %v", args, cut)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("Name:\tx\nTgid:\t1\nPPid:\t1\nTracerPid:\t0\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n"))
	f.Add([]byte("12 (a) S 1 12 12 0 -1 4194560 1 0 0 0 3 4 0 0 20 0 9 0 77 1 2\n"))
	f.Add([]byte("1 ) (S"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = ParseStatus(b)
		_, _ = ParseStat(b)
	})
}
