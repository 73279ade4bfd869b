package wire

import (
	"strings"
	"unicode/utf8"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"google.golang.org/protobuf/proto"
)

// CleanEvent makes an event fit for the line, in place: text is cut to its
// bound, made valid UTF-8 (protobuf refuses anything else, and a hostile
// program must not be able to hide its event behind a bad byte in argv) and
// freed of NUL (PostgreSQL cannot store it); lists and maps are cut; and if the
// whole still exceeds MaxEvent, the least telling parts go first. Process.
// args_truncated says that arguments were cut. An event that fits is not
// changed.
func CleanEvent(e *eventpb.Event) {
	e.Id = text(e.Id, 64)
	e.BootId = text(e.BootId, 64)
	e.Control = text(e.Control, MaxName)
	e.Rule = text(e.Rule, MaxText)
	e.Policy = text(e.Policy, MaxName)
	e.Technique = text(e.Technique, 64)
	e.Reason = text(e.Reason, MaxText)
	e.Attributes = labels(e.Attributes)
	process(e.Process, MaxArgs, MaxArgBytes)
	if len(e.Ancestors) > MaxAncestors {
		e.Ancestors = e.Ancestors[:MaxAncestors]
	}
	for _, p := range e.Ancestors {
		process(p, 32, 1024)
	}
	switch o := e.Object.(type) {
	case *eventpb.Event_File:
		if f := o.File; f != nil {
			f.Path = text(f.Path, MaxPath)
			f.Requested = text(f.Requested, MaxPath)
			f.Digest = text(f.Digest, 128)
			f.ExpectedDigest = text(f.ExpectedDigest, 128)
			f.Origin = text(f.Origin, 64)
			f.Interpreter = text(f.Interpreter, MaxPath)
			f.Operation = text(f.Operation, 256)
			f.OtherPath = text(f.OtherPath, MaxPath)
			f.DigestBefore = text(f.DigestBefore, 128)
			f.DigestAfter = text(f.DigestAfter, 128)
			f.Detail = text(f.Detail, MaxText)
			f.Syscall = text(f.Syscall, 64)
		}
	case *eventpb.Event_Network:
		if n := o.Network; n != nil {
			n.Protocol = text(n.Protocol, 64)
			n.Address = text(n.Address, 256)
			n.Direction = text(n.Direction, 64)
		}
	case *eventpb.Event_Dns:
		if d := o.Dns; d != nil {
			d.Name = text(d.Name, 1024) // a name of 253 bytes, each perhaps escaped
			d.Type = text(d.Type, 64)
			d.Server = text(d.Server, 256)
			d.Protocol = text(d.Protocol, 64)
			d.Target = text(d.Target, 1024)
			d.Address = text(d.Address, 256)
			d.Tunnel = text(d.Tunnel, MaxText)
		}
	case *eventpb.Event_Call:
		if c := o.Call; c != nil {
			c.Syscall = text(c.Syscall, 64)
			c.Detail = text(c.Detail, MaxText)
		}
	case *eventpb.Event_Dropped:
		if d := o.Dropped; d != nil {
			d.Reason = text(d.Reason, MaxText)
			for k := range d.ByControl {
				if c := text(k, MaxName); c != k {
					d.ByControl[c] += d.ByControl[k]
					delete(d.ByControl, k)
				}
			}
		}
	}
	workload(e.Workload)
	shrink(e)
}

// shrink takes parts away until the event fits into MaxEvent.
func shrink(e *eventpb.Event) {
	if proto.Size(e) <= MaxEvent {
		return
	}
	for _, cut := range []func(){
		func() {
			for _, p := range e.Ancestors {
				p.Args, p.ArgsTruncated = nil, p.ArgsTruncated || len(p.Args) > 0
			}
		},
		func() { e.Ancestors = e.Ancestors[:min(len(e.Ancestors), 4)] },
		func() { e.Attributes = nil },
		func() {
			if e.Workload != nil {
				e.Workload.Labels = nil
			}
		},
		func() { e.Ancestors = nil },
		func() {
			if d := e.GetDropped(); d != nil {
				d.ByControl = nil
			}
		},
	} {
		if proto.Size(e) <= MaxEvent {
			return
		}
		cut()
	}
}

func process(p *eventpb.Process, maxArgs, maxBytes int) {
	if p == nil {
		return
	}
	p.Exe = text(p.Exe, MaxPath)
	p.Comm = text(p.Comm, 64)
	p.User = text(p.User, MaxName)
	p.Digest = text(p.Digest, 128)
	if len(p.Args) > maxArgs {
		p.Args, p.ArgsTruncated = p.Args[:maxArgs], true
	}
	for i, a := range p.Args {
		c := text(a, maxBytes)
		if len(a) > maxBytes {
			p.ArgsTruncated = true
		}
		if c != a {
			p.Args[i] = c
		}
		// Each argument costs at least its tag, so that a thousand empty ones count.
		if maxBytes -= len(c) + 1; maxBytes <= 0 {
			if i+1 < len(p.Args) {
				p.Args, p.ArgsTruncated = p.Args[:i+1], true
			}
			break
		}
	}
}

func workload(w *eventpb.Workload) {
	if w == nil {
		return
	}
	w.Image = text(w.Image, 1024)
	w.ImageDigest = text(w.ImageDigest, 128)
	w.Hostname = text(w.Hostname, MaxName)
	w.Labels = labels(w.Labels)
}

// labels gives m itself if it is good, else a cleaned copy of at most MaxLabels entries.
func labels(m map[string]string) map[string]string {
	good := len(m) <= MaxLabels
	for k, v := range m {
		if !good {
			break
		}
		good = clean(k, MaxLabel) && clean(v, MaxText)
	}
	if good {
		return m
	}
	out := make(map[string]string, min(len(m), MaxLabels))
	for k, v := range m {
		if len(out) == MaxLabels {
			break
		}
		out[text(k, MaxLabel)] = text(v, MaxText)
	}
	return out
}

func clean(s string, n int) bool {
	return len(s) <= n && strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

// text cuts s to n bytes of valid UTF-8 without NUL; what cannot stand becomes U+FFFD.
func text(s string, n int) string {
	if clean(s, n) {
		return s
	}
	s = clip(s[:min(len(s), 2*n)], 2*n) // bound the work
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	return clip(s, n)
}
