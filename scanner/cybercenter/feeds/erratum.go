package feeds

import (
	"regexp"
	"strings"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// Errata of AlmaLinux 8 from 2021 name a few of the binary packages that were
// built (ALSA-2021:4358: glibc-utils and glibc-static, not glibc; ALSA-2021:4464:
// libdnf-devel, not libdnf); the title names the source package: "Moderate: glibc
// security, bug fix, and enhancement update".
var erratumTitle = regexp.MustCompile(`^\w+: ([a-z0-9][\w.+-]*) (?:security|bug fix)\b`)

// python spells binary packages as their sources are called.
var python = strings.NewReplacer("platform-python-", "python-", "python3-", "python-")

// unlisted gives rows for what an erratum does not list and says all the same: the
// source package of its title, if what it lists has one version and bears that name,
// and what a -devel package belongs to. Both have the version of what is listed,
// because they were built together. Modules say nothing here.
func unlisted(title string, eco vulndb.Ecosystem, listed map[string]vulndb.Advisory) map[string]vulndb.Advisory {
	if !strings.HasPrefix(string(eco), "AlmaLinux:") {
		return nil
	}
	more := map[string]vulndb.Advisory{}
	add := func(name string, like vulndb.Advisory, fixed string) {
		if _, there := listed[name]; !there {
			like.Ranges = []vulndb.Range{{Introduced: "0", Fixed: fixed}}
			more[name] = like
		}
	}
	source := ""
	if m := erratumTitle.FindStringSubmatch(title); m != nil {
		source = m[1]
	}
	one, bears, same := "", false, true
	var row vulndb.Advisory
	for name, r := range listed {
		if r.Module != "" || len(r.Ranges) != 1 || r.Ranges[0].Fixed == "" {
			return nil
		}
		fixed := strings.TrimSuffix(r.Ranges[0].Fixed, ".alma") // built a second time by AlmaLinux
		if base, devel := strings.CutSuffix(name, "-devel"); devel {
			add(base, r, fixed)
		}
		same = same && (one == "" || one == fixed)
		bears = bears || strings.HasPrefix(python.Replace(name)+"-", source+"-")
		one, row = fixed, r
	}
	if source != "" && same && bears {
		add(source, row, one)
	}
	return more
}
