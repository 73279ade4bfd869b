package inventory

import (
	"path"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/glob"
	"github.com/limpet-security/limpet/internal/profile"
)

// ownership says which package the paths of profiles belong to. Its keys are
// generalised as those of profiles are.
type ownership struct {
	packages map[string]*finding.Package
	files    map[string][]string // packages that a file belongs to
	programs map[string][]string // packages that are in a file: executed, it uses them
	folders  map[string][]string // packages whose modules lie in a folder
}

func owned(r *finding.Report) *ownership {
	o := &ownership{packages: map[string]*finding.Package{}, files: map[string][]string{}, programs: map[string][]string{}, folders: map[string][]string{}}
	add := func(m map[string][]string, p, id string) {
		if key := pathKey(p); !slices.Contains(m[key], id) {
			m[key] = append(m[key], id)
		}
	}
	for i := range r.Packages {
		p := &r.Packages[i]
		o.packages[p.ID] = p
		if p.Type.OS() {
			for _, f := range p.Files {
				add(o.files, f, p.ID)
			}
			continue
		}
		for _, at := range p.Places {
			switch {
			case at.Inside != "": // that its archive was opened does not say that it was loaded
			case p.Type == finding.Maven && slices.Contains([]string{".jar", ".war", ".ear"}, path.Ext(at.Path)):
				add(o.files, at.Path, p.ID)
			default:
				add(o.programs, at.Path, p.ID)
				if f := moduleFolder(p, at.Path); f != "" {
					add(o.folders, f, p.ID)
				}
			}
		}
	}
	return o
}

// moduleFolder gives the folder of a package's modules, told by where its
// description lies; "" where that does not tell.
func moduleFolder(p *finding.Package, at string) string {
	dir := path.Dir(at)
	switch p.Type {
	case finding.NPM:
		if path.Base(at) == "package.json" && strings.Contains(dir, "/node_modules/") {
			return dir
		}
	case finding.PyPI:
		if ext := path.Ext(dir); ext == ".dist-info" || ext == ".egg-info" {
			return path.Join(path.Dir(dir), strings.ReplaceAll(strings.ToLower(p.Name), "-", "_"))
		}
	case finding.Gem:
		if name, ok := strings.CutSuffix(path.Base(at), ".gemspec"); ok && path.Base(dir) == "specifications" {
			return path.Join(path.Dir(dir), "gems", name)
		}
	case finding.Composer:
		if path.Base(dir) == "composer" && strings.Contains(p.Name, "/") {
			return path.Join(path.Dir(dir), p.Name)
		}
	}
	return ""
}

// pathKey is a path as profiles have it, on merged and other systems the same.
func pathKey(p string) string { return merged(profile.Path(p)) }

func merged(pattern string) string {
	if rest, ok := strings.CutPrefix(pattern, "/usr"); ok {
		for _, t := range []string{"/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/"} {
			if strings.HasPrefix(rest, t) {
				return rest
			}
		}
	}
	return pattern
}

// of gives the packages that a sighting shows in use, with the distribution's
// packages that installed them.
func (o *ownership) of(s sighting) (ids []string) {
	key := merged(s.item.Path)
	if s.exec {
		if !profile.Wild(key) {
			ids = append(ids, o.programs[key]...) // all are in the one program
		}
		if s.item.Interpreter != "" {
			ids = append(ids, one(o.files[merged(s.item.Interpreter)])...)
		}
	}
	ids = append(ids, one(o.files[key])...)
	if base := path.Base(key); base != "package.json" {
		for dir := path.Dir(key); len(dir) > 1; dir = path.Dir(dir) {
			if found := o.folders[dir]; len(found) > 0 {
				ids = append(ids, one(found)...)
				break // a package within it is another's
			}
		}
	}
	for _, id := range ids {
		if owner := o.packages[id].OwnedBy; owner != "" && o.packages[owner] != nil && !slices.Contains(ids, owner) {
			ids = append(ids, owner)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// one gives the only package of a file: where several claim it, nobody knows.
func one(ids []string) []string {
	if len(ids) == 1 {
		return ids
	}
	return nil
}

// notSeen gives the distribution's packages all of whose code would have been
// seen, and was not.
func (o *ownership) notSeen(paths map[string]bool, seen map[string][]UseEvidence) map[string]bool {
	var wild []*glob.Pattern
	for key := range paths {
		if !profile.Wild(key) || key[0] != '/' {
			continue
		}
		g, err := glob.Compile(key)
		if err != nil {
			return nil
		}
		wild = append(wild, g)
	}
	touched := func(f string) bool {
		return paths[pathKey(f)] || slices.ContainsFunc(wild, func(g *glob.Pattern) bool { return g.Match(merged(f)) })
	}
	owner := map[string]bool{} // of packages in other languages, whose modules are not all seen
	for _, p := range o.packages {
		owner[p.OwnedBy] = true
	}
	out := map[string]bool{}
	for id, p := range o.packages {
		if p.Type.OS() && len(p.Files) > 0 && !p.MoreFiles && !owner[id] && len(seen[id]) == 0 && !slices.ContainsFunc(p.Files, touched) {
			out[id] = true
		}
	}
	return out
}
