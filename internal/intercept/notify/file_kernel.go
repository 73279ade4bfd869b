package notify

import (
	"slices"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// kernelFiles are the ends of paths, in file systems that the kernel makes up,
// through which whoever writes has it run a program as root of the host, load
// code, or stop the machine. No call of their own guards them. Containers get
// them read-only or not at all; privileged ones do not.
var kernelFiles = []string{
	"/sysrq-trigger", "/sys/kernel/core_pattern", "/sys/kernel/modprobe", "/sys/kernel/hotplug", "/sys/kernel/poweroff_cmd",
	"/binfmt_misc/register", "/kernel/uevent_helper", "/release_agent", "/devices.allow",
	"/kprobe_events", "/uprobe_events", "/power/state", "/power/disk",
}

// memMajor is Linux's device number of memory: 1 mem, 2 kmem, 4 port
// (Documentation/admin-guide/devices.txt).
const memMajor = 1

// intoKernel says that writing to an object reaches the kernel, or a disk below
// every file system.
func intoKernel(o *fileObject) bool {
	switch o.kind() {
	case syscall.S_IFBLK:
		return true
	case syscall.S_IFCHR:
		major, minor := linux.Device(o.st.Rdev)
		return major == memMajor && (minor == 1 || minor == 2 || minor == 4)
	case syscall.S_IFREG:
		for _, end := range kernelFiles {
			if strings.HasSuffix(o.path, end) {
				m, err := linux.FsMagic(o.fd)
				return err != nil || o.proc || linux.MadeUp(m)
			}
		}
	}
	return false
}

// ioctl judges the few that the filter stops; attributes are for files.
func ioctl(files handler) handler {
	return func(s *Supervisor, c *Call) Response {
		switch uint32(c.Args[1]) {
		case rules.IoctlUserfault:
			return s.privilege(c, action.PrivKernel, "ioctl", "USERFAULTFD_IOC_NEW")
		case rules.IoctlTyped:
			return s.privilege(c, action.PrivTrace, "ioctl", "TIOCSTI")
		}
		if slices.Contains(rules.Subvolumes, uint64(uint32(c.Args[1]))) {
			return s.privilege(c, action.PrivMount, "ioctl", "a subvolume or snapshot")
		}
		return files(s, c)
	}
}
