package image

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Kind is where a Place is.
type Kind int

// Kinds of places.
const (
	Registry Kind = iota
	Daemon
	Archive
	Layout
)

func (k Kind) String() string {
	return [...]string{"registry", "docker daemon", "docker archive", "OCI layout"}[k]
}

// Place is one image's source or destination.
type Place struct {
	Kind Kind
	Ref  name.Reference // Registry, and Daemon unless ID is set
	ID   string         // Daemon: an image ID, "sha256:<hex>" or its start
	Path string         // Archive: the file; Layout: the folder
	Tag  string         // Archive: which image ("repo:tag"); Layout: which ref.name or digest
	text string
}

// String is what the user typed.
func (p Place) String() string { return p.text }

// Syntax says, for help texts and errors, how places are written.
const Syntax = `  registry.example.com/app:1.4      a registry (also registry://...); needs a tag or a digest
  docker://app:1.4, daemon:app:1.4  the Docker daemon (also docker://sha256:<image ID>)
  tar:app.tar, app.tar              a docker-archive tarball (docker save); tar:FILE#repo:tag picks one of several
  oci:DIR, oci:DIR:TAG              an OCI image layout; oci:DIR@sha256:... picks by digest`

var imageID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{12,64}$`)

// ParsePlace reads a source or destination. A prefix decides; without one, a
// name that ends in .tar or starts with ./ ../ or / is a file (or a layout
// when it is a folder), and everything else is a registry reference.
// insecure lets a registry be spoken to over plain HTTP.
func ParsePlace(s string, insecure bool) (Place, error) {
	p := Place{text: s}
	fail := func(why string) (Place, error) {
		return Place{}, fmt.Errorf("cannot use %.200q: %s: %w", s, why, ErrPlace)
	}
	kind, rest := splitPrefix(s)
	if rest == "" {
		return fail("it is empty")
	}
	p.Kind = kind
	switch kind {
	case Daemon:
		if imageID.MatchString(rest) {
			p.ID = rest
			return p, nil
		}
		ref, err := parseRef(rest)
		if err != nil {
			return fail(err.Error())
		}
		p.Ref = ref
	case Archive:
		p.Path, p.Tag, _ = strings.Cut(rest, "#")
		if p.Path == "" {
			return fail("no file is named")
		}
	case Layout:
		p.Path, p.Tag = splitLayout(rest)
		if p.Path == "" {
			return fail("no folder is named")
		}
	default:
		var opts []name.Option
		if insecure {
			opts = append(opts, name.Insecure)
		}
		ref, err := parseRef(rest, opts...)
		if err != nil {
			return fail(err.Error())
		}
		p.Ref = ref
	}
	return p, nil
}

func splitPrefix(s string) (Kind, string) {
	for _, known := range []struct {
		prefix string
		kind   Kind
	}{
		{"docker://", Daemon}, {"daemon://", Daemon}, {"daemon:", Daemon},
		{"registry://", Registry},
		{"docker-archive:", Archive}, {"tar:", Archive},
		{"oci:", Layout},
	} {
		if rest, ok := strings.CutPrefix(s, known.prefix); ok {
			return known.kind, rest
		}
	}
	if file, _, _ := strings.Cut(s, "#"); strings.HasSuffix(file, ".tar") {
		return Archive, s
	}
	if strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") {
		if info, err := os.Stat(filepath.Join(s, "oci-layout")); err == nil && info.Mode().IsRegular() {
			return Layout, s
		}
		return Archive, s
	}
	return Registry, s
}

// parseRef wants the tag or digest to be written: an unsaid tag means a
// different image tomorrow.
func parseRef(s string, opts ...name.Option) (name.Reference, error) {
	ref, err := name.ParseReference(s, opts...)
	if err != nil {
		return nil, err
	}
	last := s[strings.LastIndex(s, "/")+1:]
	if !strings.ContainsAny(last, ":@") {
		return nil, fmt.Errorf("name the tag or digest (%s:TAG)", s)
	}
	return ref, nil
}

// splitLayout takes DIR, DIR:TAG or DIR@sha256:HEX apart. A folder whose own
// name has a colon is taken whole when it exists.
func splitLayout(s string) (dir, tag string) {
	if _, err := os.Stat(s); err == nil {
		return s, ""
	}
	if dir, digest, ok := strings.Cut(s, "@sha256:"); ok {
		return dir, "sha256:" + digest
	}
	if i := strings.LastIndex(s, ":"); i > strings.LastIndex(s, "/") {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// Holds says whether the place can hold an index of several platforms.
func (p Place) Holds() bool { return p.Kind == Registry || p.Kind == Layout }
