//go:build kernel

package notify

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"golang.org/x/sys/unix"
)

// A program that changes its effective user back and forth, with threads and
// children, does the same with us as without, judged and unjudged, while its
// ids differ and afterwards. In a container there is no SYS_PTRACE, and without
// that nobody could look into it (keeper.go).
func TestDroppedMixed(t *testing.T) {
	if !canDrop() {
		return
	}
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	file, err := os.CreateTemp("/tmp", "mixed")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := file.Chown(1000, 1000); err != nil {
		t.Fatal(err)
	}
	scratch, err := os.MkdirTemp("/tmp", "mixed")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(scratch)
	_ = os.Chmod(scratch, 0o755)
	argv := []string{copyOf(t, program(t, "mixed"), scratch, "mixed"), port, file.Name(), copyOf(t, program(t, "mixed"), scratch, "private")}
	if err := os.Chmod(argv[3], 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir("/tmp")
	plain, err := asItIs(argv)
	if err != nil || strings.Count(plain, "\n") < 80 {
		t.Fatalf("%v\n%s", err, plain)
	}
	denied := strings.ReplaceAll(plain, " bad ok", " bad ECONNREFUSED")
	for _, c := range []struct {
		name                                 string
		lenient, gate, interruptible, always bool
	}{
		{name: "enforce behind the gate", gate: true, always: true},
		{name: "audit behind the gate", lenient: true, gate: true, always: true},
		{name: "enforce"},
		{name: "audit", lenient: true},
		{name: "enforce without WAIT_KILLABLE", interruptible: true},
	} {
		if !c.always && (testing.Short() || linux.HasCapability(linux.CapSysPtrace)) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			withoutGate, withoutKillable = !c.gate, c.interruptible
			defer func() { withoutGate, withoutKillable = false, false }()
			j := newNetJudge()
			j.wants = intercept.Wants{Lenient: c.lenient}
			want := plain
			if !c.lenient {
				want = denied
				j.forbid = []netip.Addr{netip.MustParseAddr("127.0.0.66")}
			}
			var unverified atomic.Int32
			j.exec = func(e *action.Exec) intercept.Answer {
				if e.Unverified {
					unverified.Add(1)
				}
				return intercept.Allow
			}
			j.execStarted = j.exec
			got, st := supervised(t, j, nil, argv...)
			if got != want || st.ExitStatus() != 0 {
				t.Errorf("%v\n%s", st, difference(got, want))
			}
			if n := unverified.Load(); n != 0 {
				t.Errorf("%d programs were started unverified", n)
			}
		})
	}
}

// asItIs runs a program as it is. Before Linux 6.16 no_new_privs gives
// root back to what is executed while the ids differ, unless a keeper sees to it.
func asItIs(argv []string) (out string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with its flag
		if linux.HasCapability(linux.CapSysPtrace) {
			if err = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
				return
			}
		}
		var b []byte
		b, err = exec.Command(argv[0], argv[1:]...).Output()
		out = string(b)
	}()
	<-done
	return out, err
}

// What a process executes while its ids differ is ended before its first
// instruction when it is denied by what was mapped.
func TestDroppedMixedDenied(t *testing.T) {
	if !canDrop() {
		return
	}
	scratch, err := os.MkdirTemp("/tmp", "mixed")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(scratch)
	_ = os.Chmod(scratch, 0o755)
	me := copyOf(t, program(t, "mixed"), scratch, "mixed")
	var denied atomic.Int32
	j := newNetJudge()
	j.execStarted = func(e *action.Exec) intercept.Answer {
		if len(e.Args) == 3 && e.Proc.UID == 1000 { // who called
			denied.Add(1)
			return intercept.Answer{Errno: syscall.EACCES}
		}
		return intercept.Allow
	}
	t.Chdir("/tmp")
	got, st := supervised(t, j, nil, me, "1", "/dev/null", "/no-such-program")
	if denied.Load() < 4 || strings.Contains(got, "ids 0 1000") || !strings.Contains(got, "away exec EINTR") || st.ExitStatus() != 0 {
		t.Errorf("%d denied, %v\n%s", denied.Load(), st, got)
	}
}

// difference shows the lines in which two texts differ.
func difference(got, want string) string {
	var b strings.Builder
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var x, y string
		if i < len(g) {
			x = g[i]
		}
		if i < len(w) {
			y = w[i]
		}
		if x != y {
			b.WriteString("got  " + x + "\nwant " + y + "\n")
		}
	}
	return b.String()
}

// What becomes of ids is foretold as the kernel does it.
func TestForetoldIDs(t *testing.T) {
	const as = 0xffffffff
	for _, c := range []struct {
		call string
		from identity3
		args [3]uint64
		may  bool
		want identity3
	}{
		{"setuid", identity3{0, 0, 0}, [3]uint64{7}, true, identity3{7, 7, 7}},
		{"setuid", identity3{0, 7, 0}, [3]uint64{0}, false, identity3{0, 0, 0}},
		{"setreuid", identity3{0, 0, 0}, [3]uint64{as, 7}, true, identity3{0, 7, 7}},
		{"setreuid", identity3{0, 7, 0}, [3]uint64{as, 0}, false, identity3{0, 0, 0}},
		{"setreuid", identity3{0, 0, 0}, [3]uint64{7, as}, true, identity3{7, 0, 0}},
		{"setresuid", identity3{0, 0, 0}, [3]uint64{as, 7, as}, true, identity3{0, 7, 0}},
		{"setfsuid", identity3{0, 0, 0}, [3]uint64{7}, true, identity3{0, 0, 0}},
	} {
		got := c.from.after(c.call, [6]uint64{c.args[0], c.args[1], c.args[2]}, c.may)
		if got != c.want {
			t.Errorf("%s%x of %v: got %v, want %v", c.call, c.args, c.from, got, c.want)
		}
	}
	if st := (&procfs.Status{UID: procfs.IDs{Real: 1, Effective: 1, Saved: 1}, GID: procfs.IDs{Real: 1, Effective: 2, Saved: 1}}); !isMixed(st) {
		t.Error("differing gids are not seen")
	}
}
