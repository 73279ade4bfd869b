package misconfig

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/misconfig/dockerfile"
)

// ByComment is the rule by which a comment in the file sets a finding aside.
const ByComment = "ignore-comment"

// remark is a comment that sets findings aside:
//
//	# limpet:ignore LMP-DOCKER-0002,LMP-DOCKER-0008 why
//	# limpet:ignore-file LMP-KUBE-0024 why
type remark struct {
	line     int // where it stands
	from, to int // the lines it speaks of
	ids      []string
	reason   string
	used     bool
}

var remarkWords = regexp.MustCompile(`^limpet:ignore(-file)?\s+(LMP-[A-Z]+-\d{4}(?:\s*,\s*LMP-[A-Z]+-\d{4})*)\s*(.*)$`)

const anyLine = 1 << 30

// remarkOf reads a comment; from and to are the lines it speaks of.
func remarkOf(line int, text string, from, to int) (remark, bool) {
	m := remarkWords.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return remark{}, false
	}
	r := remark{line: line, from: from, to: to, reason: strings.TrimSpace(m[3])}
	if m[1] != "" {
		r.from, r.to = 0, anyLine
	}
	for _, id := range strings.Split(m[2], ",") {
		r.ids = append(r.ids, strings.TrimSpace(id))
	}
	return r, true
}

// dockerRemarks: a comment speaks of the instruction it stands in or before.
func dockerRemarks(f *dockerfile.File) (all []remark) {
	for _, c := range f.Comments {
		from, to := 0, -1
		for _, in := range f.Instructions {
			if end := in.Line + len(in.Lines) - 1; end >= c.Line {
				from, to = in.Line, end
				break
			}
		}
		if r, ok := remarkOf(c.Line, c.Text, from, to); ok {
			all = append(all, r)
		}
	}
	return all
}

// yamlRemarks: a comment speaks of its own line and, where nothing else stands
// on it, of the next line that is no comment.
func yamlRemarks(text []byte) (all []remark) {
	var waiting []int // indices of remarks whose line is to come
	n := 0
	for raw := range bytes.Lines(text) {
		n++
		before, comment, ok := strings.Cut(string(raw), "#")
		alone := strings.TrimSpace(before) == ""
		if !ok || !alone {
			for _, i := range waiting {
				all[i].to = max(all[i].to, n)
			}
			if !alone {
				waiting = nil
			}
		}
		if r, found := remarkOf(n, comment, n, n); ok && found {
			all = append(all, r)
			if alone {
				waiting = append(waiting, len(all)-1)
			}
		}
	}
	return all
}

// setAside puts what comments speak of among the suppressed, and tells of
// comments that give no reason or speak of nothing.
func (t *tree) setAside(p string, found []finding.Misconfiguration, remarks []remark) {
	for _, m := range found {
		i := slices.IndexFunc(remarks, func(r remark) bool {
			return r.reason != "" && r.from <= m.Place.Line && m.Place.Line <= r.to && slices.Contains(r.ids, m.ID)
		})
		if i < 0 {
			t.report.Misconfigurations = append(t.report.Misconfigurations, m)
			continue
		}
		remarks[i].used = true
		t.report.Suppressed = append(t.report.Suppressed, finding.Suppressed{ID: m.ID, Name: m.Message, Path: p, By: ByComment, Reason: remarks[i].reason})
	}
	for _, r := range remarks {
		switch {
		case r.reason == "":
			t.note("ignore-comment", p, finding.Complete, "the comment on line %d gives no reason, so it was not followed", r.line)
		case !r.used:
			t.note("ignore-comment", p, finding.Complete, "the comment on line %d speaks of nothing that was found", r.line)
		}
	}
}
