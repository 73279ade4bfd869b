package assurance

import (
	"fmt"
	"slices"
	"time"
)

// exception is an Exception, compiled.
type exception struct {
	Exception
	name     string
	ids      patterns
	packages patterns
	paths    patterns
	images   patterns
}

func compileException(i int, x Exception) (out exception, err error) {
	out = exception{Exception: x, name: x.Name}
	if out.name == "" {
		out.name = fmt.Sprintf("exceptions[%d]", i)
	}
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
	return len(x.Digests) == 0 || slices.ContainsFunc(x.Digests, func(d digest) bool { return d.String() == s.Report.Artifact.Digest })
}

// exceptionFor gives the exception that accepts a finding.
func (r *run) exceptionFor(id ControlID, f candidate) *exception {
	for i := range r.exceptions {
		x := &r.exceptions[i]
		if x.expired(r.subject.Now) || !x.concerns(r.subject) || !x.accepts(id, f) {
			continue
		}
		r.used[i] = true
		return x
	}
	return nil
}

func (x *exception) accepts(id ControlID, f candidate) bool {
	switch {
	case len(x.Controls) > 0 && !slices.Contains(x.Controls, id):
		return false
	case len(x.ids) > 0 && !x.ids.match(f.ID):
		return false
	case len(x.packages) > 0 && (f.Package == "" || !x.packages.match(f.Package)):
		return false
	case len(x.paths) > 0 && (len(f.paths) == 0 || slices.ContainsFunc(f.paths, func(p string) bool { return !x.paths.match(p) })):
		return false // every place must be accepted
	}
	return true
}
