package wiring

import (
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func direct(_ int, fn func() error) error { return fn() }

// start runs a program that does nothing with its descriptors.
func start(t *testing.T, files ...*os.File) int {
	t.Helper()
	c := exec.Command("sleep", "60")
	c.Stdin, c.Stdout, c.Stderr = files[0], files[1], files[2]
	c.ExtraFiles = files[3:]
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	return c.Process.Pid
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// connection gives a connected socket as a file, and its far end's address.
func connection(t *testing.T) (*os.File, netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); c.Close(); f.Close() })
	return f, l.Addr().(*net.TCPAddr).AddrPort()
}

func TestOf(t *testing.T) {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	sock, peer := connection(t)
	inR, inW := pipe(t)
	outR, outW := pipe(t)
	shell := start(t, inR, outW, null)

	if w, ok := At(direct).Of(shell); ok {
		t.Errorf("nobody has a connection: %+v", w)
	}
	// The program between has both pipes and a connection.
	between := start(t, null, null, null, inW, outR, sock)
	w, ok := At(direct).Of(shell)
	if !ok || w.In.PID != between || w.Out.PID != between || w.Via != Pipe || w.Dialogue || len(w.In.Peers) != 1 || w.In.Peers[0] != peer {
		t.Errorf("between: %+v %v", w, ok)
	}

	// nc | sh | nc, with a named pipe and a filter in the middle of one side.
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	fifoR, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer fifoR.Close()
	fifoW, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifoW.Close()
	aR, aW := pipe(t)
	bR, bW := pipe(t)
	shell = start(t, aR, bW, bW)
	start(t, fifoR, aW, null) // cat fifo |
	if w, ok := At(direct).Of(shell); ok {
		t.Errorf("half of it: %+v", w)
	}
	last := start(t, bR, fifoW, null, sock) // | nc > fifo
	w, ok = At(direct).Of(shell)
	if !ok || w.In.PID != last || w.Out.PID != last {
		t.Errorf("by a named pipe: %+v %v, want %d", w, ok, last)
	}

	// Somebody who is about to connect.
	cR, cW := pipe(t)
	dR, dW := pipe(t)
	shell = start(t, cR, null, dW)
	first, second := start(t, null, cW, null, sock), start(t, dR, null, null)
	l := At(direct)
	if w, ok := l.Of(shell); ok {
		t.Errorf("one is not connected: %+v", w)
	}
	if trail := l.Trail(); !Holds(direct, second, trail) || !Holds(direct, first, trail) || Holds(direct, last, trail) {
		t.Errorf("trail %v", trail)
	}
	l.Joining(second, netip.MustParseAddrPort("192.0.2.1:9"))
	if w, ok := l.Of(shell); !ok || !w.Dialogue || w.In.PID != first || w.Out.Peers[0].Port() != 9 {
		t.Errorf("joining: %+v %v", w, ok)
	}

	// A pair of sockets, as socat makes for exec:.
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	defer near.Close()
	defer far.Close()
	shell = start(t, near, near, near)
	start(t, null, null, null, far, sock)
	if w, ok := At(direct).Of(shell); !ok || w.Via != Pair || !w.Dialogue {
		t.Errorf("pair: %+v %v", w, ok)
	}

	// A connection of its own, with the output elsewhere.
	shell = start(t, sock, null, null)
	if w, ok := At(direct).Of(shell); !ok || w.Via != Inet || !w.Dialogue || w.In.PID != shell || w.Out.PID != shell || len(w.In.Peers) != 1 || w.In.Peers[0] != peer {
		t.Errorf("its own: %+v %v", w, ok)
	}

	// A terminal.
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	n, ok := terminal(of(os.Getpid(), int(master.Fd())))
	if !ok {
		t.Fatal("the kernel does not number terminals in fdinfo")
	}
	if _, err := io.WriteString(master, ""); err != nil {
		t.Fatal(err)
	}
	unlock(t, master)
	slave, err := os.OpenFile("/dev/pts/"+n, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	shell = start(t, slave, slave, slave)
	start(t, null, null, null, master, sock)
	if w, ok := At(direct).Of(shell); !ok || w.Via != Terminal || !w.Dialogue {
		t.Errorf("terminal: %+v %v", w, ok)
	}
}

// A supervisor that holds pipes of all its children does not make each of them
// hang on what one of them is connected to.
func TestSupervisorIsNoRelay(t *testing.T) {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	sock, _ := connection(t)
	inR, inW := pipe(t)
	outR, outW := pipe(t)
	otherR, otherW := pipe(t)
	moreR, moreW := pipe(t)
	shell := start(t, inR, outW, outW)
	start(t, null, null, null, inW, outR, otherR, moreW) // the supervisor
	start(t, moreR, otherW, otherW, sock)                // its other child
	if w, ok := At(direct).Of(shell); ok {
		t.Errorf("%+v", w)
	}
}

func FuzzPairs(f *testing.F) {
	f.Add([]byte{32, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		out := map[uint64]uint64{}
		readPairs(b, out)
		if len(out) > len(b) {
			t.Error("more pairs than bytes")
		}
	})
}

func FuzzTable(f *testing.F) {
	f.Add([]byte("  0: 0100007F:1F90 0200007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 12345 1 0\n"), false)
	f.Fuzz(func(t *testing.T, b []byte, udp bool) {
		l := &Look{inet: map[string]netip.AddrPort{}}
		l.table(b, udp)
		for link := range l.inet {
			if _, ok := socketInode(link); ok && l.kind(link) != Inet {
				t.Errorf("%q", link)
			}
		}
	})
}

// BenchmarkAt looks at every process of this machine.
func BenchmarkAt(b *testing.B) {
	n := 0
	for b.Loop() {
		n = len(At(direct).links)
	}
	b.ReportMetric(float64(n), "descriptors")
}
