package notify

import (
	"github.com/limpet-security/limpet/internal/action"
)

// mountCalls are judged by being made at all: their paths do not matter.
var mountCalls = []string{
	"mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree",
	"fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
}

func mountFamily() []entry { return plain(mountCalls, action.PrivMount) }

// plain makes a family of calls that differ by name only.
func plain(names []string, kind action.PrivilegeKind) []entry {
	out := make([]entry, 0, len(names))
	for _, n := range names {
		out = append(out, entry{n, func(s *Supervisor, c *Call) Response {
			return s.privilege(c, kind, n, "")
		}})
	}
	return out
}
