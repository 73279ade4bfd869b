package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

func init() {
	attacks["listen"] = listen
	attacks["udpbind"] = udpBind
	attacks["inbound"] = inbound
	attacks["bindshell"] = bindShell
	attacks["unix"] = unixByName
	attacks["scan"] = scan
	attacks["scans"] = scans
}

// sockaddr splits "1.2.3.4:80".
func sockaddr(s string) *syscall.SockaddrInet4 {
	a, err := net.ResolveTCPAddr("tcp4", s)
	if err != nil {
		panic(err)
	}
	return &syscall.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())}
}

// listen offers a service on an address.
func listen(args []string) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if args[0] != "" {
		if err := syscall.Bind(fd, sockaddr(args[0])); err != nil {
			return err
		}
	}
	return syscall.Listen(fd, 1)
}

func udpBind(args []string) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	return syscall.Bind(fd, sockaddr(args[0]))
}

// inbound serves one connection of a peer on loopback, which says what it got.
func inbound(args []string) error {
	l, err := net.Listen("tcp4", args[0])
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 2)
			_, _ = io.ReadFull(c, b)
			fmt.Printf("the application read %q\n", b)
			_, _ = c.Write([]byte("served"))
			c.Close()
		}
	}()
	c, err := net.Dial("tcp4", args[0])
	if err != nil {
		return err
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte("hi")); err != nil {
		return err
	}
	b, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	fmt.Println("got", string(b))
	return nil
}

// bindShell starts a program on a connection that it accepted.
func bindShell(args []string) error {
	l, err := net.Listen("tcp4", args[0])
	if err != nil {
		return err
	}
	told := make(chan string, 1)
	go func() {
		c, err := net.Dial("tcp4", args[0])
		if err != nil {
			told <- err.Error()
			return
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		b, _ := io.ReadAll(c)
		told <- string(b)
	}()
	c, err := l.Accept()
	if err != nil {
		return err
	}
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, f
	err = cmd.Run()
	f.Close()
	c.Close()
	fmt.Println("received", <-told)
	return err
}

// unixByName connects to /tmp/real.sock by another name.
func unixByName(args []string) error {
	if err := os.Chdir("/tmp"); err != nil {
		return err
	}
	_ = os.Remove("real.sock")
	_ = os.Remove("link.sock")
	l, err := net.Listen("unix", "/tmp/real.sock")
	if err != nil {
		return err
	}
	defer l.Close()
	if err := os.Symlink("real.sock", "link.sock"); err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	return syscall.Connect(fd, &syscall.SockaddrUnix{Name: args[0]})
}

// scan tries so many closed ports of a host, then one that is open.
func scan(args []string) error {
	n, _ := strconv.Atoi(args[1])
	for i := range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		_ = syscall.Connect(fd, sockaddr(net.JoinHostPort(args[0], strconv.Itoa(20000+i))))
		syscall.Close(fd)
	}
	return tcp([]string{net.JoinHostPort(args[0], "80")})
}

// scans does the same with a process for each port, as a shell would.
func scans(args []string) error {
	n, _ := strconv.Atoi(args[1])
	for i := range n {
		_ = exec.Command("/proc/self/exe", "tcp", net.JoinHostPort(args[0], strconv.Itoa(20000+i))).Run()
	}
	out, err := exec.Command("/proc/self/exe", "tcp", net.JoinHostPort(args[0], "80")).CombinedOutput()
	fmt.Print(string(out))
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}
