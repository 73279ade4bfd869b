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
	raw("prlimit64", unix.SYS_PRLIMIT64, uintptr(sup), 7, uintptr(unsafe.Pointer(&lim)), 0)
	raw("pidfd_open", unix.SYS_PIDFD_OPEN, uintptr(sup), 0)
	raw("sched_setaffinity", unix.SYS_SCHED_SETAFFINITY, uintptr(sup), 8, uintptr(unsafe.Pointer(&lim)))
	raw("setpriority", syscall.SYS_SETPRIORITY, 0, uintptr(sup), 19)
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

// privileged says that CAP_SYS_PTRACE is in the effective set.
func privileged() bool {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	return unix.Capget(&h, &d[0]) == nil && d[0].Effective&(1<<19) != 0
}
