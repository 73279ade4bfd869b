package status

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds of the channel.
const (
	MaxReport  = 1 << 20 // bytes of a report
	MaxBundle  = 8 << 20 // bytes of a bundle
	maxCallers = 8       // at a time
	// maxSupervised is how many of the workload are: it takes no place of others.
	maxSupervised = 2
	callLimit     = 2 * time.Second
)

// ErrNone says that no enforcer answers in this pid namespace.
var ErrNone = errors.New("no enforcer is running here")

// prefix of the socket's name: one for each pid namespace.
func prefix() string {
	ns, err := os.Readlink("/proc/self/ns/pid") // pid:[4026531836]
	if err != nil {
		ns = "pid:[0]"
	}
	return "@limpet/status/" + strings.Trim(strings.TrimPrefix(ns, "pid:"), "[]") + "/"
}

// What a caller may ask for, its first and only byte.
const (
	askReport = 's'
	askBundle = 'b'
)

// Serve answers callers until ctx ends. bundle gives the signed bundle in
// force, or nil: health checks, which run beside the supervised tree, take it
// over and verify it themselves.
func Serve(ctx context.Context, report func() *Report, bundle func() []byte) error {
	l, err := net.Listen("unix", prefix()+strconv.Itoa(os.Getpid()))
	if err != nil {
		return fmt.Errorf("cannot offer status: %w", err)
	}
	var callers sync.WaitGroup
	defer callers.Wait()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	own := filters(os.Getpid())
	outside, supervised := make(chan struct{}, maxCallers), make(chan struct{}, maxSupervised)
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("cannot offer status: %w", err)
		}
		cred, err := peer(c)
		if err != nil || (cred.Uid != 0 && cred.Uid != uint32(os.Getuid())) {
			c.Close()
			continue
		}
		slots := outside
		if filters(int(cred.Pid)) > own {
			slots = supervised
		}
		select {
		case slots <- struct{}{}:
		default:
			c.Close()
			continue
		}
		callers.Go(func() {
			defer func() { c.Close(); <-slots }()
			c.SetDeadline(time.Now().Add(callLimit))
			var what [1]byte
			if _, err := io.ReadFull(c, what[:]); err != nil {
				return
			}
			switch what[0] {
			case askReport:
				json.NewEncoder(c).Encode(report())
			case askBundle:
				c.Write(bundle())
			}
		})
	}
}

// peer is SO_PEERCRED.
func peer(c net.Conn) (*syscall.Ucred, error) {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *syscall.Ucred
	var e error
	if err := raw.Control(func(fd uintptr) {
		cred, e = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return nil, err
	}
	return cred, e
}

// Ask finds the enforcer of this pid namespace and reads its report. ErrNone:
// there is none.
func Ask(ctx context.Context) (*Report, error) {
	var r Report
	err := call(ctx, askReport, func(pid int, in io.Reader) error {
		err := json.NewDecoder(io.LimitReader(in, MaxReport)).Decode(&r)
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			return fmt.Errorf("the enforcer (pid %d) does not answer this user: ask as root or as its own user", pid)
		}
		if err != nil {
			return fmt.Errorf("cannot read the enforcer's report: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// Bundle reads the signed bundle that is in force in the enforcer of this pid
// namespace; empty if its policy is not from a bundle. The caller verifies it.
func Bundle(ctx context.Context) ([]byte, error) {
	var b []byte
	err := call(ctx, askBundle, func(_ int, in io.Reader) (err error) {
		b, err = io.ReadAll(io.LimitReader(in, MaxBundle))
		return err
	})
	return b, err
}

// call asks the first enforcer that answers.
func call(ctx context.Context, what byte, read func(pid int, in io.Reader) error) error {
	f, err := os.Open("/proc/net/unix")
	if err != nil {
		return fmt.Errorf("cannot look for an enforcer: %w", err)
	}
	defer f.Close()
	const maxTable = 16 << 20
	err = ErrNone
	for _, pid := range fewest(listeners(io.LimitReader(f, maxTable), prefix()), filters) {
		if err = ask(ctx, pid, what, read); err == nil {
			return nil
		}
	}
	return err
}

// listeners reads the pids out of the names in /proc/net/unix, lowest first.
func listeners(r io.Reader, prefix string) []int {
	var pids []int
	seen := map[int]bool{}
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		_, name, ok := strings.Cut(sc.Text(), prefix)
		pid, err := strconv.Atoi(name)
		if ok && err == nil && pid > 0 && !seen[pid] && len(pids) < 64 {
			seen[pid] = true
			pids = append(pids, pid)
		}
	}
	sort.Ints(pids)
	return pids
}

// fewest leaves those that have the fewest seccomp filters: whoever is supervised
// has one more than his enforcer, under whose kind of name he may listen.
func fewest(pids []int, filters func(pid int) int) (out []int) {
	least := 0
	for _, pid := range pids {
		switch n := filters(pid); {
		case len(out) == 0 || n < least:
			out, least = append(out[:0], pid), n
		case n == least:
			out = append(out, pid)
		}
	}
	return out
}

// filters counts those of a process (Linux 5.9).
func filters(pid int) int {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	_, rest, _ := strings.Cut(string(b), "\nSeccomp_filters:")
	line, _, _ := strings.Cut(rest, "\n")
	n, _ := strconv.Atoi(strings.TrimSpace(line))
	return n
}

func ask(ctx context.Context, pid int, what byte, read func(int, io.Reader) error) error {
	d := net.Dialer{Timeout: callLimit}
	c, err := d.DialContext(ctx, "unix", prefix()+strconv.Itoa(pid))
	if err != nil {
		return fmt.Errorf("cannot ask the enforcer (pid %d): %w", pid, err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(callLimit))
	cred, err := peer(c)
	if err != nil || int(cred.Pid) != pid {
		return fmt.Errorf("cannot ask the enforcer: somebody else answers under its name")
	}
	c.Write([]byte{what}) // one who is refused finds the end of the answer
	return read(pid, c)
}
