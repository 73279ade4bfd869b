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
	maxCallers = 8       // at a time
	callLimit  = 2 * time.Second
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

// Serve answers callers until ctx ends.
func Serve(ctx context.Context, report func() *Report) error {
	l, err := net.Listen("unix", prefix()+strconv.Itoa(os.Getpid()))
	if err != nil {
		return fmt.Errorf("cannot offer status: %w", err)
	}
	var callers sync.WaitGroup
	defer callers.Wait()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	slots := make(chan struct{}, maxCallers)
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("cannot offer status: %w", err)
		}
		if cred, err := peer(c); err != nil || (cred.Uid != 0 && cred.Uid != uint32(os.Getuid())) {
			c.Close()
			continue
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
			json.NewEncoder(c).Encode(report())
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
	f, err := os.Open("/proc/net/unix")
	if err != nil {
		return nil, fmt.Errorf("cannot look for an enforcer: %w", err)
	}
	defer f.Close()
	const maxTable = 16 << 20
	pids := listeners(io.LimitReader(f, maxTable), prefix())
	err = ErrNone
	for _, pid := range pids {
		var r *Report
		if r, err = ask(ctx, prefix()+strconv.Itoa(pid), pid); err == nil {
			return r, nil
		}
	}
	return nil, err
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

func ask(ctx context.Context, name string, pid int) (*Report, error) {
	d := net.Dialer{Timeout: callLimit}
	c, err := d.DialContext(ctx, "unix", name)
	if err != nil {
		return nil, fmt.Errorf("cannot ask the enforcer (pid %d): %w", pid, err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(callLimit))
	cred, err := peer(c)
	if err != nil || int(cred.Pid) != pid {
		return nil, fmt.Errorf("cannot ask the enforcer: somebody else answers under its name")
	}
	var r Report
	if err := json.NewDecoder(io.LimitReader(c, MaxReport)).Decode(&r); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("the enforcer (pid %d) does not answer this user: ask as root or as its own user", pid)
		}
		return nil, fmt.Errorf("cannot read the enforcer's report: %w", err)
	}
	return &r, nil
}
