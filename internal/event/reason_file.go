package event

import (
	"fmt"
	"strings"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
)

// fileReason is the sentence of an event about a file.
func fileReason(f *eventpb.FileObject, control policy.ControlID, rule, who string) string {
	object := fileName(f)
	does := fileVerb(f)
	if f.GetOtherPath() != "" && control != policy.Volumes {
		does += " (other end: " + Text(f.GetOtherPath(), 200) + ")"
	}
	if rule == "folder-above" {
		return fmt.Sprintf("%s tried to move %s, a folder that holds files which control %q protects.", who, object, control.Title())
	}
	switch control {
	case policy.FileRead:
		return fmt.Sprintf("%s tried to %s %s, which may not be read (%s).", who, does, object, orElse(rule, "rule not known"))
	case policy.FileWrite:
		return fmt.Sprintf("%s tried to %s %s, which may not be written (%s).", who, does, object, orElse(rule, "rule not known"))
	case policy.ReadOnlyFiles:
		return fmt.Sprintf("%s tried to %s %s, which may not be changed in any way (%s).", who, does, object, orElse(rule, "rule not known"))
	case policy.Honeypots:
		return fmt.Sprintf("%s tried to %s %s, which nobody has a reason to touch.", who, does, object)
	case policy.SystemTampering:
		return fmt.Sprintf("%s tried to %s %s, a log that may only grow (%s).", who, does, object, orElse(rule, "rule not known"))
	case policy.Volumes:
		return fmt.Sprintf("%s is mounted from outside, where it is %s, which must not be (%s).", object, orElse(Text(f.GetOtherPath(), 300), "an unknown part"), orElse(rule, "rule not known"))
	}
	s := fmt.Sprintf("%s did this to %s: %s", who, object, does)
	if f.GetDetail() != "" {
		s += " (" + Text(f.GetDetail(), 200) + ")"
	}
	switch {
	case f.GetDigestBefore() != "" && f.GetDigestAfter() != "":
		s += fmt.Sprintf(". The content was %s and is %s", Text(f.GetDigestBefore(), 80), Text(f.GetDigestAfter(), 80))
	case f.GetDigestAfter() != "":
		s += fmt.Sprintf(". The content is %s", Text(f.GetDigestAfter(), 80))
	case f.GetDigestBefore() != "":
		s += fmt.Sprintf(". The content was %s", Text(f.GetDigestBefore(), 80))
	}
	return s + "."
}

func fileName(f *eventpb.FileObject) string {
	switch {
	case f.GetPath() != "":
		return Text(f.GetPath(), 300)
	case f.GetRequested() != "":
		return Text(f.GetRequested(), 300)
	}
	return "a file without a name"
}

// fileVerb says what is done in words.
func fileVerb(f *eventpb.FileObject) string {
	var out []string
	for op := range strings.SplitSeq(f.GetOperation(), "+") {
		switch op {
		case "append":
			op = "append to"
		case "attributes":
			op = "change the attributes of"
		case "move":
			op = "rename"
		case "modify":
			op = "write"
		case "":
			op = "use"
		}
		out = append(out, op)
	}
	return strings.Join(out, " and ")
}
