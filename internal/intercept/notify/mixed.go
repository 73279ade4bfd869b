package notify

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// identity3 are the real, effective and saved id, which decide who may look
// into a task.
type identity3 [3]uint32

func (i identity3) mixed() bool        { return i[0] != i[1] || i[1] != i[2] }
func (i identity3) has(id uint32) bool { return i[0] == id || i[1] == id || i[2] == id }
func threeOf(i procfs.IDs) identity3   { return identity3{i.Real, i.Effective, i.Saved} }
func isMixed(st *procfs.Status) bool   { return threeOf(st.UID).mixed() || threeOf(st.GID).mixed() }
func (e *eye) fits(st *procfs.Status) bool {
	return threeOf(st.UID).has(e.uid) && threeOf(st.GID).has(e.gid)
}

// after gives what becomes of ids by a call that succeeds. may: the caller has
// the capability to take any id.
func (i identity3) after(call string, args [6]uint64, may bool) identity3 {
	set := func(at int, arg uint64) {
		if uint32(arg) != ^uint32(0) {
			i[at] = uint32(arg)
		}
	}
	before := i
	switch call {
	case "setuid", "setgid":
		set(1, args[0])
		if may {
			set(0, args[0])
			set(2, args[0])
		}
	case "setreuid", "setregid":
		set(0, args[0])
		set(1, args[1])
		if none := ^uint32(0); uint32(args[0]) != none || uint32(args[1]) != none && i[1] != before[0] {
			i[2] = i[1]
		}
	case "setresuid", "setresgid":
		for at := range 3 {
			set(at, args[at])
		}
	}
	return i
}

// mixes says whether a change of ids leaves a caller with ids that differ.
func (s *Supervisor) mixes(c *Call, k identityCall) bool {
	st, err := procfs.ReadStatus(c.TID())
	if err != nil {
		return false
	}
	creds, _, err := procfs.ReadCreds(c.TID())
	if err != nil {
		return false
	}
	uid, gid := threeOf(st.UID), threeOf(st.GID)
	if k.uid >= 0 {
		uid = uid.after(k.name, c.Args, creds.Effective&(1<<linux.CapSetUID) != 0)
	} else {
		gid = gid.after(k.name, c.Args, creds.Effective&(1<<linux.CapSetGID) != 0)
	}
	return uid.mixed() || gid.mixed()
}

// setThree are the calls that set three ids at once.
var setThree = [2]int{syscall.SYS_SETRESGID, syscall.SYS_SETRESUID}
