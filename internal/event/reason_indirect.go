package event

import (
	"fmt"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
)

// named gives what arguments and environment of a program name.
func named(e *eventpb.Event) string {
	return orElse(Text(e.GetAttributes()["named"], 600), "not known")
}

// indirect says by which way one program was to run or load another.
func indirect(e *eventpb.Event, control policy.ControlID, rule, who, object string) string {
	if control == policy.Preload {
		if rule == "unverified" {
			return fmt.Sprintf("Which libraries %s would load first could not be looked at: %s.", object, named(e))
		}
		return fmt.Sprintf("%s started %s with a library that was not part of the image, by way of %s: %s.", who, object, orElse(rule, "its environment"), named(e))
	}
	switch rule {
	case "loader":
		return fmt.Sprintf("%s used the dynamic loader %s to run another file, which hides what is run: %s.", who, object, named(e))
	case "applet":
		return fmt.Sprintf("%s asked %s to be another program: %s.", who, object, named(e))
	case "wrapper":
		return fmt.Sprintf("%s used %s to run another program: %s.", who, object, named(e))
	case "script":
		if i := e.GetFile().GetInterpreter(); i != "" {
			return fmt.Sprintf("%s ran a script that was not part of the image, through the interpreter %s: %s.", who, Text(i, 300), named(e))
		}
		return fmt.Sprintf("%s gave the interpreter %s a script that was not part of the image: %s.", who, object, named(e))
	case "inlineCode":
		return fmt.Sprintf("%s gave the interpreter %s code instead of a script of the image: %s.", who, object, named(e))
	}
	return fmt.Sprintf("What %s would run through %s could not be looked at: %s.", who, object, named(e))
}

// identity says who ran what he may not, or whom a process asked to become.
func identity(e *eventpb.Event, rule, who, object string) string {
	why := "which rule " + orElse(rule, "(not known)") + " forbids"
	switch rule {
	case "noRoot":
		why = "and nothing may run as root"
	case "allow", "allowGroups":
		why = "which is not on the list of those that may run programs"
	}
	if e.GetCall() != nil {
		return fmt.Sprintf("%s asked with %s to become a user or group, %s.", who, call(e.GetCall()), why)
	}
	ids := Text(e.GetAttributes()["ids"], 300)
	if ids == "" {
		ids = fmt.Sprintf("uid %d, gid %d", e.GetProcess().GetUid(), e.GetProcess().GetGid())
	}
	return fmt.Sprintf("%s was to run as %s, %s.", object, ids, why)
}

// memory says how memory was to become executable.
func memory(e *eventpb.Event, rule, who, object string) string {
	with := call(e.GetCall())
	switch rule {
	case "rwx":
		return fmt.Sprintf("%s asked for memory that can be written and executed: %s.", who, with)
	case "anonymous":
		return fmt.Sprintf("%s asked for executable memory that belongs to no file: %s.", who, with)
	case "mprotect":
		return fmt.Sprintf("%s made memory that it had written executable: %s.", who, with)
	case "modified":
		return fmt.Sprintf("%s changed %s in its memory and made it executable.", who, object)
	case "memfd":
		return fmt.Sprintf("%s mapped a file that exists in memory only as executable.", who)
	case "writable-file":
		return fmt.Sprintf("%s mapped %s as writable and executable.", who, object)
	case "shared":
		return fmt.Sprintf("%s attached a shared memory segment as executable.", who)
	case "personality":
		return fmt.Sprintf("%s asked that all memory that can be read can be executed: %s.", who, with)
	}
	return fmt.Sprintf("%s made memory executable, and what it holds could not be looked at.", who)
}

// impliesExec is about READ_IMPLIES_EXEC, for the controls that look at files
// when they become executable.
func impliesExec(who string) string {
	return fmt.Sprintf("%s asked that every file that it maps to read can be executed, so that none would be looked at.", who)
}
