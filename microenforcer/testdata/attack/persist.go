package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

func init() {
	attacks["persist"] = persist
	attacks["steal-token"] = stealToken
}

// stealToken looks for a secret (given backwards) in every process: variables,
// arguments, and the memory of those whose memory can be opened.
func stealToken(args []string) error {
	b := []byte(args[0])
	slices.Reverse(b)
	found := false
	pids, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, d := range pids {
		if d.Name()[0] < '1' || d.Name()[0] > '9' || d.Name() == strconv.Itoa(os.Getpid()) {
			continue
		}
		for _, f := range []string{"environ", "cmdline"} {
			text, err := os.ReadFile("/proc/" + d.Name() + "/" + f)
			if err == nil && bytes.Contains(text, b) {
				found = true
				fmt.Println("found in", d.Name(), f)
			}
		}
		maps, err := os.ReadFile("/proc/" + d.Name() + "/maps")
		mem, err2 := os.Open("/proc/" + d.Name() + "/mem")
		if err != nil || err2 != nil {
			continue
		}
		for line := range bytes.Lines(maps) {
			var from, to int64
			if n, _ := fmt.Sscanf(string(line), "%x-%x r", &from, &to); n == 2 && to-from < 64<<20 {
				text := make([]byte, to-from)
				if n, _ := mem.ReadAt(text, from); bytes.Contains(text[:n], b) {
					found = true
					fmt.Println("found in the memory of", d.Name(), string(line))
				}
			}
		}
		mem.Close()
	}
	if found {
		return errors.New("stolen")
	}
	fmt.Println("nothing found")
	return nil
}

// persist executes, makes sockets and connects again and again, and writes
// down when each worked.
func persist(args []string) error {
	f, err := os.OpenFile(args[0], os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if exec.Command("/proc/self/exe", "exit", "0").Run() == nil {
			fmt.Fprintln(f, "exec", time.Now().UnixNano())
		}
		if fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0); err == nil {
			fmt.Fprintln(f, "socket", time.Now().UnixNano())
			if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}); err == syscall.ECONNREFUSED {
				fmt.Fprintln(f, "connect", time.Now().UnixNano())
			}
			syscall.Close(fd)
		}
		if g, err := os.Open("/proc/self/exe"); err == nil {
			fmt.Fprintln(f, "open", time.Now().UnixNano())
			g.Close()
		}
	}
	return nil
}
