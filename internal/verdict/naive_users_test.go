package verdict

import (
	"fmt"
	"slices"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

func (r random) ids(p *action.Process) *action.IDs {
	if r.IntN(4) == 0 {
		return nil
	}
	id := func(own uint32) [4]uint32 {
		return [4]uint32{pick(r, own, 0, 1000), own, pick(r, own, 0, 1500), own}
	}
	return &action.IDs{UIDs: id(p.UID), GIDs: id(p.GID), Groups: some[uint32](r, 3, 0, 10, 1000, 1500)}
}

func (r random) userControl() *policy.UserControl {
	groups := func() []policy.User {
		return some[policy.User](r, 2, "wheel", "app", "root", "10", "1000-1999", "ghost")
	}
	k := &policy.UserControl{Setting: r.setting(), NoRoot: r.IntN(4) == 0}
	switch r.IntN(4) {
	case 0:
		k.Deny = r.users()
	case 1:
		k.Allow = append(r.users(), "0", "1000-1999")
	case 2:
		k.DenyGroups = groups()
	case 3:
		k.AllowGroups = append(groups(), "0-9", "1000-1999")
	}
	return k
}

func naiveUser(k *policy.UserControl, w *Workload, id uint32) string {
	if k.NoRoot && id == 0 {
		return "noRoot"
	}
	for i := range k.Deny {
		if anyUser(k.Deny[i:i+1], id, w) {
			return fmt.Sprintf("deny[%d]", i)
		}
	}
	if len(k.Allow) > 0 && !anyUser(k.Allow, id, w) {
		return "allow"
	}
	return ""
}

func naiveGroup(k *policy.UserControl, w *Workload, id uint32) string {
	groups := &Workload{Users: w.Groups}
	for i := range k.DenyGroups {
		if anyUser(k.DenyGroups[i:i+1], id, groups) {
			return fmt.Sprintf("denyGroups[%d]", i)
		}
	}
	if len(k.AllowGroups) > 0 && !anyUser(k.AllowGroups, id, groups) {
		return "allowGroups"
	}
	return ""
}

func naiveUsers(k *policy.UserControl, w *Workload, a *action.Exec) string {
	ids := a.IDs
	if ids == nil {
		ids = &action.IDs{UIDs: [4]uint32{a.Proc.UID, a.Proc.UID, a.Proc.UID, a.Proc.UID}, GIDs: [4]uint32{a.Proc.GID, a.Proc.GID, a.Proc.GID, a.Proc.GID}}
	}
	for _, id := range ids.UIDs {
		if r := naiveUser(k, w, id); r != "" {
			return r
		}
	}
	for _, id := range slices.Concat(ids.GIDs[:], ids.Groups) {
		if r := naiveGroup(k, w, id); r != "" {
			return r
		}
	}
	return ""
}
