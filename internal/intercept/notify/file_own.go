package notify

import (
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// ownFiles are the enforcer's own: its program, configuration, manifest,
// spool. What would change one of them, or a folder above, is tampering
// whatever the policy says.
type ownFiles struct {
	paths []string
	ids   map[[2]uint64]bool // device, inode: under whatever name
	owner map[uint32]bool
}

func (o *ownFiles) set(paths []string) {
	o.paths = paths
	o.ids, o.owner = make(map[[2]uint64]bool, len(paths)), make(map[uint32]bool)
	for _, p := range paths {
		var st linux.Stat
		if linux.StatAt(linux.AtFDCWD, p, &st, linux.AtSymNofollow) == nil {
			o.ids[[2]uint64{st.Dev, st.Ino}] = true
			o.owner[st.Uid] = true
		}
	}
}

// within says that the kernel would let this caller change one of them.
func (o *ownFiles) within(who *fileCreds) bool {
	return len(o.paths) > 0 && (!who.weak || o.owner[who.FSUID])
}

func (o *ownFiles) has(op *action.FileOp) bool {
	if op.Access&action.FileChange == 0 || len(o.paths) == 0 {
		return false
	}
	if op.File.Ino != 0 && o.ids[[2]uint64{op.File.Dev, op.File.Ino}] {
		return true
	}
	if op.Path == "" {
		return false
	}
	for _, p := range o.paths {
		if under(op.Path, p) || op.Access&action.FileMove != 0 && under(p, op.Path) {
			return true
		}
	}
	return false
}

// under says that path is dir or lies below it.
func under(path, dir string) bool {
	return strings.HasPrefix(path, dir) && (len(path) == len(dir) || path[len(dir)] == '/')
}

// openOfUs are the files of /proc/PID that anybody may open of a process that
// he may not look into. This thread is one of the enforcer's, so the kernel
// would give it the others as well.
var openOfUs = map[string]bool{
	"": true, "task": true, "stat": true, "statm": true, "status": true, "cmdline": true, "comm": true, "cgroup": true,
	"limits": true, "mountinfo": true, "mounts": true, "loginuid": true, "sessionid": true, "schedstat": true,
	"oom_score": true, "oom_score_adj": true, "oom_adj": true, "cpuset": true, "wchan": true,
}

// inside refuses what the caller could not open of the enforcer itself.
func (u *fileUser) inside(o *fileObject) syscall.Errno {
	if !o.proc {
		return 0
	}
	pid := procPID(o.path)
	if pid == 0 || !u.s.ours(pid) {
		return 0
	}
	leaf := o.path[strings.LastIndexByte(o.path, '/')+1:]
	if o.kind() == syscall.S_IFDIR && (leaf == "task" || leaf != "" && leaf[0] <= '9') || o.kind() != syscall.S_IFDIR && openOfUs[leaf] {
		if !u.change {
			return 0
		}
	}
	if u.change {
		u.s.cfg.Judge.Tamper(&action.Tamper{Proc: u.c.Process(), Syscall: u.s.routes[u.c.NR].name, Detail: o.path})
	}
	return syscall.EACCES
}

// memoryOf says whose memory an object in /proc is; 0: it is not memory.
func memoryOf(o *fileObject) int {
	if !o.proc || !strings.HasSuffix(o.path, "/mem") {
		return 0
	}
	return procPID(o.path)
}
