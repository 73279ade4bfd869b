package event

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
)

// reached tells of what others can reach, or were tried to be reached.
func reached(e *eventpb.Event, control policy.ControlID, rule, who string) string {
	n := e.GetNetwork()
	local := "an address"
	if a := n.GetLocalAddress(); a != "" {
		local = Text(a, 64)
		if p := n.GetLocalPort(); p != 0 {
			local += " port " + strconv.Itoa(int(p))
		}
	}
	switch control {
	case policy.Bind:
		switch rule {
		case "not-listed":
			return fmt.Sprintf("%s tried to offer a service on %s, which is not among the allowed ports.", who, local)
		case "addresses":
			return fmt.Sprintf("%s tried to bind %s, which is not among the allowed addresses.", who, local)
		}
		return fmt.Sprintf("%s tried to bind %s, which rule %s denies.", who, local, orElse(rule, "of the policy"))
	case policy.LowPorts:
		return fmt.Sprintf("%s tried to bind %s, a low port.", who, local)
	case policy.Inbound:
		if rule == "not-listed" {
			return fmt.Sprintf("%s connected to %s of %s; no rule allows this peer.", peer(n), local, who)
		}
		return fmt.Sprintf("%s connected to %s of %s; rule %s denies this peer.", peer(n), local, who, orElse(rule, "of the policy"))
	case policy.PortScan:
		what := orElse(Text(e.GetAttributes()["ports"], 16), "many") + " ports of one host"
		if rule == "maxHosts" {
			what = orElse(Text(e.GetAttributes()["hosts"], 16), "many") + " hosts"
		}
		return fmt.Sprintf("%s tried %s within a short time, the last of them %s, as a port scan does.", who, what, peer(n))
	case policy.Reputation:
		known := "known for attacks"
		if list, ok := strings.CutPrefix(strings.TrimSuffix(rule, "]"), "lists["); ok {
			known = fmt.Sprintf("on reputation list %q", Text(list, 64))
		}
		if d := e.GetDns(); d != nil {
			name := orElse(d.Target, d.Name)
			return fmt.Sprintf("%s asked for %q, a name %s.", who, Text(name, 260), known)
		}
		if rule == "names" {
			return fmt.Sprintf("%s tried to connect to %s, the address of a name known for attacks.", who, destination(e))
		}
		return fmt.Sprintf("%s tried to connect to %s, an address %s.", who, destination(e), known)
	}
	return ""
}

// baitPort tells of a port that nobody has a reason to touch.
func baitPort(n *eventpb.NetworkObject, who string) string {
	switch {
	case n.Direction != "inbound":
		return fmt.Sprintf("%s tried to connect to port %d of its own host (%s), a honeypot's that nobody has a reason to touch.", who, n.Port, Text(n.Address, 64))
	case n.Address == "":
		return fmt.Sprintf("%s tried to offer a service on port %d, which is a honeypot's.", who, n.LocalPort)
	}
	return fmt.Sprintf("%s connected from outside the workload to port %d, a honeypot's that nobody has a reason to touch.", peer(n), n.LocalPort)
}

// frames is about sockets whose sender writes the addresses itself.
func frames(who string, e *eventpb.Event) string {
	return fmt.Sprintf("%s asked for a socket for whole frames, with which it could reach what the policy closes (%s).", who, socket(e.GetNetwork()))
}
