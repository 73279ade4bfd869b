package notify

import (
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// full says that the caller has no number left for a descriptor: the kernel
// looks before it makes or cuts a file, and so must we. Before Linux 6.2
// nothing says cheaply how many are in use, and it is found out too late.
func (o *opening) full() bool {
	dir := o.s.power.path(o.tid, "fd")
	var st linux.Stat
	if err := linux.StatAt(linux.AtFDCWD, dir, &st, 0); err != nil || st.Size == 0 {
		return false
	}
	limit, err := linux.OpenLimit(o.tid)
	if err != nil { // another user's
		var ok bool
		if limit, ok = o.limit("Max open files"); !ok {
			return false
		}
	}
	if st.Size < limit {
		return false // one below the limit is free
	}
	// As many as the limit allows, some of which may lie above it.
	var below int64
	err = o.s.power.as(o.tid, func() error {
		fd, err := linux.OpenAt(linux.AtFDCWD, dir, syscall.O_RDONLY|linux.ODirectory)
		if err != nil {
			return err
		}
		defer linux.Close(fd)
		buf := make([]byte, 32<<10)
		for {
			n, err := syscall.ReadDirent(fd, buf)
			if n <= 0 || err != nil {
				return err
			}
			var names []string
			_, _, names = syscall.ParseDirent(buf[:n], -1, names)
			for _, name := range names {
				if k, err := strconv.ParseInt(name, 10, 64); err == nil && k < limit {
					below++
				}
			}
		}
	})
	return err == nil && below >= limit
}
