package notify

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
)

// namespaceFlags names CLONE_NEW* bits, in the order they are written.
var namespaceFlags = []struct {
	bit  uint64
	name string
}{
	{syscall.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{syscall.CLONE_NEWNS, "CLONE_NEWNS"},
	{syscall.CLONE_NEWPID, "CLONE_NEWPID"},
	{syscall.CLONE_NEWNET, "CLONE_NEWNET"},
	{syscall.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{syscall.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{0x02000000, "CLONE_NEWCGROUP"},
	{0x00000080, "CLONE_NEWTIME"},
}

const anyNamespace = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
	syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | 0x02000000

func namespaceNames(flags uint64) string {
	var out []string
	for _, f := range namespaceFlags {
		if flags&f.bit != 0 {
			out = append(out, f.name)
		}
	}
	if len(out) == 0 {
		return fmt.Sprintf("%#x", flags)
	}
	return strings.Join(out, "|")
}

func namespaceFamily() []entry {
	return []entry{{"unshare", handleUnshare}, {"setns", handleSetns}}
}

func handleUnshare(s *Supervisor, c *Call) Response {
	flags := uint64(uint32(c.Args[0]))
	if flags&(anyNamespace|0x80) == 0 {
		return cont() // CLONE_FS, CLONE_FILES, CLONE_SYSVSEM: its own tables only
	}
	return s.privilege(c, action.PrivNamespace, "unshare", namespaceNames(flags))
}

func handleSetns(s *Supervisor, c *Call) Response {
	return s.privilege(c, action.PrivNamespace, "setns", namespaceNames(uint64(uint32(c.Args[1]))))
}

// privilege asks about a call that register arguments describe in full.
func (s *Supervisor) privilege(c *Call, kind action.PrivilegeKind, name, detail string) Response {
	r := scalar(s.cfg.Judge.Privilege(&action.Privilege{
		Proc: c.Process(), Kind: kind, Syscall: name, Detail: detail, ToUID: -1, ToGID: -1,
	}))
	if r.Continue && (kind == action.PrivNamespace || kind == action.PrivMount) {
		// From now on a task's root may differ from ours.
		s.roots.Store(true)
	}
	return r
}
