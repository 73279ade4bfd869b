package feeds

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// readAlpine reads a repository of secdb.alpinelinux.org, JSON or YAML: per
// source package the versions that fixed something.
func readAlpine(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	var v struct {
		Release  string `json:"distroversion" yaml:"distroversion"`
		Packages []struct {
			Pkg struct {
				Name  string              `json:"name" yaml:"name"`
				Fixes map[string][]string `json:"secfixes" yaml:"secfixes"`
			} `json:"pkg" yaml:"pkg"`
		} `json:"packages" yaml:"packages"`
	}
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		err = json.Unmarshal(b, &v)
	} else {
		err = yaml.Unmarshal(b, &v)
	}
	if err != nil {
		return err
	}
	if v.Release == "" {
		return fmt.Errorf("it names no release")
	}
	for _, p := range v.Packages {
		o.record(name+" "+p.Pkg.Name, "", alpinePackage(o, vulndb.Ecosystem("Alpine:"+v.Release), p.Pkg.Name, p.Pkg.Fixes))
	}
	return nil
}

func alpinePackage(o *Out, eco vulndb.Ecosystem, pkg string, fixes map[string][]string) error {
	for version, list := range fixes {
		for _, text := range list {
			ids := strings.Fields(strings.NewReplacer("(", " ", ")", " ", ",", " ").Replace(text))
			for _, id := range ids {
				if !strings.Contains(id, "-") {
					continue // a mark: "(+)"
				}
				// A line may name one flaw twice, "CVE-2019-1 XSA-23": each
				// leads to the CVE.
				a := vulndb.Advisory{ID: id, CVEs: cves([]string{id}), URLs: []string{"https://security.alpinelinux.org/vuln/" + id}}
				if len(a.CVEs) == 0 {
					a.CVEs = cves(ids)
				}
				if version == "0" {
					a.Status = vulndb.NotAffected
				} else {
					a.Ranges = []vulndb.Range{{Introduced: "0", Fixed: version}}
				}
				if err := o.advisory(eco, pkg, a); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
