package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

func init() { attacks["hurt"] = hurt }

// hurt does to its parent, the enforcer, whatever may end, stop, slow or read
// it, so many rounds of each: by its number and by those of its threads.
func hurt(args []string) error {
	rounds, _ := strconv.Atoi(args[0])
	pid := os.Getppid()
	targets := []int{pid}
	if d, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)); err == nil {
		for _, e := range d {
			if tid, err := strconv.Atoi(e.Name()); err == nil && tid != pid {
				targets = append(targets, tid)
			}
		}
	}
	tried, worked := 0, 0
	try := func(what string, nr uintptr, a ...uintptr) {
		var x [6]uintptr
		copy(x[:], a)
		tried++
		if _, _, e := syscall.RawSyscall6(nr, x[0], x[1], x[2], x[3], x[4], x[5]); e == 0 {
			worked++
			if worked < 20 {
				fmt.Println("let through:", what, a)
			}
		}
	}
	var info [16]uint64
	var limit [2]uint64
	var mask uint64 = 1
	for range rounds {
		for i, target := range targets[:min(len(targets), 4)] {
			t, p := uintptr(target), uintptr(pid)
			for sig := uintptr(1); sig <= 64; sig++ {
				*(*int32)(unsafe.Pointer(&info[0])) = int32(sig)
				*(*int32)(unsafe.Pointer(&info[1])) = -1
				try("kill", syscall.SYS_KILL, t, sig)
				try("tkill", syscall.SYS_TKILL, t, sig)
				try("tgkill", syscall.SYS_TGKILL, p, t, sig)
				try("rt_sigqueueinfo", syscall.SYS_RT_SIGQUEUEINFO, t, sig, uintptr(unsafe.Pointer(&info)))
			}
			try("ptrace seize", syscall.SYS_PTRACE, 0x4206, t)
			try("ptrace attach", syscall.SYS_PTRACE, 16, t)
			try("prlimit64", prlimitCall, t, 7, uintptr(unsafe.Pointer(&limit)), 0)
			try("prlimit64 cpu", prlimitCall, t, 0, uintptr(unsafe.Pointer(&limit)), 0)
			try("sched_setscheduler", syscall.SYS_SCHED_SETSCHEDULER, t, 5, uintptr(unsafe.Pointer(&limit)))
			try("sched_setaffinity", syscall.SYS_SCHED_SETAFFINITY, t, 8, uintptr(unsafe.Pointer(&mask)))
			try("setpriority", syscall.SYS_SETPRIORITY, 0, t, 19)
			if i == 0 {
				try("pidfd_open", 434, t, 0)
			}
		}
		for _, f := range []string{"mem", "environ", "fd/0", "maps", "auxv", "syscall"} {
			tried++
			if h, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, f)); err == nil {
				if n, err := h.Read(make([]byte, 16)); n > 0 && err == nil {
					worked++
					fmt.Println("let through: reading", f)
				}
				h.Close()
			}
		}
		if h, err := os.Open(fmt.Sprintf("/proc/%d", pid)); err == nil {
			for sig := uintptr(1); sig <= 64; sig++ {
				try("pidfd_send_signal", 424, h.Fd(), sig, 0, 0)
			}
			h.Close()
		}
		owned(pid)
	}
	// Everybody and every group, without the group we are in. What is let
	// through ends others only; that the enforcer lives shows in that somebody
	// hears what we say next.
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL, syscall.SIGQUIT, syscall.SIGTERM} {
		syscall.Kill(-1, sig)
		if g, err := syscall.Getpgid(pid); err == nil && g > 1 {
			tried++
			if syscall.Kill(-g, sig) == nil && g != syscall.Getpgrp() {
				worked++
				fmt.Println("let through: kill of the enforcer's group")
			}
		}
	}
	fmt.Printf("took effect: %d of %d\n", worked, tried)
	return nil
}

// owned has pipes signal the enforcer when they are written to.
func owned(pid int) {
	var p [2]int
	if syscall.Pipe(p[:]) != nil {
		return
	}
	for _, sig := range []uintptr{9, 19, 3, 6, 15} {
		syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(p[0]), 8, uintptr(pid)) // F_SETOWN
		syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(p[0]), 10, sig)         // F_SETSIG
		syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(p[0]), syscall.F_SETFL, syscall.O_ASYNC|syscall.O_NONBLOCK)
		syscall.Write(p[1], []byte("x"))
		var b [8]byte
		syscall.Read(p[0], b[:])
	}
	syscall.Close(p[0])
	syscall.Close(p[1])
}
