//go:build kernel

package notify

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// world is the network that the tests of this family live in: a namespace of
// their own, so that no packet leaves it. 10.9.0.66 and fd09::66 are the
// forbidden hosts; 10.8.0.2 answers nothing.
var world = [][]string{
	{"link", "set", "lo", "up"},
	{"addr", "add", "10.9.0.1/24", "dev", "lo"},
	{"addr", "add", "10.9.0.2/24", "dev", "lo"},
	{"addr", "add", "10.9.0.66/24", "dev", "lo"},
	{"addr", "add", "fd09::1/64", "dev", "lo"},
	{"addr", "add", "fd09::66/64", "dev", "lo"},
}

// holes are ways to make 10.8.0.2; the first that this kernel and this ip know
// is taken.
var holes = [][][]string{
	{
		{"link", "add", "hole0", "type", "dummy"},
		{"link", "set", "hole0", "up"},
		{"addr", "add", "10.8.0.1/24", "dev", "hole0"},
	},
	{
		{"link", "add", "hole0", "type", "veth", "peer", "name", "hole1"},
		{"link", "set", "hole1", "up"},
		{"link", "set", "hole0", "up"},
		{"addr", "add", "10.8.0.1/24", "dev", "hole0"},
		{"neigh", "add", "10.8.0.2", "lladdr", "02:00:00:00:00:99", "dev", "hole0"},
	},
}

const inWorld = "LIMPET_TEST_WORLD"

// enterWorld runs the calling test again in a new network namespace and, out
// here, reports what it said. It returns true in the namespace.
func enterWorld(t testing.TB) bool {
	t.Helper()
	if os.Getenv(inWorld) != "" {
		return true
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.count=1"}
	if _, ok := t.(*testing.B); ok {
		args = []string{"-test.run=^$", "-test.bench=^" + t.Name() + "$", "-test.benchtime=1x"}
	}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	if testing.Verbose() {
		args = append(args, "-test.v")
	}
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), inWorld+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in the namespace: %v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
	return false
}

var buildWorld = sync.OnceValue(func() error {
	if err := ip(world); err != nil {
		return err
	}
	var errs []error
	for _, h := range holes {
		err := ip(h)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
})

func ip(commands [][]string) error {
	for _, w := range commands {
		if out, err := exec.Command("ip", w...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", w, err, out)
		}
	}
	return nil
}

// program compiles testdata/name.c.
func program(t testing.TB, name string) string {
	t.Helper()
	if dir := os.Getenv("LIMPET_TEST_PROGRAMS"); dir != "" {
		return filepath.Join(dir, name)
	}
	out := filepath.Join(t.TempDir(), name)
	if b, err := exec.Command("gcc", "-O1", "-Wall", "-pthread", "-static", "-o", out, filepath.Join("testdata", name+".c")).CombinedOutput(); err != nil {
		t.Fatalf("gcc %s: %v\n%s", name, err, b)
	}
	return out
}

// netJudge forbids addresses and remembers what it was asked.
type netJudge struct {
	judge
	forbid []netip.Addr
	socket func(*action.Socket) intercept.Answer

	nmu     sync.Mutex
	asked   []action.Connect
	sockets []action.Socket
	denied  int
}

func newNetJudge() *netJudge {
	return &netJudge{forbid: []netip.Addr{netip.MustParseAddr("10.9.0.66"), netip.MustParseAddr("fd09::66")}}
}

func (j *netJudge) Socket(a *action.Socket) intercept.Answer {
	j.nmu.Lock()
	defer j.nmu.Unlock()
	if len(j.sockets) < 1000 {
		j.sockets = append(j.sockets, *a)
	}
	if j.socket != nil {
		return j.socket(a)
	}
	return intercept.Allow
}

func (j *netJudge) Connect(a *action.Connect) intercept.Answer {
	j.nmu.Lock()
	defer j.nmu.Unlock()
	if len(j.asked) < 1000 {
		j.asked = append(j.asked, *a)
	}
	for _, f := range j.forbid {
		if a.Peer.Addr() == f {
			j.denied++
			return intercept.Answer{Errno: syscall.ECONNREFUSED}
		}
	}
	return intercept.Allow
}

// unsupervised runs a program without supervision.
func unsupervised(t testing.TB, argv ...string) string {
	t.Helper()
	var b bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &b, &b
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v plain: %v\n%s", argv, err, &b)
	}
	return b.String()
}
