package assurance

import (
	"fmt"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/policy"
)

// tag is a Tag, compiled.
type tag struct {
	known    bool
	ids      patterns
	packages patterns
	until    *time.Time
}

func compileTags(list []Tag) (map[string]tag, error) {
	out := map[string]tag{}
	for _, t := range list {
		c := tag{known: true, until: t.Until}
		var err error
		if c.ids, err = compile(t.IDs); err != nil {
			return nil, fmt.Errorf("tag %q: %w", t.Name, err)
		}
		if c.packages, err = compile(t.Packages); err != nil {
			return nil, fmt.Errorf("tag %q: %w", t.Name, err)
		}
		out[t.Name] = c
	}
	return out, nil
}

// on says that a vulnerability carries the tag. named asks its names.
func (t tag) on(v *finding.Vulnerability, named func(patterns) bool, now time.Time) bool {
	return t.known && (t.until == nil || now.Before(*t.until)) && (len(t.ids) == 0 || named(t.ids)) && (len(t.packages) == 0 || t.packages.match(v.Name))
}

// checkTags reports tags that mark everything or stand twice, and rules that
// speak of a tag that is not there.
func checkTags(p *Policy, fail policy.Place) {
	known := map[string]bool{}
	for i, t := range p.Spec.Tags {
		at := fmt.Sprintf("spec.tags[%d]", i)
		if len(t.IDs)+len(t.Packages) == 0 {
			fail(at, "marks every vulnerability; add ids or packages")
		}
		if known[t.Name] {
			fail(at+".name", "%q is the name of another tag already", t.Name)
		}
		known[t.Name] = true
	}
	if p.Spec.Controls.Vulnerabilities == nil {
		return
	}
	for i, r := range p.Spec.Controls.Vulnerabilities.Rules {
		for key, names := range map[string][]string{"tags": r.Tags, "exceptTags": r.ExceptTags} {
			for _, n := range names {
				if !known[n] {
					fail(fmt.Sprintf("spec.controls.vulnerabilities.rules[%d].%s", i, key), "%q is no tag of this policy; add it to spec.tags", n)
				}
			}
		}
	}
}
