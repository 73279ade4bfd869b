package match

import (
	"regexp"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// Distribution gives the ecosystem of an operating system's own packages, ""
// where the release is not told.
func Distribution(os *finding.OS) vulndb.Ecosystem {
	if os == nil {
		return ""
	}
	major, _, _ := strings.Cut(os.Version, ".")
	d, ok := distributions[os.ID]
	switch {
	case !ok && os.ID != "" && os.Version != "":
		return vulndb.Ecosystem(os.ID + ":" + os.Version) // named, so that its absence from the database is told
	case !ok:
		return ""
	case d.release == rolling:
		return vulndb.Ecosystem(d.name)
	case os.Version == "":
		return ""
	}
	switch d.release {
	case whole:
		return vulndb.Ecosystem(d.name + ":" + os.Version)
	case alpine:
		if strings.Contains(os.Version, "_alpha") || os.Version == "edge" {
			return vulndb.Ecosystem(d.name + ":edge")
		}
		parts := strings.SplitN(os.Version, ".", 3)
		return vulndb.Ecosystem(d.name + ":v" + strings.Join(parts[:min(2, len(parts))], "."))
	}
	if os.ID == "amzn" && major == "2018" {
		major = "1"
	}
	return vulndb.Ecosystem(d.name + ":" + major)
}

// release is how much of VERSION_ID names a release.
type release int

const (
	byMajor release = iota
	whole
	alpine  // v and two numbers
	rolling // no releases
)

// distributions are the os-release IDs and whose advisories hold for them.
var distributions = map[string]struct {
	name    string
	release release
}{
	"debian": {"Debian", byMajor}, "raspbian": {"Debian", byMajor},
	"ubuntu": {"Ubuntu", whole},
	"alpine": {"Alpine", alpine},
	"wolfi":  {"Wolfi", rolling}, "chainguard": {"Chainguard", rolling},
	"rhel": {"Red Hat", byMajor}, "centos": {"Red Hat", byMajor},
	"almalinux": {"AlmaLinux", byMajor}, "rocky": {"Rocky Linux", byMajor}, "ol": {"Oracle Linux", byMajor},
	"amzn": {"Amazon Linux", byMajor},
	"sles": {"SUSE Linux Enterprise Server", whole}, "opensuse-leap": {"openSUSE Leap", whole}, "opensuse-tumbleweed": {"openSUSE Tumbleweed", rolling},
	"fedora": {"Fedora", byMajor},
}

// languages are the ecosystems of packages that no distribution installs.
var languages = map[finding.Type]vulndb.Ecosystem{
	finding.NPM: "npm", finding.PyPI: "PyPI", finding.Maven: "Maven", finding.Go: "Go", finding.Gem: "RubyGems",
	finding.Cargo: "crates.io", finding.Composer: "Packagist", finding.NuGet: "NuGet", finding.Binary: "Bitnami",
}

// lookup is a name to ask the database for, and the version to compare with.
type lookup struct {
	eco     vulndb.Ecosystem
	name    string
	version string
}

// lookups says where to look for advisories on a package.
func lookups(p *finding.Package, distro vulndb.Ecosystem) []lookup {
	if !p.Type.OS() {
		eco, ok := languages[p.Type]
		if !ok {
			return nil
		}
		return []lookup{{eco, p.Name, p.Version}}
	}
	if distro == "" {
		return nil
	}
	source, version := p.SourceName, p.SourceVersion
	if version == "" {
		version = p.Version
	}
	switch p.Type {
	case finding.RPM:
		binary := lookup{distro, p.Name, p.Version}
		// What a publisher's list of binary packages lacks its source has: they are
		// built together, and have one version unless the package gives itself another.
		if source == "" || source == p.Name || p.SourceVersion != "" && withoutEpoch(p.SourceVersion) != withoutEpoch(p.Version) {
			return []lookup{binary}
		}
		return []lookup{binary, {distro, source, p.Version}}
	case finding.Deb:
		version = binNMU.ReplaceAllString(version, "")
		if kernelSigned.MatchString(source) {
			// linux-signed-amd64 6.1.90+1 holds the signed files of linux 6.1.90-1.
			if i := strings.LastIndexByte(version, '+'); i > 0 && strings.HasPrefix(string(distro), "Debian:") {
				version = version[:i] + "-" + version[i+1:]
			}
			source = "linux" + strings.TrimPrefix(kernelSigned.FindStringSubmatch(source)[1], "-")
		}
	}
	if source == "" {
		source = p.Name
	}
	return []lookup{{distro, source, version}}
}

// withoutEpoch is an rpm's version and release, which its file name holds.
func withoutEpoch(v string) string {
	_, version, release := splitRPM(v)
	return version + "-" + release
}

var (
	// binNMU is the suffix of a binary package that was built again from the same source.
	binNMU       = regexp.MustCompile(`\+b[0-9]+$`)
	kernelSigned = regexp.MustCompile(`^linux-signed(?:-amd64|-arm64|-i386)?(.*)$`)
	// headers are packages that describe the kernel's interface.
	headers = regexp.MustCompile(`^(linux-libc-dev(-.*-cross)?|linux-headers-.*|linux-.*-headers-.*|linux-headers|linux-kbuild-.*|kernel-headers|kernel(-uek)?(-rt)?-devel|kernel-default-devel|linux-glibc-devel)$`)
)

// dataOnly are packages of a distribution that hold nothing to run.
var dataOnly = regexp.MustCompile(`^(locales|libc-l10n|.+-doc|.+-locale-[a-z]+)$`)

// foreign says that a package of the distribution's kind was not made by the
// distribution: those never install below /opt or /usr/local.
func foreign(p *finding.Package) bool {
	for _, at := range p.Places {
		if !strings.HasPrefix(at.Path, "/opt/") && !strings.HasPrefix(at.Path, "/usr/local/") {
			return false
		}
	}
	return len(p.Places) > 0
}
