package extract

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

const maxJSON = 4 << 20 // bytes of a package's own description

// isPackageJSON: below node_modules only what npm installed there itself, not
// what a package brings along for its tests.
func isPackageJSON(i inspect.Info) bool {
	if path.Base(i.Path) != "package.json" || i.Size > maxJSON {
		return false
	}
	at := strings.LastIndex(i.Path, "/node_modules/")
	if at < 0 {
		return true
	}
	rest := strings.Split(i.Path[at+len("/node_modules/"):], "/")
	return len(rest) == 2 || len(rest) == 3 && strings.HasPrefix(rest[0], "@")
}

func readPackageJSON(in *input, out *File) error {
	var p struct {
		Name    string          `json:"name"`
		Version string          `json:"version"`
		License json.RawMessage `json:"license"`
		Engines json.RawMessage `json:"engines"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(in.all, []byte("\xef\xbb\xbf")), &p); err != nil {
		return err
	}
	if p.Name == "" || p.Version == "" || bytes.Contains(p.Engines, []byte(`"vscode"`)) {
		return nil
	}
	found := finding.Package{Type: finding.NPM, Name: p.Name, Version: p.Version, Evidence: "package.json"}
	var licence string
	var old struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(p.License, &licence) == nil && licence != "" {
		found.Licences = []string{licence}
	} else if json.Unmarshal(p.License, &old) == nil && old.Type != "" {
		found.Licences = []string{old.Type}
	}
	out.Packages = append(out.Packages, found)
	return nil
}
