package event

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// Bounds of an event. Sizes are bytes.
const (
	MaxArgs       = 64
	MaxArg        = 1024
	MaxArgBytes   = 8 << 10 // of all arguments of a process
	MaxAncestors  = 16
	MaxText       = 1024 // reasons, details, names
	MaxPath       = 4096
	MaxLabels     = 64
	MaxAttributes = 32
	MaxEncoded    = 192 << 10 // of a whole event in protobuf; most have 1 to 2 KiB
)

const ellipsis = "..."

// Text makes s valid UTF-8 of at most max bytes; what is cut off is shown by
// three dots.
func Text(s string, max int) string {
	if len(s) <= max && utf8.ValidString(s) {
		return s
	}
	if len(s) > max {
		cut := max - len(ellipsis)
		if cut < 0 {
			cut = 0
		}
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + ellipsis
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > max { // replacing made it longer
		return Text(s, max)
	}
	return s
}

// Bound cuts every part of an event to its bounds and makes every text valid
// UTF-8. Arguments are expected to have gone through Redact.
func Bound(e *eventpb.Event) {
	text := func(s *string, max int) { *s = Text(*s, max) }
	for _, s := range []*string{&e.Id, &e.BootId, &e.Control, &e.Policy, &e.Technique} {
		text(s, 256)
	}
	text(&e.Rule, MaxText)
	text(&e.Reason, MaxText)
	boundProcess(e.Process, MaxPath, MaxArgBytes)
	if len(e.Ancestors) > MaxAncestors {
		e.Ancestors = e.Ancestors[:MaxAncestors]
	}
	for _, p := range e.Ancestors { // they show what they are, not all they were told
		boundProcess(p, MaxText, MaxText)
	}
	switch o := e.Object.(type) {
	case *eventpb.Event_File:
		if f := o.File; f != nil {
			text(&f.Path, MaxPath)
			text(&f.Requested, MaxPath)
			text(&f.Interpreter, MaxPath)
			text(&f.Digest, 80)
			text(&f.ExpectedDigest, 80)
			text(&f.Origin, 32)
			text(&f.Operation, 128)
			text(&f.OtherPath, MaxPath)
			text(&f.DigestBefore, 80)
			text(&f.DigestAfter, 80)
			text(&f.Detail, MaxText)
			text(&f.Syscall, 64)
		}
	case *eventpb.Event_Network:
		if n := o.Network; n != nil {
			text(&n.Address, MaxText)
			text(&n.Protocol, 32)
			text(&n.Direction, 32)
		}
	case *eventpb.Event_Call:
		if c := o.Call; c != nil {
			text(&c.Syscall, 64)
			text(&c.Detail, MaxText)
		}
	case *eventpb.Event_Dns:
		if n := o.Dns; n != nil {
			boundDNS(n, text)
		}
	case *eventpb.Event_Dropped:
		if d := o.Dropped; d != nil {
			text(&d.Reason, MaxText)
		}
	}
	if w := e.Workload; w != nil {
		text(&w.Image, MaxText)
		text(&w.ImageDigest, 80)
		text(&w.Hostname, 256)
		w.Labels = boundMap(w.Labels, MaxLabels)
	}
	e.Attributes = boundMap(e.Attributes, MaxAttributes)
}

func boundProcess(p *eventpb.Process, maxPath, maxArgs int) {
	if p == nil {
		return
	}
	p.Exe = Text(p.Exe, maxPath)
	p.Comm = Text(p.Comm, 64)
	p.User = Text(p.User, 256)
	p.Digest = Text(p.Digest, 80)
	args, cut := boundArgs(p.Args, maxArgs)
	p.Args, p.ArgsTruncated = args, p.ArgsTruncated || cut
}

// boundArgs leaves args as they are and copies them if it has to cut, because
// several events may share them.
func boundArgs(args []string, room int) (out []string, cut bool) {
	out = args
	copied := false
	for i, a := range args {
		if i == MaxArgs || room < len(ellipsis) {
			return out[:i], true
		}
		max := min(MaxArg, room)
		t := Text(a, max)
		room -= len(t)
		if t == a {
			continue
		}
		if !copied {
			out, copied = slices.Clone(args), true
		}
		out[i] = t
		cut = cut || len(a) > max
	}
	return out, cut
}

// boundMap cuts keys and values, and leaves out what is beyond the bound.
func boundMap(m map[string]string, max int) map[string]string {
	if m == nil {
		return nil
	}
	keys := slices.Sorted(maps.Keys(m))
	if len(keys) > max {
		keys = keys[:max]
	}
	out := make(map[string]string, len(keys))
	for _, k := range keys {
		out[Text(k, 256)] = Text(m[k], 512)
	}
	return out
}
