package assurance

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// exception is an Exception, compiled.
type exception struct {
	Accept
	name     string
	standing bool
	ids      patterns
	packages patterns
	paths    patterns
	images   patterns
}

func compileException(name string, x Accept) (out exception, err error) {
	out = exception{Accept: x, name: name}
	if out.ids, err = compile(x.IDs); err != nil {
		return out, err
	}
	if out.packages, err = compile(x.Packages); err != nil {
		return out, err
	}
	if out.paths, err = compile(x.Paths); err != nil {
		return out, err
	}
	out.images, err = compile(x.Images)
	return out, err
}

func (x *exception) expired(now time.Time) bool { return x.Expires != nil && !now.Before(*x.Expires) }

func (x *exception) until() string {
	if x.Expires == nil {
		return ""
	}
	return x.Expires.UTC().Format(time.RFC3339)
}

// concerns says that the exception is for this artefact at all.
func (x *exception) concerns(s *Subject) bool {
	if len(x.images) > 0 && !x.images.image(s.Reference) {
		return false
	}
	if len(x.Stages) > 0 && !slices.Contains(x.Stages, s.Stage) {
		return false
	}
	return len(x.Digests) == 0 || slices.ContainsFunc(x.Digests, func(d digest) bool { return d.String() == s.Report.Artifact.Digest })
}

// exceptionFor gives the exception that accepts a finding: the policy's own
// before those that stand beside it.
func (r *run) exceptionFor(id ControlID, f candidate) *exception {
	for i := range r.exceptions {
		x := &r.exceptions[i]
		if x.expired(r.subject.Now) || !x.concerns(r.subject) || !x.accepts(id, f) {
			continue
		}
		r.used[i] = true
		return x
	}
	return r.standing.find(id, f)
}

func (x *exception) accepts(id ControlID, f candidate) bool {
	switch {
	case len(x.Controls) > 0 && !slices.Contains(x.Controls, id):
		return false
	case len(x.ids) > 0 && !x.ids.match(f.ID) && !slices.ContainsFunc(f.aliases, x.ids.match):
		return false
	case len(x.packages) > 0 && (f.Package == "" || !x.packages.match(f.Package)):
		return false
	case len(x.paths) > 0 && (len(f.paths) == 0 || slices.ContainsFunc(f.paths, func(p string) bool { return !x.paths.match(p) })):
		return false // every place must be accepted
	}
	return true
}

// Exceptions stand beside policies, compiled: every policy heeds them. They
// never change and may be used by several goroutines.
type Exceptions struct{ list []*exception }

// CompileExceptions makes exceptions ready, by name.
func CompileExceptions(docs []*ExceptionDocument) (*Exceptions, error) {
	out := &Exceptions{}
	for _, d := range docs {
		x, err := compileException(d.Metadata.Name, d.Spec)
		if err != nil {
			return nil, fmt.Errorf("cannot compile exception %q: %w", d.Metadata.Name, err)
		}
		x.standing = true
		out.list = append(out.list, &x)
	}
	slices.SortStableFunc(out.list, func(a, b *exception) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// standing are the exceptions that concern one subject: those that name
// findings without a wildcard by that name, so that thousands cost nothing.
type standing struct {
	byID map[string][]*exception
	rest []*exception
}

func (e *Exceptions) concerning(s *Subject) standing {
	out := standing{byID: map[string][]*exception{}}
	for _, x := range e.list {
		if x.expired(s.Now) || !x.concerns(s) {
			continue
		}
		if len(x.IDs) == 0 || slices.ContainsFunc(x.IDs, func(id string) bool { return strings.ContainsAny(id, `*?[{\\`) }) {
			out.rest = append(out.rest, x)
			continue
		}
		for _, id := range x.IDs {
			out.byID[id] = append(out.byID[id], x)
		}
	}
	return out
}

// find gives the first by name that accepts a finding.
func (s *standing) find(id ControlID, f candidate) *exception {
	var best *exception
	look := func(list []*exception) {
		for _, x := range list {
			if (best == nil || x.name < best.name) && x.accepts(id, f) {
				best = x
			}
		}
	}
	look(s.rest)
	look(s.byID[f.ID])
	for _, a := range f.aliases {
		look(s.byID[a])
	}
	return best
}
