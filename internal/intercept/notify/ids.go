package notify

import (
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// ids fills in who runs the program, with all ids and groups. They are the
// calling thread's own, and it waits for us: nobody can change them now.
func (a *attempt) ids() {
	a.IDs = nil
	if !a.wants.IDs {
		return
	}
	b, cut, err := procfs.ReadFile(procfs.Path(a.tid, "status"), procfs.MaxGroups)
	if err != nil || cut {
		return
	}
	st, err := procfs.ParseStatus(b)
	if err != nil {
		return
	}
	groups, err := procfs.ParseGroups(b)
	if err != nil {
		return
	}
	a.IDs = &action.IDs{
		UIDs:   [4]uint32{st.UID.Real, st.UID.Effective, st.UID.Saved, st.UID.FS},
		GIDs:   [4]uint32{st.GID.Real, st.GID.Effective, st.GID.Saved, st.GID.FS},
		Groups: groups,
	}
}
