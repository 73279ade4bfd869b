package feeds

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
)

// Feed is one publisher.
type Feed struct {
	Name    string // a folder of the mirror, and the source in rows
	Licence string // of its data
	// Remotes are what a mirror fetches; none: somebody else fills the folder
	// (a checkout of the publisher's repository).
	Remotes []Remote
	// Files tells the files that are read, by their path in the feed's folder
	// or in an archive there.
	Files *regexp.Regexp
	Read  func(name string, r io.Reader, o *Out) error
	// Repository is where a checkout comes from, for people.
	Repository string
}

// Remote is a file to fetch.
type Remote struct {
	URL  string
	File string // in the feed's folder
	// Pages names files below URL that are fetched one by one: see fetch.
	Pages Pages
}

// Pages says how a publisher gives its records in pieces.
type Pages string

// The kinds of pages.
const (
	Single  Pages = ""        // one file
	NVDPage Pages = "nvd-2.0" // startIndex and resultsPerPage, lastModStartDate
	CSAFDir Pages = "csaf"    // changes.csv with paths and dates
)

var (
	osvFile  = regexp.MustCompile(`(?:^|/)[A-Za-z]+-[\w:.-]+\.json$`)
	jsonFile = regexp.MustCompile(`\.json$`)
	xmlFile  = regexp.MustCompile(`\.xml$`)
)

func osvZip(ecosystems ...string) []Remote {
	var l []Remote
	for _, e := range ecosystems {
		l = append(l, Remote{URL: "https://osv-vulnerabilities.storage.googleapis.com/" + strings.ReplaceAll(e, " ", "%20") + "/all.zip", File: strings.ReplaceAll(e, " ", "_") + ".zip"})
	}
	return l
}

// Table lists every feed. The addresses were held against public projects that fetch
// them or publishers' own pages (docs/SCANNER.md says which), never asked themselves.
var Table = []Feed{
	{Name: "debian-tracker", Licence: "MIT", Files: jsonFile, Read: readDebianTracker, Remotes: []Remote{{URL: "https://security-tracker.debian.org/tracker/data/json", File: "tracker.json"}}},
	{Name: "debian-dsa", Licence: "MIT", Files: regexp.MustCompile(`(?:^|/)(?:DSA|DLA)/list$`), Read: readDebianList, Remotes: []Remote{
		{URL: "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/DSA/list", File: "DSA/list"},
		{URL: "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/DLA/list", File: "DLA/list"}}},
	{Name: "ubuntu-tracker", Licence: "GPL-2.0-only (tool); facts of the tracker", Files: regexp.MustCompile(`(?:^|/)(?:active|retired)/CVE-\d+-\d+$`), Read: readUbuntuTracker, Repository: "https://git.launchpad.net/ubuntu-cve-tracker"},
	{Name: "ubuntu-osv", Licence: "CC-BY-SA-4.0", Files: osvFile, Read: readOSV, Remotes: osvZip("Ubuntu")},
	{Name: "ubuntu-oval", Licence: "Canonical's terms", Files: xmlFile, Read: readOVAL, Remotes: []Remote{
		{URL: "https://security-metadata.canonical.com/oval/com.ubuntu.jammy.cve.oval.xml.bz2", File: "jammy.xml.bz2"},
		{URL: "https://security-metadata.canonical.com/oval/com.ubuntu.noble.cve.oval.xml.bz2", File: "noble.xml.bz2"}}},
	{Name: "alpine", Licence: "none stated", Files: regexp.MustCompile(`(?:main|community)\.(?:json|yaml)$`), Read: readAlpine, Remotes: alpineRemotes("v3.18", "v3.19", "v3.20", "v3.21", "v3.22", "v3.23", "edge")},
	{Name: "rhel-vex", Licence: "CC-BY-4.0", Files: jsonFile, Read: readCSAF, Remotes: []Remote{{URL: "https://security.access.redhat.com/data/csaf/v2/vex/", Pages: CSAFDir}}},
	{Name: "almalinux", Licence: "MIT", Files: osvFile, Read: readOSV, Remotes: osvZip("AlmaLinux"), Repository: "https://github.com/AlmaLinux/osv-database"},
	{Name: "rocky", Licence: "BSD-3-Clause", Files: osvFile, Read: readOSV, Remotes: osvZip("Rocky Linux")},
	{Name: "rocky-updateinfo", Licence: "BSD-3-Clause", Files: xmlFile, Read: readUpdateInfo},
	{Name: "oracle-oval", Licence: "Oracle's terms", Files: xmlFile, Read: readOVAL, Remotes: []Remote{{URL: "https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2", File: "elsa-all.xml.bz2"}}},
	{Name: "amazon", Licence: "Amazon's terms", Files: xmlFile, Read: readUpdateInfo},
	{Name: "suse-csaf", Licence: "CC-BY-4.0", Files: jsonFile, Read: readCSAF, Remotes: []Remote{{URL: "https://ftp.suse.com/pub/projects/security/csaf/", Pages: CSAFDir}}},
	{Name: "suse-oval", Licence: "SUSE's terms", Files: xmlFile, Read: readOVAL, Remotes: []Remote{{URL: "https://ftp.suse.com/pub/projects/security/oval/suse.linux.enterprise.server.15-patch.xml.gz", File: "sles15.xml.gz"}}},
	{Name: "github", Licence: "CC-BY-4.0", Files: osvFile, Read: readOSV, Repository: "https://github.com/github/advisory-database"},
	{Name: "osv", Licence: "as each record's publisher", Files: osvFile, Read: readOSV, Remotes: osvZip("npm", "Maven", "NuGet", "Packagist", "Hex", "Pub", "Debian", "Alpine", "openEuler", "Mageia", "openSUSE", "SUSE", "Red Hat", "SwiftURL", "GitHub Actions")},
	{Name: "go", Licence: "CC-BY-4.0", Files: regexp.MustCompile(`(?:^|/)GO-\d+-\d+\.json$`), Read: readOSV, Remotes: []Remote{{URL: "https://vuln.go.dev/vulndb.zip", File: "vulndb.zip"}}, Repository: "https://github.com/golang/vulndb"},
	{Name: "pypa", Licence: "CC-BY-4.0", Files: regexp.MustCompile(`(?:^|/)PYSEC-[\d-]+\.(?:ya?ml|json)$`), Read: readOSV, Remotes: osvZip("PyPI"), Repository: "https://github.com/pypa/advisory-database"},
	{Name: "rustsec", Licence: "CC0-1.0", Files: regexp.MustCompile(`(?:^|/)crates/[^/]+/RUSTSEC-[\d-]+\.md$`), Read: readRustSec, Remotes: []Remote{{URL: "https://github.com/rustsec/advisory-db/archive/refs/heads/main.tar.gz", File: "main.tar.gz"}}},
	{Name: "rubysec", Licence: "public domain", Files: regexp.MustCompile(`(?:^|/)(?:gems|rubies)/[^/]+/[^/]+\.yml$`), Read: readRubySec, Remotes: []Remote{{URL: "https://github.com/rubysec/ruby-advisory-db/archive/refs/heads/master.tar.gz", File: "master.tar.gz"}}},
	{Name: "friendsofphp", Licence: "Unlicense", Files: regexp.MustCompile(`(?:^|/)[^/.]+/[^/.][^/]*/[^/]+\.yaml$`), Read: readFriendsOfPHP, Remotes: []Remote{{URL: "https://github.com/FriendsOfPHP/security-advisories/archive/refs/heads/master.tar.gz", File: "master.tar.gz"}}},
	{Name: "bitnami", Licence: "Apache-2.0", Files: osvFile, Read: readOSV, Remotes: osvZip("Bitnami"), Repository: "https://github.com/bitnami/vulndb"},
	{Name: "nvd", Licence: "public domain", Files: jsonFile, Read: readNVD, Remotes: []Remote{{URL: "https://services.nvd.nist.gov/rest/json/cves/2.0", Pages: NVDPage}}},
	{Name: "nvd-overrides", Licence: "CC0-1.0", Files: regexp.MustCompile(`(?:^|/)CVE-\d+-\d+\.json$`), Read: readNVD, Remotes: []Remote{{URL: "https://github.com/anchore/nvd-data-overrides/archive/refs/heads/main.tar.gz", File: "main.tar.gz"}}},
	{Name: "vulnrichment", Licence: "CC0-1.0", Files: regexp.MustCompile(`(?:^|/)CVE-\d+-\d+\.json$`), Read: readCVE5, Remotes: []Remote{{URL: "https://github.com/cisagov/vulnrichment/archive/refs/heads/develop.tar.gz", File: "develop.tar.gz"}}},
	{Name: "cisa-kev", Licence: "CC0-1.0", Files: jsonFile, Read: readKEV, Remotes: []Remote{{URL: "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json", File: "known_exploited_vulnerabilities.json"}}},
	{Name: "epss", Licence: "FIRST's terms", Files: regexp.MustCompile(`\.csv$`), Read: readEPSS, Remotes: []Remote{{URL: "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz", File: "epss_scores-current.csv.gz"}}},
	{Name: "retirejs", Licence: "Apache-2.0", Files: regexp.MustCompile(`jsrepository[\w-]*\.json$`), Read: readRetireJS, Remotes: []Remote{{URL: "https://raw.githubusercontent.com/RetireJS/retire.js/master/repository/jsrepository-v4.json", File: "jsrepository-v4.json"}}},
	{Name: "reversinglabs-yara", Licence: "MIT", Files: regexp.MustCompile(`\.yara?$`), Read: readYARA, Remotes: []Remote{{URL: "https://github.com/reversinglabs/reversinglabs-yara-rules/archive/refs/heads/develop.tar.gz", File: "develop.tar.gz"}}},
	{Name: "signature-base", Licence: "DRL-1.1", Files: regexp.MustCompile(`\.yara?$`), Read: readYARA, Remotes: []Remote{{URL: "https://github.com/Neo23x0/signature-base/archive/refs/heads/master.tar.gz", File: "master.tar.gz"}}},
	{Name: "jar-sha1", Licence: "facts: names and digests of published archives", Files: regexp.MustCompile(`\.(?:txt|csv|tsv)$`), Read: readJars, Repository: "made from Maven Central's index"},
	{Name: "signature-base-hashes", Licence: "DRL-1.1", Files: regexp.MustCompile(`hash-iocs\.txt$`), Read: readHashes, Remotes: []Remote{{URL: "https://raw.githubusercontent.com/Neo23x0/signature-base/master/iocs/hash-iocs.txt", File: "hash-iocs.txt"}}},
	{Name: "spdx-licences", Licence: "CC0-1.0", Files: regexp.MustCompile(`licenses\.json$`), Read: readLicences, Remotes: []Remote{{URL: "https://raw.githubusercontent.com/spdx/license-list-data/main/json/licenses.json", File: "licenses.json"}}},
	{Name: "local-osv", Licence: "the operator's own", Files: regexp.MustCompile(`\.(?:json|ya?ml)$`), Read: readLocal},
}

func alpineRemotes(releases ...string) (l []Remote) {
	for _, r := range releases {
		for _, repo := range []string{"main", "community"} {
			l = append(l, Remote{URL: "https://secdb.alpinelinux.org/" + r + "/" + repo + ".json", File: path.Join(r, repo+".json")})
		}
	}
	return l
}

// readLocal reads advisories of one's own, in OSV's form, one or many in a file.
func readLocal(name string, r io.Reader, o *Out) error {
	if strings.HasSuffix(name, ".json") {
		return readOSVList(name, r, o)
	}
	return readOSV(name, r, o)
}

// ByName gives a feed.
func ByName(name string) (Feed, bool) {
	for _, f := range Table {
		if f.Name == name {
			return f, true
		}
	}
	return Feed{}, false
}

//go:embed releases.json
var releases []byte

// Releases adds what is known of the lives of distributions: facts that are
// committed with the code.
func Releases(o *Out) error { return readReleases("releases.json", bytes.NewReader(releases), o) }

// Parse reads one file of a feed. A decoder's panic is a fault of that file.
func (f Feed) Parse(name string, r io.Reader, o *Out) {
	defer func() {
		if p := recover(); p != nil {
			o.Fault(name, fmt.Errorf("its reader gave up: %v", p))
		}
	}()
	if err := f.Read(name, io.LimitReader(r, MaxFile), o); err != nil {
		o.Fault(name, err)
	}
}
