package extract

import (
	"strings"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/limpet-security/limpet/internal/finding"
)

// purlOf writes the package URL of a package.
func purlOf(p *finding.Package, os *finding.OS) string {
	namespace, name, version := "", p.Name, p.Version
	var q []packageurl.Qualifier
	add := func(key, value string) {
		if value != "" {
			q = append(q, packageurl.Qualifier{Key: key, Value: value})
		}
	}
	switch p.Type {
	case finding.Deb, finding.RPM, finding.APK:
		add("arch", p.Arch)
		if os != nil {
			namespace = os.ID
			add("distro", strings.TrimSuffix(os.ID+"-"+os.Version, "-"))
		}
		if p.Type == finding.RPM {
			if epoch, rest, ok := strings.Cut(version, ":"); ok {
				add("epoch", epoch)
				version = rest
			}
		}
		if p.SourceName != "" && p.SourceName != p.Name {
			add("upstream", p.SourceName)
		}
	case finding.Maven:
		namespace, name, _ = strings.Cut(name, ":")
		if name == "" {
			namespace, name = "", p.Name
		}
	case finding.NPM, finding.Go, finding.Composer:
		if at := strings.LastIndex(name, "/"); at >= 0 {
			namespace, name = name[:at], name[at+1:]
		}
	case finding.PyPI:
		name = strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(name))
	}
	kind := p.Type
	if kind == finding.Windows {
		kind = finding.Binary // package URLs have no type of their own for them
		add("arch", p.Arch)
	}
	return packageurl.NewPackageURL(string(kind), namespace, name, version, q, "").ToString()
}
