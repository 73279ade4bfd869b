package event

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
)

// Reason gives one English sentence that says what a process did and why it
// was noticed. It uses control, rule, process and object of the event. Of the
// verdict it says nothing, unless it would be untrue without.
func Reason(e *eventpb.Event) string {
	who := "a process"
	if p := e.GetProcess(); p != nil {
		switch {
		case p.Exe != "":
			who = p.Exe
		case p.Comm != "":
			who = p.Comm
		}
	}
	return Text(sentence(e, policy.ControlID(e.GetControl()), e.GetRule(), Text(who, 300)), MaxText)
}

func sentence(e *eventpb.Event, control policy.ControlID, rule, who string) string {
	object := program(e.GetFile())
	switch control {
	case policy.Drift:
		switch rule {
		case "modified":
			return fmt.Sprintf("%s was changed since the image was built (drift).", object)
		case "moved":
			return fmt.Sprintf("%s is a copy of a program of the image under a path that the image does not have (drift).", object)
		case "interpreter":
			return fmt.Sprintf("The interpreter %s of script %s was not part of the image, or was changed since (drift).", orElse(Text(e.GetFile().GetInterpreter(), 300), "(not known)"), object)
		case "loader":
			return fmt.Sprintf("%s asked the dynamic loader %s to run a file, which hides what is run (drift).", who, object)
		case "personality":
			return impliesExec(who)
		case "library":
			if e.GetKind() == eventpb.Kind_KIND_EXEC {
				return fmt.Sprintf("The dynamic loader of %s was not part of the image or was changed since (drift): %s.", object, named(e))
			}
			return fmt.Sprintf("%s loaded %s, which was not part of the image or was changed since (drift).", who, object)
		case "script":
			return fmt.Sprintf("%s was given a script that was not part of the image (drift): %s.", object, named(e))
		case "loaded":
			return fmt.Sprintf("%s was asked to run a file that was not part of the image (drift): %s.", object, named(e))
		case "unverified":
			return fmt.Sprintf("What %s would really run could not be looked at, so it cannot be told from a program that was not part of the image (drift).", who)
		}
		return fmt.Sprintf("%s was not part of the image (drift).", object)
	case policy.Honeypots:
		if decoy := e.GetAttributes()["decoy"]; decoy != "" {
			return fmt.Sprintf("%s gave %s the false credential of the variable %s, which nobody has a reason to use.", who, object, Text(decoy, 100))
		}
		if n := e.GetNetwork(); n != nil {
			return baitPort(n, who)
		}
	case policy.Syscalls:
		if rule == "not-listed" {
			return fmt.Sprintf("%s made the system call %s, which is not on the list of allowed ones.", who, call(e.GetCall()))
		}
		return fmt.Sprintf("%s made the system call %s, which rule %s denies.", who, call(e.GetCall()), orElse(rule, "of the policy"))
	case policy.Capabilities:
		what := orElse(Text(e.GetCall().GetDetail(), 400), "not known")
		if e.GetVerdict() == eventpb.Verdict_VERDICT_DENY {
			return fmt.Sprintf("The policy took capabilities from the workload when it started: %s.", what)
		}
		return fmt.Sprintf("The workload has capabilities that the policy would take away: %s.", what)
	case policy.AnonymousExecutable:
		return memory(e, rule, who, object)
	case policy.SystemTampering:
		if rule == "clock" {
			return fmt.Sprintf("%s tried to set the system's clock with %s.", who, call(e.GetCall()))
		}
	case policy.Fileless:
		if rule == "personality" {
			return impliesExec(who)
		}
		if e.GetKind() == eventpb.Kind_KIND_FILE {
			return fmt.Sprintf("%s loaded a library that exists in memory only or lies on a memory file system (fileless execution).", who)
		}
		if rule == "tmpfs" {
			return fmt.Sprintf("%s lies on a memory file system and was run from there (fileless execution).", object)
		}
		return fmt.Sprintf("%s ran a program that exists in memory only, or whose file was deleted (fileless execution).", who)
	case policy.DeniedExecutables:
		if rule == "unverified" {
			return fmt.Sprintf("What %s would really run could not be held against the list of denied executables.", who)
		}
		return fmt.Sprintf("%s is on the list of denied executables (%s).", object, orElse(rule, "rule not known"))
	case policy.AllowedExecutables:
		if rule == "unverified" {
			return fmt.Sprintf("What %s would really run could not be held against the list of allowed executables.", who)
		}
		return fmt.Sprintf("%s is not on the list of allowed executables.", object)
	case policy.PackageManagers:
		return fmt.Sprintf("%s ran a package manager (%s); software is installed when the image is built, not while it runs.", who, orElse(rule, object))
	case policy.Interpreters, policy.Preload:
		return indirect(e, control, rule, who, object)
	case policy.SetuidBinaries:
		return fmt.Sprintf("%s carries a %s bit, which would raise privilege.", object, orElse(rule, "set-user-ID"))
	case policy.ReverseShell, policy.BindShell:
		return shell(e, control, rule, object)
	case policy.ExecSessions:
		return session(e, rule, object)
	case policy.ProcessLimit:
		if rule == "maxDepth" {
			return fmt.Sprintf("%s descends further from the workload's first process than the policy allows (%s).", who, orElse(e.GetCall().GetDetail(), "depth not known"))
		}
		took := "took"
		if e.GetErrno() != 0 && !e.GetKilled() {
			took = "would have taken"
		}
		return fmt.Sprintf("%s %s the workload above its limit of processes and threads (%s).", who, took, orElse(Text(e.GetCall().GetDetail(), 100), "number not known"))
	case policy.Metadata:
		if rule == "frames" {
			return frames(who, e)
		}
		return fmt.Sprintf("%s tried to reach %s, where a cloud hands out credentials (%s).", who, destination(e), orElse(rule, "endpoint not known"))
	case policy.Outbound:
		if rule == "frames" {
			return frames(who, e)
		}
		if rule == "family" {
			return fmt.Sprintf("%s asked for a socket (%s) of a network that the addresses of rules say nothing about.", who, socket(e.GetNetwork()))
		}
		to := destination(e)
		if rule == "proxies" {
			return fmt.Sprintf("%s spoke to the proxy %s in words that nobody can read for certain, so where it was asked to go cannot be judged.", who, to)
		}
		if rule == "not-listed" {
			return fmt.Sprintf("%s tried to connect to %s, which no allow rule covers.", who, to)
		}
		return fmt.Sprintf("%s tried to connect to %s, which rule %s denies.", who, to, orElse(rule, "of the policy"))
	case policy.Miners:
		return minerSentence(e, rule, who, object)
	case policy.Bind, policy.LowPorts, policy.Inbound, policy.PortScan, policy.Reputation:
		return reached(e, control, rule, who)
	case policy.DNS:
		return nameSentence(e, rule, who)
	case policy.SocketFamilies:
		return fmt.Sprintf("%s asked for a socket that the policy does not allow (%s).", who, socket(e.GetNetwork()))
	case policy.FileRead, policy.FileWrite, policy.ReadOnlyFiles, policy.FileIntegrity, policy.Volumes:
		if rule == "descriptors" {
			return fmt.Sprintf("%s connects to %s, which the workload has not made: whoever listens there can hand over open files that no rule looks at.", who, peer(e.GetNetwork()))
		}
		if control == policy.FileIntegrity && e.GetVerdict() == eventpb.Verdict_VERDICT_DENY {
			return fmt.Sprintf("%s tried to %s %s, which is watched and may not be changed so (%s).", who, fileVerb(e.GetFile()), fileName(e.GetFile()), orElse(rule, "rule not known"))
		}
		return fileReason(e.GetFile(), control, rule, who)
	case policy.Namespaces:
		return fmt.Sprintf("%s asked for a namespace with %s, a way out of a container.", who, call(e.GetCall()))
	case policy.Mounts:
		return fmt.Sprintf("%s tried to change what is mounted with %s.", who, call(e.GetCall()))
	case policy.KernelInterfaces:
		return fmt.Sprintf("%s used a kernel interface that applications do not need: %s.", who, call(e.GetCall()))
	case policy.Injection:
		if own := fmt.Sprintf("/proc/%d/mem ", e.GetProcess().GetPid()); strings.HasPrefix(e.GetCall().GetDetail(), own) {
			return fmt.Sprintf("%s opened its own memory with %s, past what protects its pages.", who, call(e.GetCall()))
		}
		return fmt.Sprintf("%s tried to look into or change another process with %s.", who, call(e.GetCall()))
	case policy.Users:
		return identity(e, rule, who, object)
	case policy.PrivilegeChange:
		return fmt.Sprintf("%s tried to change its user, group or capabilities with %s.", who, call(e.GetCall()))
	case policy.ImageAssurance:
		return assured(e, rule)
	case policy.RevokedImage:
		return revoked(e, rule)
	case policy.SelfProtection:
		return fmt.Sprintf("%s tried to interfere with the enforcer: %s.", who, call(e.GetCall()))
	}
	if f := e.GetFile(); f.GetOperation() != "" {
		return fileReason(f, control, rule, who) // honeypots, logs
	}
	return other(e, control, rule, who)
}

// revoked tells of a workload whose image must not start.
func revoked(e *eventpb.Event, rule string) string {
	image := orElse(Text(e.GetWorkload().GetImage(), 200), "The image")
	switch {
	case rule == "runs-on":
		return image + " was revoked while this workload runs. It runs on, and will not start again."
	case e.GetVerdict() == eventpb.Verdict_VERDICT_DENY:
		return image + " is revoked, so the workload was not let run."
	}
	return image + " is revoked and was started."
}

// session tells of what came from outside the supervised tree.
func session(e *eventpb.Event, rule, object string) string {
	user := ""
	if p := e.GetProcess(); p != nil {
		user = fmt.Sprintf(" as user %s", orElse(Text(p.User, 64), strconv.Itoa(int(p.Uid))))
	}
	if rule == "unverified" {
		return fmt.Sprintf("A session from outside the container was started%s (as by docker exec), and its program could not be looked at.", user)
	}
	s := fmt.Sprintf("%s was started from outside the container%s, as by docker exec", object, user)
	if why := e.GetAttributes()["not_stopped"]; why != "" {
		s += "; it was not stopped, because " + Text(why, 100)
	}
	return s + "."
}

// other says something true about events without a sentence of their own.
func other(e *eventpb.Event, control policy.ControlID, rule, who string) string {
	switch e.GetKind() {
	case eventpb.Kind_KIND_DROPPED:
		d := e.GetDropped()
		return fmt.Sprintf("%d events were not delivered: %s.", d.GetCount(), orElse(d.GetReason(), "reason not known"))
	case eventpb.Kind_KIND_LIFECYCLE:
		return "The enforcer reports a change of its own state."
	case eventpb.Kind_KIND_STATUS:
		return fmt.Sprintf("The state of control %q changed.", control.Title())
	}
	if control == "" {
		return fmt.Sprintf("%s was recorded.", who)
	}
	if rule == "" {
		return fmt.Sprintf("%s violated control %q.", who, control.Title())
	}
	return fmt.Sprintf("%s violated rule %s of control %q.", who, rule, control.Title())
}

func program(f *eventpb.FileObject) string {
	switch {
	case f == nil:
		return "A program"
	case f.Path != "":
		return Text(f.Path, 300)
	case f.Requested != "":
		return Text(f.Requested, 300)
	}
	return "A program without a name"
}

func peer(n *eventpb.NetworkObject) string {
	if n == nil || n.Address == "" {
		return "an address"
	}
	if n.Protocol == "unix" {
		return "the socket " + Text(n.Address, 300)
	}
	s := Text(n.Address, 100)
	if n.Port != 0 {
		s = net.JoinHostPort(s, strconv.Itoa(int(n.Port)))
	}
	if n.Protocol != "" {
		s += " over " + n.Protocol
	}
	return s
}

// destination is a peer with what is known of the way there.
func destination(e *eventpb.Event) string {
	s, a := peer(e.GetNetwork()), e.GetAttributes()
	if n := a["names"]; n != "" {
		s += " (" + Text(n, 300) + ")"
	}
	if real := a["leads_to"]; real != "" {
		s += ", which leads to " + Text(real, 300)
	}
	if p := a["proxy"]; p != "" && p != net.JoinHostPort(e.GetNetwork().GetAddress(), strconv.Itoa(int(e.GetNetwork().GetPort()))) {
		s += " by way of the proxy " + Text(p, 100)
	}
	return s
}

func socket(n *eventpb.NetworkObject) string {
	if n == nil {
		return "family not known"
	}
	return fmt.Sprintf("family %s, type %d, protocol %d", orElse(policy.FamilyName(int(n.Domain)), strconv.Itoa(int(n.Domain))), n.Type, n.SocketProtocol)
}

func call(c *eventpb.CallObject) string {
	switch {
	case c == nil || c.Syscall == "":
		return "a system call"
	case c.Detail == "":
		return c.Syscall
	}
	return Text(c.Syscall+" ("+c.Detail+")", 400)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
