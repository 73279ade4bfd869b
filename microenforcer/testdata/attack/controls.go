package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

func init() {
	attacks["connectback"] = reverseShell
	attacks["moved"] = moved
	attacks["hosted"] = hosted
	attacks["called"] = func(args []string) error {
		_, err := invite(args[0], args[1])
		time.Sleep(500 * time.Millisecond)
		return err
	}
	attacks["deleted"] = deleted
	attacks["tell"] = tell
	attacks["ping"] = ping
	attacks["family"] = func(args []string) error {
		n, _ := strconv.Atoi(args[0])
		return call(syscall.SYS_SOCKET, uintptr(n), syscall.SOCK_RAW)
	}
	attacks["sync"] = func([]string) error { return call(syscall.SYS_SYNC) }
	attacks["newipc"] = func([]string) error { return call(syscall.SYS_UNSHARE, syscall.CLONE_NEWIPC) }
	attacks["chroot"] = func([]string) error { return syscall.Chroot("/") }
	attacks["keys"] = func([]string) error { // asks for the session's keyring; 0: it is not made
		at := -3
		return call(syscall.SYS_KEYCTL, 0, uintptr(at))
	}
	attacks["mknod"] = func(args []string) error {
		_ = os.Remove(args[0])
		return syscall.Mknod(args[0], syscall.S_IFCHR|0o600, 1<<8|3)
	}
}

// moved runs a copy of this program that is like it to the byte.
func moved(args []string) error {
	b, err := self()
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[0], b, 0o755); err != nil {
		return err
	}
	return syscall.Exec(args[0], []string{args[0], "echo", "moved-ran"}, nil)
}

// deleted runs a copy of this program that has no name any more.
func deleted(args []string) error {
	b, err := self()
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[0], append(b, 1), 0o755); err != nil {
		return err
	}
	fd, err := syscall.Open(args[0], syscall.O_RDONLY, 0)
	if err != nil {
		return err
	}
	if err := os.Remove(args[0]); err != nil {
		return err
	}
	return syscall.Exec("/proc/self/fd/"+strconv.Itoa(fd), []string{"deleted", "echo", "deleted-ran"}, nil)
}

// tell hands the value of a variable to a program.
func tell(args []string) error {
	v := os.Getenv(args[0])
	if v == "" {
		return errors.New("no such variable")
	}
	return syscall.Exec("/proc/self/exe", []string{"attack", "echo", "told", v}, nil)
}

// ping asks a host for an echo.
func ping(args []string) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, syscall.IPPROTO_ICMP)
	if err != nil {
		return err
	}
	var to syscall.SockaddrInet4
	copy(to.Addr[:], net.ParseIP(args[0]).To4())
	wait := syscall.NsecToTimeval(int64(5 * time.Second))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &wait); err != nil {
		return err
	}
	if err := syscall.Sendto(fd, []byte{8, 0, 0, 0, 0, 1, 0, 1}, 0, &to); err != nil {
		return err
	}
	b := make([]byte, 100)
	n, _, err := syscall.Recvfrom(fd, b, 0)
	if err == nil && n > 0 && b[0] == 0 {
		fmt.Println("pinged")
	}
	return err
}

// invite has a server knock at a port of ours.
func invite(port, server string) (own string, err error) {
	c, err := net.Dial("tcp4", server)
	if err != nil {
		return "", err
	}
	defer c.Close()
	own, _, _ = net.SplitHostPort(c.LocalAddr().String())
	_, err = fmt.Fprintf(c, "knock %s", net.JoinHostPort(own, port))
	return own, err
}

// hosted offers a service at a port and says whether somebody from outside
// reached it.
func hosted(args []string) error {
	l, err := net.Listen("tcp4", "0.0.0.0:"+args[0])
	if err != nil {
		return err
	}
	if _, err := invite(args[0], args[1]); err != nil {
		return err
	}
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(1500 * time.Millisecond))
	c, err := l.Accept()
	if err != nil {
		fmt.Println("nobody came")
		return nil
	}
	fmt.Println("visited by", c.RemoteAddr())
	return c.Close()
}
