package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func init() {
	attacks["open"] = open
	attacks["put"] = put
	attacks["chmod"] = func(args []string) error { return os.Chmod(args[0], 0o600) }
	attacks["chown"] = func(args []string) error { return os.Chown(args[0], -1, os.Getgid()) }
	attacks["touch"] = func(args []string) error { return os.Chtimes(args[0], time.Now(), time.Now()) }
	attacks["unlink"] = func(args []string) error { return syscall.Unlink(args[0]) }
	attacks["rename"] = func(args []string) error { return syscall.Rename(args[0], args[1]) }
	attacks["link"] = func(args []string) error { return syscall.Link(args[0], args[1]) }
	attacks["truncate"] = func(args []string) error { return syscall.Truncate(args[0], 0) }
	attacks["mkdir"] = func(args []string) error { return syscall.Mkdir(args[0], 0o755) }
	attacks["through"] = through
	attacks["swap"] = swap
	attacks["memory"] = memory
	attacks["cut"] = cut
	attacks["storm"] = storm
	attacks["cached"] = func(args []string) error { // openat2 with RESOLVE_CACHED
		how := [3]uint64{0, 0, 0x20}
		name := append([]byte(args[0]), 0)
		at := -100
		return errnoOf(syscall.RawSyscall6(437, uintptr(at), uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&how)), 24, 0, 0))
	}
	attacks["name"] = func(args []string) error { // gives a unix socket a name
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		return syscall.Bind(fd, &syscall.SockaddrUnix{Name: args[0]})
	}
	attacks["generation"] = func(args []string) error { // FS_IOC_SETVERSION
		fd, err := syscall.Open(args[0], syscall.O_RDONLY, 0)
		if err != nil {
			return err
		}
		g := 77
		return errnoOf(syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), 0x40087602, uintptr(unsafe.Pointer(&g))))
	}
}

// open opens NAME for r, w, rw, a, c (create), t (truncate).
func open(args []string) error {
	flags := map[string]int{"r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR, "a": os.O_WRONLY | os.O_APPEND,
		"c": os.O_WRONLY | os.O_CREATE, "t": os.O_WRONLY | os.O_TRUNC}[args[0]]
	fd, err := syscall.Open(args[1], flags, 0o644)
	if err != nil {
		return err
	}
	b := make([]byte, 100)
	if n, err := syscall.Read(fd, b); err == nil && n > 0 {
		fmt.Println("read", strings.TrimSpace(string(b[:n])))
	}
	return syscall.Close(fd)
}

// put writes TEXT into NAME; with more arguments it then runs the rest.
func put(args []string) error {
	if err := os.WriteFile(args[0], []byte(args[1]), 0o644); err != nil {
		var e syscall.Errno
		if errors.As(err, &e) {
			return e
		}
		return err
	}
	return nil
}

// through reads NAME in one of the ways that hide its name.
func through(args []string) error {
	name := args[1]
	dir, base := name[:strings.LastIndexByte(name, '/')], name[strings.LastIndexByte(name, '/')+1:]
	path := ""
	switch args[0] {
	case "root":
		path = "/proc/self/root" + name
	case "cwd":
		if err := os.Chdir(dir); err != nil {
			return err
		}
		path = "/proc/self/cwd/" + base
	case "dots":
		path = dir + "/../" + dir[1:] + "/./" + base
		path = "/" + strings.Repeat("../", 5) + dir[1:] + "/" + base
	case "thread":
		path = "/proc/thread-self/root" + name
	case "link":
		path = "/tmp/l" + strconv.Itoa(os.Getpid())
		if err := os.Symlink(name, path); err != nil {
			return err
		}
		defer os.Remove(path)
	case "fd": // O_PATH is no access; opening it again is
		fd, err := syscall.Open(name, 0x200000, 0)
		if err != nil {
			return err
		}
		path = "/proc/self/fd/" + strconv.Itoa(fd)
	case "dirfd":
		d, err := syscall.Open(dir, syscall.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		path = "/dev/fd/" + strconv.Itoa(d) + "/" + base
	case "openat2":
		p, _ := syscall.BytePtrFromString(name)
		how := [3]uint64{}
		at := -100
		fd, _, e := syscall.RawSyscall6(437, uintptr(at), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&how)), 24, 0, 0)
		if e != 0 {
			return e
		}
		path = "/proc/self/fd/" + strconv.Itoa(int(fd))
	}
	return open([]string{"r", path})
}

// swap exchanges two names.
func swap(args []string) error {
	a, _ := syscall.BytePtrFromString(args[0])
	b, _ := syscall.BytePtrFromString(args[1])
	at := -100
	_, _, e := syscall.RawSyscall6(renameat2Call, uintptr(at), uintptr(unsafe.Pointer(a)), uintptr(at), uintptr(unsafe.Pointer(b)), 2, 0)
	if e != 0 {
		return e
	}
	return nil
}

// memory writes into the memory of PID (or "self") as ddexec does.
func memory(args []string) error {
	word := uint64(1)
	if args[0] == "parent" {
		args[0] = strconv.Itoa(os.Getppid())
	}
	f, err := syscall.Open("/proc/"+args[0]+"/mem", syscall.O_RDWR, 0)
	if err != nil {
		return err
	}
	if args[0] == "self" {
		if _, err := syscall.Pwrite(f, []byte{2, 0, 0, 0, 0, 0, 0, 0}, int64(uintptr(unsafe.Pointer(&word)))); err != nil {
			return err
		}
		fmt.Println("memory", word)
	}
	return syscall.Close(f)
}

// cut opens a log to append and takes its end away through the descriptor.
func cut(args []string) error {
	fd, err := syscall.Open(args[1], syscall.O_WRONLY|syscall.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := syscall.Write(fd, []byte("more\n")); err != nil {
		return err
	}
	switch args[0] {
	case "ftruncate":
		return syscall.Ftruncate(fd, 1)
	case "fcntl":
		if _, _, e := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFL, 0); e != 0 {
			return e
		}
		_, err = syscall.Pwrite(fd, []byte("X"), 0)
		return err
	case "punch":
		return syscall.Fallocate(fd, 3, 0, 4)
	case "noappend": // RWF_NOAPPEND
		b := []byte("X")
		v := syscall.Iovec{Base: &b[0], Len: 1}
		return errnoOf(syscall.RawSyscall6(pwritev2Call, uintptr(fd), uintptr(unsafe.Pointer(&v)), 1, 0, 0, 0x20))
	case "asynchronous": // calls that have it in memory
		var ring uintptr
		return errnoOf(syscall.RawSyscall(ioSetupCall, 1, uintptr(unsafe.Pointer(&ring)), 0))
	case "unreserve", "zero": // fallocate by its ioctls
		r := [6]uint64{0, 0, 4}
		cmd := map[string]uintptr{"unreserve": 0x4030582b, "zero": 0x40305839}[args[0]]
		return errnoOf(syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), cmd, uintptr(unsafe.Pointer(&r))))
	}
	return nil
}

func errnoOf(_, _ uintptr, e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

// storm writes N times into files of a folder, one of which it changes for good.
func storm(args []string) error {
	n, _ := strconv.Atoi(args[1])
	for i := range n {
		text := "same"
		if i == n/2 {
			if err := os.WriteFile(args[0]+"/hidden", []byte("changed"), 0o644); err != nil {
				return err
			}
		}
		if err := os.WriteFile(args[0]+"/noise"+strconv.Itoa(i%10), []byte(text), 0o644); err != nil {
			return err
		}
	}
	fmt.Println("stormed", n)
	return nil
}
