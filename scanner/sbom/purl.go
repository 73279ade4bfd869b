package sbom

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/limpet-security/limpet/internal/finding"
)

// Unnamed is the type of a component without a package URL: matching says that
// there is no data for it.
const Unnamed finding.Type = "unnamed"

// fromPURL reads a package URL, and the operating system that it names. What has
// none, or a broken one, is a package of type Unnamed.
func fromPURL(text, name string) (p finding.Package, os finding.OS) {
	u, err := packageurl.FromString(text)
	if err != nil {
		return finding.Package{Type: Unnamed, Name: name}, os
	}
	p = finding.Package{Type: finding.Type(u.Type), Name: u.Name, Version: u.Version, PURL: text}
	q := u.Qualifiers.Map()
	p.Arch = q["arch"]
	switch p.Type {
	case finding.Deb, finding.APK, finding.RPM:
		if p.Type == finding.RPM && q["epoch"] != "" && q["epoch"] != "0" && !strings.Contains(p.Version, ":") {
			p.Version = q["epoch"] + ":" + p.Version
		}
		p.Module = q["modularitylabel"]
		if p.Module == "" {
			p.Module = q["rpmmod"]
		}
		p.SourceName, p.SourceVersion, _ = strings.Cut(q["upstream"], "@")
		if p.Type == finding.RPM { // "bash-5.1.8-6.el9.src.rpm"
			if name, ok := strings.CutSuffix(p.SourceName, ".src.rpm"); ok {
				for range 2 {
					if i := strings.LastIndexByte(name, '-'); i > 0 {
						name = name[:i]
					}
				}
				p.SourceName = name
			}
		}
		os = distribution(u.Namespace, q["distro"])
	case finding.Maven:
		p.Name = strings.TrimPrefix(u.Namespace+":"+u.Name, ":")
	case finding.PyPI, finding.Gem, finding.Cargo, finding.NuGet, finding.Binary:
	default:
		p.Name = strings.TrimPrefix(u.Namespace+"/"+u.Name, "/")
	}
	return p, os
}

// distribution reads "debian-12", "12" or "ubuntu-22.04" of a package URL.
func distribution(namespace, distro string) finding.OS {
	id, version := namespace, distro
	if i := strings.IndexByte(distro, '-'); i > 0 && !strings.ContainsAny(distro[:1], "0123456789") {
		id, version = distro[:i], distro[i+1:]
		if namespace != "" && strings.HasPrefix(distro, namespace+"-") { // opensuse-leap-15.5
			id, version = namespace, distro[len(namespace)+1:]
		}
	}
	if version == "" || !strings.ContainsAny(version[:1], "0123456789") {
		return finding.OS{}
	}
	return finding.OS{ID: strings.ToLower(id), Version: version}
}

// idOf names a package by what it is.
func idOf(p *finding.Package, n int) string {
	path := ""
	if len(p.Places) > 0 {
		path = p.Places[0].Path + "!" + p.Places[0].Inside
	}
	if path == "" {
		path = fmt.Sprint(n)
	}
	s := sha256.Sum256([]byte(strings.Join([]string{string(p.Type), p.Name, p.Version, p.Arch, path}, "\x00")))
	return fmt.Sprintf("%x", s[:8])
}
