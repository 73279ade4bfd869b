package vulndb

import (
	"regexp"
	"strings"
)

// NormalName gives a package's name as its ecosystem compares names. Writer
// and DB both apply it, so callers need not.
func NormalName(eco Ecosystem, name string) string {
	switch eco {
	case "PyPI": // PEP 503
		return separators.ReplaceAllString(strings.ToLower(name), "-")
	case "NuGet", "Packagist", "Bitnami":
		return strings.ToLower(name)
	}
	return name
}

var separators = regexp.MustCompile(`[-_.]+`)

// NormalEcosystem gives the one spelling for an ecosystem as OSV or a
// publisher writes it: "Ubuntu:22.04:LTS" is "Ubuntu:22.04",
// "Red Hat:enterprise_linux:9::appstream" is "Red Hat:9",
// "SUSE:Linux Enterprise Server 15 SP5" is "SUSE Linux Enterprise Server:15.5".
// Ubuntu's paid releases stay apart: "Ubuntu:Pro:22.04".
func NormalEcosystem(s string) Ecosystem {
	head, rest, _ := strings.Cut(strings.TrimSpace(s), ":")
	switch head {
	case "Ubuntu":
		return Ecosystem(head + ":" + strings.TrimSuffix(rest, ":LTS"))
	case "Red Hat":
		if m := redhatRelease.FindStringSubmatch(rest); m != nil {
			return Ecosystem("Red Hat:" + m[1])
		}
	case "SUSE", "openSUSE":
		if m := suseRelease.FindStringSubmatch(rest); m != nil {
			release := m[2]
			if m[3] != "" {
				release += "." + m[3]
			}
			return Ecosystem(head + " " + m[1] + ":" + release)
		}
		if head == "openSUSE" && rest != "" {
			return Ecosystem("openSUSE " + rest)
		}
	case "Rocky Linux", "AlmaLinux", "Oracle Linux":
		major, _, _ := strings.Cut(rest, ".")
		return join(head, major)
	case "Alpine":
		if rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			rest = "v" + rest
		}
	case "Maven", "crates.io", "npm", "Go", "PyPI", "RubyGems", "Packagist", "NuGet", "Bitnami", "Pub", "Hex":
		return Ecosystem(head) // another repository's name may follow
	}
	return join(head, rest)
}

func join(head, rest string) Ecosystem {
	if rest == "" {
		return Ecosystem(head)
	}
	return Ecosystem(head + ":" + rest)
}

var (
	redhatRelease = regexp.MustCompile(`^(?:[a-z_]*linux[a-z_]*:)?(\d+)(?:\.\d+)?(?:::?.*)?$`)
	suseRelease   = regexp.MustCompile(`^(Linux Enterprise [A-Za-z ]*?[A-Za-z]|Leap|Leap Micro|Linux Micro) (\d+(?:\.\d+)?)(?:[ -]SP(\d+))?$`)
)
