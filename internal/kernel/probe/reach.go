package probe

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

const targetName = "limpet-probe-target"

// nobody is a uid and gid that is not ours.
const nobody = 65534

// marker is what the target's memory is looked for.
var marker = [8]byte{'l', 'i', 'm', 'p', 'e', 't', '!', 0}

// target says where its marker is and waits for its input: an empty line
// makes it become nobody, the end of input ends it.
func target() {
	out := bufio.NewWriter(os.Stdout)
	say := func(s string) { _, _ = out.WriteString(s + "\n"); _ = out.Flush() }
	say(strconv.FormatUint(uint64(uintptr(unsafe.Pointer(&marker))), 10))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		err := syscall.Setgroups(nil)
		if err == nil {
			err = syscall.Setgid(nobody)
		}
		if err == nil {
			err = syscall.Setuid(nobody)
		}
		if err == nil {
			err = linux.SetDumpable(true)
		}
		if err != nil {
			say("no")
			continue
		}
		say("ok")
	}
	os.Exit(0)
}

// reach looks into a child.
func (n *notes) reach() {
	all := []Name{Ptrace, ProcMem, VMRead, PidfdGetfd, OtherUID}
	nothing := func(err error) {
		for _, f := range all {
			n.add(f, err)
		}
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{targetName}
	cmd.Env = []string{"GOMAXPROCS=1"}
	in, err := cmd.StdinPipe()
	if err != nil {
		nothing(err)
		return
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		nothing(err)
		return
	}
	if err := cmd.Start(); err != nil {
		nothing(err)
		return
	}
	pid := cmd.Process.Pid
	defer func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	out := bufio.NewScanner(pipe)
	if !out.Scan() {
		nothing(syscall.EIO)
		return
	}
	addr, err := strconv.ParseUint(out.Text(), 10, 64)
	if err != nil {
		nothing(syscall.EIO)
		return
	}
	n.add(Ptrace, seize(pid))
	n.add(ProcMem, procMem(pid, addr))
	var b [8]byte
	_, err = linux.ReadMem(pid, b[:], uintptr(addr))
	n.add(VMRead, err)
	fd, err := linux.PidfdGetfd(pid, 0)
	if err == nil {
		linux.Close(fd)
	}
	n.add(PidfdGetfd, err)

	if os.Getuid() != 0 {
		n.add(OtherUID, syscall.EPERM) // nobody below us can take another uid either
		return
	}
	if _, err := in.Write([]byte("\n")); err != nil || !out.Scan() || out.Text() != "ok" {
		n.add(OtherUID, syscall.EPERM)
		return
	}
	n.add(OtherUID, otherUID(pid, addr))
}

func seize(pid int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := linux.Seize(pid, linux.TraceExec|linux.TraceExitKill); err != nil {
		return err
	}
	if err := linux.Interrupt(pid); err != nil {
		return err
	}
	if _, st, err := linux.WaitTracee(pid); err != nil || !st.Stopped() {
		return syscall.EIO
	}
	return linux.Detach(pid, 0)
}

func procMem(pid int, addr uint64) error {
	fd, err := linux.OpenAt(linux.AtFDCWD, "/proc/"+strconv.Itoa(pid)+"/mem", syscall.O_RDONLY)
	if err != nil {
		return err
	}
	defer linux.Close(fd)
	var b [8]byte
	if _, err := linux.Pread(fd, b[:], int64(addr)); err != nil {
		return err
	}
	if b != marker {
		return syscall.EIO
	}
	return nil
}

// otherUID tries it as we are, and as a thread that took the target's ids.
func otherUID(pid int, addr uint64) error {
	both := func() error {
		if err := procMem(pid, addr); err != nil {
			return err
		}
		if _, err := linux.ReadlinkAt(linux.AtFDCWD, "/proc/"+strconv.Itoa(pid)+"/exe"); err != nil {
			return err
		}
		return seize(pid)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := both(); err == nil {
		return nil
	}
	if err := linux.SetThreadIDs(nobody, nobody); err != nil {
		return err
	}
	err := both()
	if rerr := linux.RestoreThreadIDs(0, 0); rerr != nil {
		return rerr
	}
	return err
}
