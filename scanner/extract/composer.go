package extract

import (
	"encoding/json"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

func isInstalledJSON(i inspect.Info) bool {
	return strings.HasSuffix(i.Path, "/composer/installed.json")
}

type composerPackage struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	License []string `json:"license"`
}

// readInstalledJSON reads what composer installed: an object since version 2,
// a list before.
func readInstalledJSON(in *input, out *File) error {
	b, err := in.bytes(maxDatabase)
	if err != nil {
		return err
	}
	var now struct {
		Packages []composerPackage `json:"packages"`
		Dev      []string          `json:"dev-package-names"`
	}
	if err := json.Unmarshal(b, &now); err != nil {
		if json.Unmarshal(b, &now.Packages) != nil {
			return err
		}
	}
	dev := map[string]bool{}
	for _, n := range now.Dev {
		dev[n] = true
	}
	for _, p := range now.Packages {
		if p.Name == "" || p.Version == "" {
			continue
		}
		out.Packages = append(out.Packages, finding.Package{
			Type: finding.Composer, Name: p.Name, Version: composerVersion(p.Version), Licences: p.License, Dev: dev[p.Name], Evidence: "composer installed.json",
		})
	}
	return nil
}

// composerVersion takes the letter of a tag away: what v2.0.1 in the lock file is
// is 2.0.1 among what is installed, and in advisories.
func composerVersion(s string) string {
	if v, ok := strings.CutPrefix(s, "v"); ok && v != "" && v[0] >= '0' && v[0] <= '9' {
		return v
	}
	return s
}
