package notify

import (
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// maxDeepLinks is how many symbolic links the kernel follows.
const maxDeepLinks = 40

// deep fills in the path of a file that lies deeper than the kernel can say,
// by that of the folder in which its name leads to it, or a link there.
func (u *fileUser) deep(o *fileObject, from int, path string, resolve uint64, links int) syscall.Errno {
	cut := strings.LastIndexByte(path, '/') + 1
	head, name := path[:cut], path[cut:]
	if o.kind() == syscall.S_IFDIR || name == "" || links > maxDeepLinks {
		return syscall.ENAMETOOLONG
	}
	if head == "" {
		head = "."
	}
	dir, e := u.try(from, head, linux.OPath|linux.ODirectory, resolve)
	if e != 0 {
		return syscall.ENAMETOOLONG
	}
	defer dir.close()
	var st linux.Stat
	if err := linux.StatAt(dir.fd, name, &st, linux.AtSymNofollow); err != nil {
		return syscall.ENAMETOOLONG
	}
	if st.Dev == o.st.Dev && st.Ino == o.st.Ino {
		o.path = pathBelow(dir, name)
		return 0
	}
	target, err := linux.ReadlinkAt(dir.fd, name)
	if err != nil {
		return syscall.ENAMETOOLONG
	}
	return u.deep(o, dir.fd, target, resolve, links+1)
}
