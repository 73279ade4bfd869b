package extract

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// Fill puts what the layers hold into the report: packages, operating system,
// what inspectors found, anomalies. Places name the layer that brought them.
func Fill(r *finding.Report, layers []*Layer) {
	t := merge(layers)
	if r.Integrity.Verdict == "" {
		r.Integrity.Verdict = finding.Complete
	}
	seen := map[string]bool{}
	for _, l := range layers {
		if seen[l.DiffID] {
			continue
		}
		seen[l.DiffID] = true
		for _, a := range l.Anomalies {
			a.Layer = l.DiffID
			r.Integrity.Note(a)
		}
		fillLeaked(r, l)
	}
	texts := map[string]string{}
	licences := map[string][]string{}
	var files []*placed
	t.visible(func(p *placed) {
		files = append(files, p)
		if p.Text != "" {
			texts[p.path] = p.Text
		}
		if len(p.Licences) > 0 {
			licences[path.Base(path.Dir(p.path))] = p.Licences
		}
		fillVisible(r, p, layers[p.layer].DiffID)
	})
	for _, name := range osFiles { // links, as Debian's /etc/os-release
		if n := t.find(name, true); n != nil && n.file != nil && texts[name] == "" {
			texts[name] = n.file.Text
		}
	}
	r.OS = osOf(texts)
	t.windows(r)
	t.elsewhere(r)
	for _, p := range files {
		if isHive(inspect.Info{Path: p.path, Size: 1}) {
			continue // all layers' hives were read together
		}
		fillPackages(r, t, p)
	}
	for i := range r.Packages {
		p := &r.Packages[i]
		if p.Type == finding.Deb && len(p.Licences) == 0 {
			p.Licences = licences[p.Name]
		}
		p.PURL = purlOf(p, r.OS)
		p.ID = idOf(p)
	}
	own(r.Packages, files, t)
	fillFiles(r.Packages, files)
	r.Sort()
}

// fillLeaked reports what stays in an image even where a higher layer removes
// the file: whoever has the image has the layer.
func fillLeaked(r *finding.Report, l *Layer) {
	for _, f := range l.Files {
		for _, s := range f.Found.Secrets {
			s.Place = placeIn(s.Place, f.Path, l.DiffID)
			r.Secrets = append(r.Secrets, s)
		}
		for _, m := range f.Found.Malware {
			m.Place = placeIn(m.Place, f.Path, l.DiffID)
			r.Malware = append(r.Malware, m)
		}
	}
}

// fillVisible reports what matters only where the file can be seen.
func fillVisible(r *finding.Report, p *placed, layer string) {
	for _, l := range p.Found.Licences {
		l.Place = placeIn(l.Place, p.path, layer)
		r.Licences = append(r.Licences, l)
	}
	for _, m := range p.Found.Misconfigurations {
		m.Place = placeIn(m.Place, p.path, layer)
		r.Misconfigurations = append(r.Misconfigurations, m)
	}
}

func placeIn(p finding.Place, file, layer string) finding.Place {
	p.Path, p.Layer = file, layer
	return p
}

// fillPackages takes the packages of one file. A package of the operating
// system is attributed to the layer whose database listed it first.
func fillPackages(r *finding.Report, t *tree, p *placed) {
	type key struct{ name, version, arch string }
	var brought map[key]int
	if older := t.versions[p.path]; len(older) > 1 && len(p.Packages) > 0 && p.Packages[0].Type.OS() {
		// From the top down: a package that was removed and installed again
		// belongs to the layer that installed it again.
		brought = map[key]int{}
		still := map[key]bool{}
		for _, q := range p.Packages {
			still[key{q.Name, q.Version, q.Arch}] = true
		}
		for _, v := range slices.Backward(older) {
			listed := make(map[key]bool, len(v.Packages))
			for _, q := range v.Packages {
				k := key{q.Name, q.Version, q.Arch}
				if still[k] {
					listed[k] = true
					brought[k] = v.layer
				}
			}
			still = listed
		}
	}
	for _, q := range p.Packages {
		layer := p.layer
		if n, ok := brought[key{q.Name, q.Version, q.Arch}]; ok {
			layer = n
		}
		places := q.Places
		if len(places) == 0 {
			places = []finding.Place{{}}
		}
		q.Places = nil
		for _, at := range places {
			q.Places = append(q.Places, placeIn(at, p.path, t.layers[layer].DiffID))
		}
		q.Licences = slices.Clone(q.Licences)
		r.Packages = append(r.Packages, q)
	}
}

// idOf names a package within the report.
func idOf(p *finding.Package) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q", p.Type, p.Name, p.Version, p.Arch)
	for _, at := range p.Places {
		fmt.Fprintf(h, " %q %q %d", at.Path, at.Inside, at.Line)
	}
	return hex.EncodeToString(h.Sum(nil)[:10])
}

// databases are where package managers keep what is installed.
var databases = []string{dpkgStatus, "/lib/apk/db/installed", "/var/lib/rpm/Packages", "/var/lib/rpm/Packages.db", "/var/lib/rpm/rpmdb.sqlite"}

// elsewhere notes a package database that a link puts where it is not looked
// for: its packages are missing.
func (t *tree) elsewhere(r *finding.Report) {
	unread := map[string]string{}
	for _, name := range databases {
		real := t.resolve(name)
		if n := t.find(real, false); real != "" && (n == nil || n.file == nil) {
			unread[real] = name
		}
	}
	for _, l := range t.layers {
		for _, e := range l.Entries {
			name, ok := unread[e.Path]
			if ok && (e.Kind == Hardlink || e.Kind == Regular && name != e.Path) {
				r.Integrity.Note(finding.Anomaly{Code: "package-database-elsewhere", Effect: finding.Partial, Layer: l.DiffID, Path: name, Detail: "a link puts it at another place, " + printable(e.Path+" "+e.Link) + ", which was not read"})
			}
		}
	}
}

// resolve gives where a name leads through links, "" where they go in circles.
func (t *tree) resolve(p string) string {
	at := "/"
	rest := strings.TrimPrefix(p, "/")
	for hops := 0; rest != ""; {
		name, tail, _ := strings.Cut(rest, "/")
		next := path.Join(at, name)
		if n := t.find(next, false); n != nil && n.symlink {
			if hops++; hops > maxHops {
				return ""
			}
			rest = strings.TrimPrefix(path.Join(join(at, n.link), tail), "/")
			at = "/"
			continue
		}
		at, rest = next, tail
	}
	return at
}

// owners finds the package that a list of files belongs to.
func owners(packages []finding.Package) func(Owned) *finding.Package {
	byName := map[string]*finding.Package{}
	for i := range packages {
		if p := &packages[i]; p.Type.OS() {
			byName[p.Name+" "+p.Arch] = p
			byName[p.Name+" "] = p
		}
	}
	return func(o Owned) *finding.Package { return cmp.Or(byName[o.Name+" "+o.Arch], byName[o.Name+" "]) }
}

// own marks the packages that a package of the operating system installed.
func own(packages []finding.Package, files []*placed, t *tree) {
	byFile := map[string][]*finding.Package{}
	for i := range packages {
		p := &packages[i]
		if p.Type.OS() {
			continue
		}
		for _, at := range p.Places {
			byFile[t.resolve(at.Path)] = append(byFile[t.resolve(at.Path)], p)
		}
	}
	if len(byFile) == 0 {
		return
	}
	ownerOf := owners(packages)
	for _, f := range files {
		for _, o := range f.Owned {
			owner := ownerOf(o)
			if owner == nil {
				continue
			}
			for line := range strings.Lines(o.Paths) {
				line = strings.TrimRight(line, "\n")
				found := byFile[line]
				if found == nil && usrMerged(line) {
					found = byFile[t.resolve(line)]
				}
				for _, p := range found {
					p.OwnedBy = owner.ID
				}
			}
		}
	}
}

// usrMerged says that the name may be one of /usr's by the links of merged systems.
func usrMerged(p string) bool { return at(p, "/bin/", "/sbin/", "/lib/", "/lib64/") }
