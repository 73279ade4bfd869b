package cli

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// mkdebian writes an image that looks like Debian's: openssl, kernel headers, a
// Python package of the distribution's, a package of npm, and a private key. With
// openssl given it is a release that was mended: that version of openssl, a
// mended package of npm, no key, and a program of its own.
func mkdebian(path, version, openssl string) error {
	lodash := "4.17.20"
	if openssl == "" {
		openssl = "3.0.11-1~deb12u2"
	} else {
		lodash = "4.17.21"
	}
	status := ""
	for _, p := range [][3]string{{"libssl3", openssl, "openssl"}, {"linux-libc-dev", "6.1.76-1", "linux"}, {"python3-requests", "2.28.1+dfsg-1", "requests"}} {
		status += "Package: " + p[0] + "\nStatus: install ok installed\nArchitecture: amd64\nSource: " + p[2] + "\nVersion: " + p[1] + "\nMaintainer: x\nDescription: x\n\n"
	}
	files := []imageFile{
		{"etc/os-release", "ID=debian\nVERSION_ID=\"" + version + "\"\nPRETTY_NAME=\"Debian\"\n", 0o644},
		{"var/lib/dpkg/status", status, 0o644},
		{"var/lib/dpkg/info/python3-requests.list", "/.\n/usr/lib/python3/dist-packages/requests-2.28.1.dist-info/METADATA\n", 0o644},
		{"usr/lib/python3/dist-packages/requests-2.28.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: requests\nVersion: 2.28.1\n\n", 0o644},
		{"app/node_modules/lodash/package.json", `{"name":"lodash","version":"` + lodash + `","license":"MIT"}`, 0o644},
		{"app/marked", "this file bears a mark for the test", 0o644},
	}
	last := imageFile{"app/id_rsa", "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\nKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQJAIJLixBy2qpFoS4DSmoEm\n-----END RSA PRIVATE KEY-----\n", 0o600}
	if lodash == "4.17.21" {
		last = imageFile{"bin/app", string(staticELF("amd64")), 0o755}
	}
	return writeImage(path, "amd64", append(files, last))
}

// mkdb writes a database that knows what mkdebian's images hold; with newest
// given, a vulnerability of that identifier that no openssl of theirs is without.
func mkdb(path, days, newest string) error {
	n, err := strconv.Atoi(days)
	if err != nil {
		return err
	}
	w, err := vulndb.NewWriter(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer w.Close()
	for _, a := range []struct {
		eco          vulndb.Ecosystem
		name, id, at string
		severity     finding.Severity
		status       vulndb.Status
		cve          string
	}{
		{"Debian:12", "openssl", "DSA-1", "3.0.13-1~deb12u1", finding.High, vulndb.Affected, "CVE-2024-0001"},
		{"Debian:12", "openssl", "CVE-2024-0002", "", finding.Low, vulndb.WontFix, "CVE-2024-0002"},
		{"Debian:12", "linux", "DSA-2", "6.1.90-1", finding.High, vulndb.Affected, "CVE-2024-0003"},
		{"Debian:10", "openssl", "DSA-3", "1", finding.High, vulndb.Affected, "CVE-2020-0001"},
		{"PyPI", "requests", "GHSA-r", "2.31.0", finding.Medium, vulndb.Affected, "CVE-2023-32681"},
		{"npm", "lodash", "GHSA-l", "4.17.21", finding.High, vulndb.Affected, "CVE-2021-23337"},
	} {
		row := vulndb.Advisory{ID: a.id, CVEs: []string{a.cve}, Source: "test", Status: a.status, Severity: a.severity}
		if a.at != "" {
			row.Ranges = []vulndb.Range{{Introduced: "0", Fixed: a.at}}
		}
		if err := w.Advisory(a.eco, a.name, row); err != nil {
			return err
		}
	}
	if newest != "" {
		row := vulndb.Advisory{ID: newest, CVEs: []string{newest}, Source: "test", Status: vulndb.Affected, Severity: finding.Critical, Ranges: []vulndb.Range{{Introduced: "0", Fixed: "9"}}}
		if err := w.Advisory("Debian:12", "openssl", row); err != nil {
			return err
		}
	}
	if err := w.Detail("nvd", vulndb.Detail{ID: "CVE-2024-0001", Title: "an overflow", KEV: &finding.KEV{Added: "2024-02-01"}}); err != nil {
		return err
	}
	if err := w.Blob("yara/test/marker.yar", []byte(`rule marked { strings: $a = "a mark for the test" condition: $a }`)); err != nil {
		return err
	}
	w.Release(vulndb.Release{ID: "debian", Version: "10", EndOfLife: "2024-06-30"})
	_, err = w.Finish(path, vulndb.Meta{Built: time.Now().AddDate(0, 0, -n).UTC()})
	return err
}
