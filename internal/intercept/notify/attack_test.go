package notify

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// helperAttack tries everything against the process in SUP and prints what
// was let through.
func helperAttack() {
	sup, _ := strconv.Atoi(os.Getenv("SUP"))
	tids := []int{sup}
	if d, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", sup)); err == nil {
		for _, e := range d {
			tid, _ := strconv.Atoi(e.Name())
			tids = append(tids, tid)
		}
	}
	raw := func(what string, nr uintptr, args ...uintptr) {
		var a [6]uintptr
		copy(a[:], args)
		_, _, e := syscall.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		if e != syscall.EPERM && e != syscall.EACCES && e != syscall.ESRCH {
			fmt.Printf("%s: %v\n", what, e)
		}
	}
	info := [128]byte{}
	*(*int32)(unsafe.Pointer(&info[8])) = -1 // SI_QUEUE
	for sig := uintptr(1); sig <= 64; sig++ {
		*(*int32)(unsafe.Pointer(&info[0])) = int32(sig)
		for _, tid := range tids {
			t, p := uintptr(tid), uintptr(sup)
			raw("kill", syscall.SYS_KILL, t, sig)
			raw("tkill", syscall.SYS_TKILL, t, sig)
			raw("tgkill", syscall.SYS_TGKILL, p, t, sig)
			raw("rt_sigqueueinfo", syscall.SYS_RT_SIGQUEUEINFO, t, sig, uintptr(unsafe.Pointer(&info)))
			raw("rt_tgsigqueueinfo", unix.SYS_RT_TGSIGQUEUEINFO, p, t, sig, uintptr(unsafe.Pointer(&info)))
		}
	}
	for _, tid := range tids {
		t := uintptr(tid)
		raw("ptrace attach", syscall.SYS_PTRACE, 16, t)
		raw("ptrace seize", syscall.SYS_PTRACE, 0x4206, t)
		var b [8]byte
		iov := unix.Iovec{Base: &b[0], Len: 8}
		raw("process_vm_readv", unix.SYS_PROCESS_VM_READV, t, uintptr(unsafe.Pointer(&iov)), 1, uintptr(unsafe.Pointer(&iov)), 1)
		raw("process_vm_writev", unix.SYS_PROCESS_VM_WRITEV, t, uintptr(unsafe.Pointer(&iov)), 1, uintptr(unsafe.Pointer(&iov)), 1)
	}
	lim := [2]uint64{0, 0}
	raw("pidfd_open", unix.SYS_PIDFD_OPEN, uintptr(sup), 0)
	for _, tid := range tids { // limits and scheduling of a process, by any of its threads
		t, p := uintptr(tid), uintptr(unsafe.Pointer(&lim))
		raw("prlimit64", unix.SYS_PRLIMIT64, t, 7, p, 0)
		raw("sched_setaffinity", unix.SYS_SCHED_SETAFFINITY, t, 8, p)
		raw("sched_setscheduler", unix.SYS_SCHED_SETSCHEDULER, t, 5, p)
		raw("sched_setparam", unix.SYS_SCHED_SETPARAM, t, p)
		raw("setpriority", syscall.SYS_SETPRIORITY, 0, t, 19)
		raw("ioprio_set", unix.SYS_IOPRIO_SET, 1, t, 3<<13)
		ownedBy(tid)
	}
	if fd, err := syscall.Open(fmt.Sprintf("/proc/%d", sup), syscall.O_DIRECTORY, 0); err == nil {
		// A /proc/PID descriptor serves as a pidfd for signals only.
		for sig := uintptr(1); sig <= 64; sig++ {
			raw("pidfd_send_signal", unix.SYS_PIDFD_SEND_SIGNAL, uintptr(fd), sig, 0, 0)
		}
	}
	if !privileged() {
		for _, f := range []string{"mem", "environ", "maps", "auxv", "syscall", "fd/0", "root/etc", "map_files", "io"} {
			if fd, err := syscall.Open(fmt.Sprintf("/proc/%d/%s", sup, f), syscall.O_RDONLY, 0); err == nil {
				if n, err := syscall.Read(fd, info[:]); n > 0 && err == nil {
					fmt.Printf("%s: could be read\n", f)
				}
			}
		}
	}
	time.Sleep(time.Millisecond)
	fmt.Println("done")
}

// ownedBy has a pipe send SIGKILL and others to a process when it is written
// to. Whether that worked shows in the process.
func ownedBy(pid int) {
	var p [2]int
	if syscall.Pipe(p[:]) != nil {
		return
	}
	for _, sig := range []uintptr{9, 19} { // the others have handlers
		_, _, _ = syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(p[0]), unix.F_SETOWN, uintptr(pid))
		_, _, _ = syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(p[0]), unix.F_SETSIG, sig)
		_, _, _ = syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(p[0]), syscall.F_SETFL, syscall.O_ASYNC|syscall.O_NONBLOCK)
		_, _ = syscall.Write(p[1], []byte("x"))
		var b [8]byte
		_, _ = syscall.Read(p[0], b[:])
	}
	syscall.Close(p[0])
	syscall.Close(p[1])
}

// helperEverybody signals everybody. It runs in a pid namespace of its own.
func helperEverybody() {
	sup, _ := strconv.Atoi(os.Getenv("SUP"))
	group, _ := strconv.Atoi(os.Getenv("SUPGROUP"))
	raw := func(nr uintptr, a, b, c, d uintptr) syscall.Errno {
		_, _, e := syscall.RawSyscall6(nr, a, b, c, d, 0, 0)
		return e
	}
	child := func() *os.Process {
		p, err := os.StartProcess("/proc/self/exe", []string{"x"}, &os.ProcAttr{Env: append(os.Environ(), "LIMPET_TEST_HELPER=wait")})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return p
	}
	everybody := ^uintptr(0) // -1
	c := child()
	fmt.Println("kill(-1):", raw(syscall.SYS_KILL, everybody, 9, 0, 0))
	st, _ := c.Wait()
	fmt.Println("child:", st)
	fmt.Println("setpgid:", raw(syscall.SYS_SETPGID, 0, uintptr(group), 0, 0))
	fmt.Println("kill(-group):", raw(syscall.SYS_KILL, uintptr(-group), 9, 0, 0))
	fmt.Println("F_SETSIG:", raw(syscall.SYS_FCNTL, 1, unix.F_SETSIG, 9, 0))
	c = child()
	if fd, err := syscall.Open(fmt.Sprintf("/proc/%d", c.Pid), syscall.O_DIRECTORY, 0); err == nil {
		fmt.Println("descriptor:", raw(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(fd), 15, 0, 0))
	}
	st, _ = c.Wait()
	fmt.Println("child:", st)
	if fd, err := syscall.Open(fmt.Sprintf("/proc/%d", sup), syscall.O_DIRECTORY, 0); err == nil {
		fmt.Println("supervisor:", raw(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(fd), 9, 0, 0))
	}
	fmt.Println("not a process:", raw(unix.SYS_PIDFD_SEND_SIGNAL, 1, 15, 0, 0))
}

// privileged says that CAP_SYS_PTRACE is in the effective set.
func privileged() bool {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	return unix.Capget(&h, &d[0]) == nil && d[0].Effective&(1<<19) != 0
}
