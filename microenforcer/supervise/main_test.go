package supervise

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// The test binary plays the supervisor and its children too: a role is its
// first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "role-supervise":
			os.Exit(roleSupervise(os.Args[2:]))
		case "role-catch":
			os.Exit(roleCatch())
		case "role-exit":
			n, _ := strconv.Atoi(os.Args[2])
			os.Exit(n)
		case "role-die":
			n, _ := strconv.Atoi(os.Args[2])
			dieOf(syscall.Signal(n))
		case "role-orphans":
			n, _ := strconv.Atoi(os.Args[2])
			os.Exit(roleOrphans(n))
		case "role-tty":
			os.Exit(roleTTY())
		case "role-closed":
			os.Exit(roleClosed())
		case "role-fault":
			os.Exit(roleFault())
		case "role-leave":
			os.Exit(roleLeave())
		}
	}
	// Whoever was started by glibc's posix_spawn, as by make, finds signal 32
	// ignored; a signal that is ignored does not reach the child either.
	if err := rtSigaction(32, &sigaction{}, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// roleSupervise runs the rest of the arguments as the main child.
func roleSupervise(args []string) int {
	if os.Getenv("MOUNTPROC") != "" {
		syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
		if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 125
		}
	}
	s, err := Take(Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = s.Attr()
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 127
	}
	s.Adopt(cmd.Process.Pid)
	e := s.Wait(cmd.Process.Pid)
	s.EndRest(2 * time.Second)
	if os.Getenv("REPORT") != "" {
		fmt.Printf("reaped %d\n", s.Orphans())
	}
	s.Close()
	return e.Code()
}

// roleCatch prints every signal that reaches it, and ends on end of input.
func roleCatch() int {
	r, err := installSignals(false)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	out, done := make(chan Signal), make(chan struct{})
	go readSignals(r, out, done)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(42)
	}()
	fmt.Println("ready", os.Getppid())
	for s := range out {
		fmt.Println("signal", int(s.Number), s.Code, s.Value)
	}
	return 0
}

func dieOf(sig syscall.Signal) {
	act := sigaction{}
	rtSigaction(sig, &act, nil)
	syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	syscall.Kill(os.Getpid(), sig)
	time.Sleep(10 * time.Second)
}

// roleOrphans makes a process with n dead children and lets it die: n
// zombies reach the supervisor at once.
func roleOrphans(n int) int {
	runtime.LockOSThread()
	mid := rawFork()
	if mid == 0 {
		for range n {
			if rawFork() == 0 {
				rawExit()
			}
		}
		rawExit()
	}
	syscall.Wait4(mid, nil, 0, nil)
	// Give the supervisor's reaping a chance to be seen: it must come down to us.
	for range 500 {
		if zombies(os.Getppid()) == 0 {
			return 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Println("zombies left:", zombies(os.Getppid()))
	return 1
}

//go:norace
//go:nosplit
func rawFork() int {
	pid, _, _ := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	return int(pid)
}

//go:norace
//go:nosplit
func rawExit() {
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// zombies counts dead children of pid that nobody has collected.
func zombies(pid int) int {
	n := 0
	d, _ := os.Open("/proc")
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		b, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue
		}
		if _, rest, ok := strings.Cut(string(b), ") "); ok && strings.HasPrefix(rest, fmt.Sprintf("Z %d ", pid)) {
			n++
		}
	}
	return n
}

// roleTTY says whether it is in the foreground, then reads lines.
func roleTTY() int {
	time.Sleep(50 * time.Millisecond)
	pgrp, err := foreground(0)
	fmt.Println("foreground", pgrp == syscall.Getpgrp(), err)
	sc := bufio.NewScanner(os.Stdin)
	for sc.Scan() {
		fmt.Println("line", sc.Text())
		if sc.Text() == "bye" {
			return 7
		}
	}
	return 1
}

// roleClosed is sent signals after Close.
func roleClosed() int {
	s, err := Take(Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	s.Close()
	for range 10_000 { // more than the pipe holds
		syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	}
	fmt.Println("alive")
	return 0
}

// roleFault follows a nil pointer with our handlers installed.
func roleFault() (code int) {
	if _, err := installSignals(false); err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() {
		if recover() != nil {
			fmt.Println("recovered")
			code = 0
		}
	}()
	var p *Exit
	fmt.Println(p.Status)
	return 1
}

// roleLeave leaves a daemon behind.
func roleLeave() int {
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("daemon", cmd.Process.Pid)
	return 0
}

// queue is rt_sigqueueinfo(2) with a value.
func queue(pid int, sig syscall.Signal, value uint64) error {
	var info [16]uint64
	b := (*[128]byte)(unsafe.Pointer(&info))
	*(*int32)(unsafe.Pointer(&b[0])) = int32(sig)
	*(*int32)(unsafe.Pointer(&b[8])) = codeQueue
	*(*int32)(unsafe.Pointer(&b[16])) = int32(os.Getpid())
	*(*uint64)(unsafe.Pointer(&b[24])) = value
	_, _, e := syscall.Syscall(syscall.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(sig), uintptr(unsafe.Pointer(b)))
	if e != 0 {
		return e
	}
	return nil
}
