package verdict

import (
	"slices"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/reputation"
)

// listed is what a control does with the reputation lists that it names:
// addresses and host names on one of them are violations, but for allowed
// addresses. The nil one lists nothing.
type listed struct {
	lists   []*reputation.List
	ids     []policy.RuleID
	allowed addrSet
}

// listed finds the lists that a control names. What was not delivered is noted
// and remembered for the status. nil: there is none.
func (c *compiler) listed(src *source, names []string, allowed []policy.CIDR) *listed {
	l := &listed{allowed: c.addrs(allowed)}
	for _, name := range names {
		i := slices.IndexFunc(c.w.Lists, func(x *reputation.List) bool { return x.Name == name })
		if i < 0 {
			c.note(src, "reputation list %q is not there; what it would name is let through", name)
			if c.e.missing == nil {
				c.e.missing = map[policy.ControlID][]string{}
			}
			c.e.missing[src.control] = append(c.e.missing[src.control], name)
			continue
		}
		l.lists = append(l.lists, c.w.Lists[i])
		l.ids = append(l.ids, ListRule(name))
	}
	if len(l.lists) == 0 {
		return nil
	}
	return l
}

// ListRule is the rule of what stands in a reputation list.
func ListRule(name string) policy.RuleID { return policy.RuleID("lists[" + name + "]") }

// MissingLists names the reputation lists that a control's policies use and
// that were not there at compilation.
func (e *Engine) MissingLists(id policy.ControlID) []string { return e.missing[id] }

// reputationLists adds the lists of ipReputation to its checks.
func (c *compiler) reputationLists(src *source, k *policy.ReputationControl) {
	l := c.listed(src, k.Lists, k.Allowed)
	if l == nil {
		return
	}
	c.e.connect = append(c.e.connect, check[action.Connect]{src, l.connect})
	if !slices.ContainsFunc(l.lists, (*reputation.List).HasNames) {
		return
	}
	c.e.query = append(c.e.query, check[action.Query]{src, l.query})
	n := &c.e.needs
	n.Names, n.Questions, n.Answers, n.BadNames = true, true, true, true
}

// name gives the rule by which a host name is listed, or "".
func (l *listed) name(host string) policy.RuleID {
	if l == nil || host == "" {
		return ""
	}
	for i, list := range l.lists {
		if list.HasName(host) {
			return l.ids[i]
		}
	}
	return ""
}

func (l *listed) connect(a *action.Connect) policy.RuleID {
	if l == nil || a.Protocol == action.ProtoUnix {
		return ""
	}
	addr := peerAddr(a.Peer)
	if l.allowed.has(addr) {
		return ""
	}
	v4 := carried(addr)
	for i, list := range l.lists {
		if list.HasAddr(addr) || v4.IsValid() && list.HasAddr(v4) {
			return l.ids[i]
		}
	}
	for _, n := range a.Names {
		if id := l.name(n); id != "" {
			return id
		}
	}
	return ""
}

func (l *listed) query(a *action.Query) policy.RuleID {
	switch {
	case a.Address.IsValid():
		return ""
	case a.Target != "":
		return l.name(a.Target)
	}
	return l.name(a.Name)
}
