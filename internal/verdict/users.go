package verdict

import (
	"fmt"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// RuleRoot is broken by what runs as user 0, or could become it again.
const RuleRoot policy.RuleID = "noRoot"

// idList is a list of users or groups, each with its rule.
type idList struct {
	sets []userSet
	ids  []policy.RuleID
}

func (c *compiler) idList(field string, list []policy.User, names map[string]uint32) idList {
	l := idList{ids: ruleIDs(field, len(list))}
	for i := range list {
		l.sets = append(l.sets, c.named(list[i:i+1], names))
	}
	return l
}

// find gives the first entry that holds an id, or none.
func (l *idList) find(id uint32) int {
	for i := range l.sets {
		if l.sets[i].has(id) {
			return i
		}
	}
	return none
}

// users is a compiled policy.UserControl.
type users struct {
	noRoot                               bool
	deny, allow, denyGroups, allowGroups idList
}

func (c *compiler) usersAndGroups(k *policy.Controls) {
	if k.Users == nil {
		return
	}
	src := c.source(policy.Users, k.Users.Setting)
	if src == nil {
		return
	}
	u := &users{
		noRoot: k.Users.NoRoot, deny: c.idList("deny", k.Users.Deny, c.w.Users), allow: c.idList("allow", k.Users.Allow, c.w.Users),
		denyGroups: c.idList("denyGroups", k.Users.DenyGroups, c.w.Groups), allowGroups: c.idList("allowGroups", k.Users.AllowGroups, c.w.Groups),
	}
	c.unknownIDs(src, "user", append(k.Users.Deny[:len(k.Users.Deny):len(k.Users.Deny)], k.Users.Allow...), c.w.Users)
	c.unknownIDs(src, "group", append(k.Users.DenyGroups[:len(k.Users.DenyGroups):len(k.Users.DenyGroups)], k.Users.AllowGroups...), c.w.Groups)
	c.e.needs.IDs = true
	c.addExec(src, u.exec)
	c.addPrivilege(action.PrivIdentity, src, u.change)
}

// unknownIDs tells of names that the image does not have.
func (c *compiler) unknownIDs(src *source, what string, list []policy.User, names map[string]uint32) {
	if len(names) == 0 {
		return // not known here: a preview, or an image without the file
	}
	for _, u := range list {
		if _, ok := names[string(u)]; !ok && u.IsName() && u != "root" {
			c.note(src, "the image has no %s %s", what, fmt.Sprintf("%.64q", string(u)))
		}
	}
}

func (u *users) user(id uint32) policy.RuleID {
	if u.noRoot && id == 0 {
		return RuleRoot
	}
	if i := u.deny.find(id); i != none {
		return u.deny.ids[i]
	}
	if len(u.allow.sets) > 0 && u.allow.find(id) == none {
		return "allow"
	}
	return ""
}

func (u *users) group(id uint32) policy.RuleID {
	if i := u.denyGroups.find(id); i != none {
		return u.denyGroups.ids[i]
	}
	if len(u.allowGroups.sets) > 0 && u.allowGroups.find(id) == none {
		return "allowGroups"
	}
	return ""
}

// exec holds every id that a program would have to the lists: a saved one can
// be taken back.
func (u *users) exec(a *action.Exec) policy.RuleID {
	if a.IDs == nil {
		if a.Proc == nil {
			return RuleUnverified
		}
		if r := u.user(a.Proc.UID); r != "" {
			return r
		}
		return u.group(a.Proc.GID)
	}
	for _, id := range a.IDs.UIDs {
		if r := u.user(id); r != "" {
			return r
		}
	}
	for _, id := range a.IDs.GIDs {
		if r := u.group(id); r != "" {
			return r
		}
	}
	for _, id := range a.IDs.Groups {
		if r := u.group(id); r != "" {
			return r
		}
	}
	return ""
}

// change judges who a process asks to become.
func (u *users) change(a *action.Privilege) policy.RuleID {
	if a.ToUID >= 0 && a.ToUID <= policy.MaxUser {
		if r := u.user(uint32(a.ToUID)); r != "" {
			return r
		}
	}
	if a.ToGID >= 0 && a.ToGID <= policy.MaxUser {
		return u.group(uint32(a.ToGID))
	}
	return ""
}
