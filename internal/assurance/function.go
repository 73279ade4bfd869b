package assurance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
)

// harmlessAnywhere are actions that roles of functions allow on every resource
// because their service knows none, or because the log's name is not known yet.
var harmlessAnywhere = []string{
	"logs:create*", "logs:put*", "xray:put*", "cloudwatch:putmetricdata", "ec2:*networkinterface*", "ec2:describe*", "*:get*", "*:list*", "*:describe*", "*:batchget*",
}

func (k *Permissions) compile() (func(*run, ControlID, Mode), error) {
	return func(r *run, id ControlID, mode Mode) {
		a := r.report.Artifact
		if a.Kind != finding.KindFunction {
			return
		}
		if a.Permissions == nil {
			r.notKnown("%s: nobody gave the permissions of the function to the scan: counted as a violation", id)
			r.violated(id, mode, "", 0, one("unknown", ""), said("what the function may do is not known; scan it with --permissions"))
			return
		}
		for i, want := range k.Deny {
			r.violated(id, mode, fmt.Sprintf("deny[%d]", i), 0, allowing(a.Permissions, want), func(n int) string {
				return counted(n, "statement") + " that allows " + want
			})
		}
		if k.Excessive {
			r.violated(id, mode, "excessive", 0, excessive(a.Permissions), func(n int) string { return counted(n, "excessive permission") })
		}
	}, nil
}

// allowing are the statements that allow some of the actions that a pattern names.
func allowing(p *finding.Permissions, want string) (found []candidate) {
	want = strings.ToLower(want)
	for _, s := range p.Statements {
		if s.Deny || denied(p, want) {
			continue
		}
		for _, a := range s.Actions {
			if overlap(strings.ToLower(a), want) {
				found = append(found, granted(a, s))
			}
		}
		if len(s.NotActions) > 0 && !covered(s.NotActions, want) {
			found = append(found, granted("NotAction", s))
		}
	}
	return found
}

// denied says that a statement denies all of it, everywhere and always.
func denied(p *finding.Permissions, want string) bool {
	return slices.ContainsFunc(p.Statements, func(s finding.Statement) bool {
		return s.Deny && !s.Conditional && slices.Contains(s.Resources, "*") && covered(s.Actions, want)
	})
}

func granted(action string, s finding.Statement) candidate {
	on := strings.Join(s.Resources, ", ")
	if len(s.NotResources) > 0 {
		on = "everything but " + strings.Join(s.NotResources, ", ")
	}
	return candidate{Ref: Ref{ID: action, Detail: clip(s.Source + ": on " + cmp.Or(on, "nothing"))}}
}

func excessive(p *finding.Permissions) (found []candidate) {
	for _, s := range p.Statements {
		if s.Deny {
			continue
		}
		if len(s.NotActions) > 0 {
			found = append(found, granted("NotAction", s))
		}
		anywhere := !s.Conditional && (len(s.NotResources) > 0 || slices.Contains(s.Resources, "*"))
		for _, a := range s.Actions {
			_, action, _ := strings.Cut(a, ":")
			whole := strings.Trim(a, "*") == "" || action != "" && strings.Trim(action, "*") == ""
			if whole || anywhere && !covered(harmlessAnywhere, strings.ToLower(a)) {
				found = append(found, granted(a, s))
			}
		}
	}
	return found
}

// covered says that one of the patterns matches all that want matches. want is
// a pattern itself: its * is held to be a character like others, which only
// another * matches.
func covered(list []string, want string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return globs(strings.ToLower(p), want) })
}

// globs says that a pattern of * and ? matches a text.
func globs(pattern, text string) bool {
	p, t, star, from := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' && text[t] != '*' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// overlap says that there is a text that both patterns of * and ? match.
func overlap(a, b string) bool {
	row := make([]bool, len(b)+1) // whether a[i:] and b[j:] overlap, for one i
	for i := len(a); i >= 0; i-- {
		next := slices.Clone(row)
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				row[j] = true
			case i < len(a) && a[i] == '*':
				row[j] = next[j] || j < len(b) && row[j+1]
			case j < len(b) && b[j] == '*':
				row[j] = row[j+1] || i < len(a) && next[j]
			default:
				row[j] = i < len(a) && j < len(b) && (a[i] == b[j] || a[i] == '?' || b[j] == '?') && next[j+1]
			}
		}
	}
	return row[0]
}

// judgeCode fails for a function whose code is not what was scanned.
func judgeCode(r *run, id ControlID, mode Mode) {
	a := r.report.Artifact
	switch now := r.subject.Code; {
	case a.Kind != finding.KindFunction:
	case now == "" || a.Digest == "":
		r.notKnown("%s: nobody says what the code of the function is now: counted as a violation", id)
		r.violated(id, mode, "", 0, one("unknown", ""), said("whether the code was changed since the scan is not known"))
	case now != a.Digest:
		r.violated(id, mode, "", 0, one("changed", now), said("the code is not what was scanned"))
	}
}
