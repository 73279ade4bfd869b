package linux

import (
	"fmt"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Creds are what the kernel asks about when a thread uses a file.
type Creds struct {
	UID, EUID, FSUID uint32
	GID, EGID, FSGID uint32
	Groups           []uint32
	Effective        uint64 // capabilities
	Permitted        uint64 // of ThreadCreds only
}

// Same says that two credentials open the same files.
func (c *Creds) Same(d *Creds) bool {
	return c.UID == d.UID && c.EUID == d.EUID && c.FSUID == d.FSUID && c.GID == d.GID && c.EGID == d.EGID && c.FSGID == d.FSGID &&
		c.Effective == d.Effective && slices.Equal(c.Groups, d.Groups)
}

// ThreadCreds reads those of the calling thread.
func ThreadCreds() (Creds, error) {
	ruid, euid, _ := unix.Getresuid()
	rgid, egid, _ := unix.Getresgid()
	c := Creds{UID: uint32(ruid), EUID: uint32(euid), FSUID: uint32(euid), GID: uint32(rgid), EGID: uint32(egid), FSGID: uint32(egid)}
	groups, err := syscall.Getgroups()
	if err != nil {
		return c, fmt.Errorf("cannot read our groups: %w", err)
	}
	for _, g := range groups {
		c.Groups = append(c.Groups, uint32(g))
	}
	var d [2]unix.CapUserData
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&h, &d[0]); err != nil {
		return c, fmt.Errorf("cannot read our capabilities: %w", err)
	}
	c.Effective = uint64(d[1].Effective)<<32 | uint64(d[0].Effective)
	c.Permitted = uint64(d[1].Permitted)<<32 | uint64(d[0].Permitted)
	return c, nil
}

// TakeCreds gives the calling thread, and no other, the credentials of
// somebody else for what it does with files. own are those that it has, which
// RestoreCreds gives back; the saved ids and the permitted capabilities stay
// ours. After an error RestoreCreds must be called as well. The caller holds
// the thread.
func TakeCreds(c, own *Creds) error {
	if !slices.Equal(c.Groups, own.Groups) {
		if e := setgroups(c.Groups); e != 0 {
			return fmt.Errorf("cannot take the caller's groups: %w", e)
		}
	}
	if c.GID != own.GID || c.EGID != own.EGID {
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESGID, uintptr(c.GID), uintptr(c.EGID), ^uintptr(0)); e != 0 {
			return fmt.Errorf("cannot take the caller's gid: %w", e)
		}
	}
	if c.FSGID != c.EGID {
		syscall.RawSyscall(syscall.SYS_SETFSGID, uintptr(c.FSGID), 0, 0)
	}
	effective := own.Effective
	if c.UID != own.UID || c.EUID != own.EUID {
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(c.UID), uintptr(c.EUID), ^uintptr(0)); e != 0 {
			return fmt.Errorf("cannot take the caller's uid: %w", e)
		}
		if own.EUID == 0 && c.EUID != 0 {
			effective = 0 // the kernel cleared them
		}
	}
	if c.FSUID != c.EUID {
		// Without CAP_SETUID by now: the filesystem id may become any of ours.
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETFSUID, uintptr(c.FSUID), 0, 0); e != 0 {
			return fmt.Errorf("cannot take the caller's filesystem uid: %w", e)
		}
		if got, _, _ := syscall.RawSyscall(syscall.SYS_SETFSUID, ^uintptr(0), 0, 0); uint32(got) != c.FSUID {
			return fmt.Errorf("cannot take the caller's filesystem uid: %w", syscall.EPERM)
		}
		effective = ^uint64(0) // whatever they are now
	}
	if c.Effective != effective {
		return setEffective(c.Effective)
	}
	return nil
}

// RestoreCreds undoes TakeCreds of c, whether or not it came to its end: all in
// which c differs.
func RestoreCreds(c, own *Creds) error {
	if c.UID != own.UID || c.EUID != own.EUID || c.FSUID != own.FSUID {
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(own.UID), uintptr(own.EUID), ^uintptr(0)); e != 0 {
			return e
		}
	}
	// Who becomes root again has by that what he is permitted.
	if own.EUID != 0 || c.EUID == 0 || own.Effective != own.Permitted {
		if err := setEffective(own.Effective); err != nil {
			return err
		}
	}
	if c.GID != own.GID || c.EGID != own.EGID || c.FSGID != own.FSGID {
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESGID, uintptr(own.GID), uintptr(own.EGID), ^uintptr(0)); e != 0 {
			return e
		}
	}
	if !slices.Equal(c.Groups, own.Groups) {
		return errnoErr(setgroups(own.Groups))
	}
	return nil
}

// setgroups of the calling thread only; syscall.Setgroups changes all.
func setgroups(g []uint32) syscall.Errno {
	var p unsafe.Pointer
	if len(g) > 0 {
		p = unsafe.Pointer(&g[0])
	}
	_, _, e := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(g)), uintptr(p), 0)
	return e
}

// setEffective makes the effective capabilities those of set that we are
// permitted.
func setEffective(set uint64) error {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if err := unix.Capget(&h, &d[0]); err != nil {
		return fmt.Errorf("cannot read our capabilities: %w", err)
	}
	d[0].Effective, d[1].Effective = uint32(set)&d[0].Permitted, uint32(set>>32)&d[1].Permitted
	if err := unix.Capset(&h, &d[0]); err != nil {
		return fmt.Errorf("cannot take the caller's capabilities: %w", err)
	}
	return nil
}
