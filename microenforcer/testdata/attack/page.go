package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func init() { attacks["page"] = page }

// page tries everything to change or replace the memory from which the kernel
// reads what the ptrace engine judged.
func page(args []string) error {
	if c, err := net.DialTimeout("tcp", args[0], time.Second); err == nil {
		c.Close()
	}
	at, end, id, err := findPage()
	if err != nil {
		return err
	}
	size := end - at
	fmt.Printf("page at %#x, %d bytes\n", at, size)
	const rw, private, fixed = 3, 0x22, 0x10
	anon := func(addr, n, flags uintptr) func() bool {
		return func() bool {
			v, _, e := syscall.Syscall6(syscall.SYS_MMAP, addr, n, rw, private|flags, ^uintptr(0), 0)
			return e == 0 && v <= at && v+n > at
		}
	}
	made := func(nr uintptr, a ...uintptr) func() bool {
		var b [6]uintptr
		copy(b[:], a)
		return func() bool { _, _, e := syscall.Syscall6(nr, b[0], b[1], b[2], b[3], b[4], b[5]); return e == 0 }
	}
	spare, _, _ := syscall.Syscall6(syscall.SYS_MMAP, 0, size, rw, private, ^uintptr(0), 0)
	own, _, _ := syscall.Syscall(syscall.SYS_SHMGET, 0, size, 0o1600)
	evil := []byte("evil")
	broken := false
	for _, try := range []struct {
		name string
		do   func() bool
	}{
		{"mprotect", made(syscall.SYS_MPROTECT, at, size, rw)},
		{"mprotect of a part", made(syscall.SYS_MPROTECT, at+4096, 4096, rw)},
		{"/proc/self/mem", func() bool {
			f, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
			if err != nil {
				return false
			}
			defer f.Close()
			_, err = f.WriteAt(evil, int64(at))
			return err == nil
		}},
		{"process_vm_writev", func() bool {
			l := [2]uintptr{uintptr(unsafe.Pointer(&evil[0])), 4}
			r := [2]uintptr{at, 4}
			n, _, e := syscall.Syscall6(processVMWritev, uintptr(os.Getpid()), uintptr(unsafe.Pointer(&l)), 1, uintptr(unsafe.Pointer(&r)), 1, 0)
			return e == 0 && n > 0
		}},
		{"mmap over it", anon(at, size, fixed)},
		{"mmap over the end", anon(end-4096, 4096, fixed)},
		{"mmap from 0", anon(0, end, fixed)},
		{"munmap", made(syscall.SYS_MUNMAP, at, size)},
		{"munmap from 0", made(syscall.SYS_MUNMAP, 0, end)},
		{"mremap away", made(syscall.SYS_MREMAP, at, size, size, 1)},
		{"mremap over it", made(syscall.SYS_MREMAP, spare, size, size, 3, at)},
		{"shmdt", made(syscall.SYS_SHMDT, at)},
		{"shmat over it", made(syscall.SYS_SHMAT, own, at, 0o40000)},
		{"shmat for writing", made(syscall.SYS_SHMAT, id, 0, 0)},
		{"shmctl", made(syscall.SYS_SHMCTL, id, 1, uintptr(unsafe.Pointer(&make([]byte, 256)[0])))},
	} {
		if try.do() {
			broken = true
			fmt.Println("broken by", try.name)
		}
	}
	if at2, end2, id2, err := findPage(); err != nil || at2 != at || end2 != end || id2 != id {
		return fmt.Errorf("the page is not where it was: %#x-%#x, %w", at2, end2, err)
	}
	if broken {
		return fmt.Errorf("the page can be changed")
	}
	fmt.Println("page held")
	return nil
}

func findPage() (at, end, id uintptr, err error) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return 0, 0, 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		w := strings.Fields(s.Text())
		if len(w) < 6 || !strings.HasPrefix(w[5], "/SYSV") {
			continue
		}
		a, e, _ := strings.Cut(w[0], "-")
		lo, err1 := strconv.ParseUint(a, 16, 64)
		hi, err2 := strconv.ParseUint(e, 16, 64)
		in, err3 := strconv.ParseUint(w[4], 10, 32)
		if err1 != nil || err2 != nil || err3 != nil || lo > 1<<20 {
			continue
		}
		return uintptr(lo), uintptr(hi), uintptr(in), nil
	}
	return 0, 0, 0, fmt.Errorf("there is no page")
}
