package feeds

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

type cve5Container struct {
	Provider struct {
		Name string `json:"shortName"`
	} `json:"providerMetadata"`
	Title        string `json:"title"`
	Descriptions []struct {
		Lang  string `json:"lang"`
		Value string `json:"value"`
	} `json:"descriptions"`
	Metrics  []map[string]json.RawMessage `json:"metrics"`
	Problems []struct {
		Descriptions []struct {
			CWE string `json:"cweId"`
		} `json:"descriptions"`
	} `json:"problemTypes"`
	References []struct {
		URL string `json:"url"`
	} `json:"references"`
}

// readCVE5 reads a CVE record of format 5: what its authority says, and what
// CISA's Vulnrichment adds (SSVC, scores).
func readCVE5(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	var v struct {
		Metadata struct {
			ID        string `json:"cveId"`
			State     string `json:"state"`
			Published string `json:"datePublished"`
			Updated   string `json:"dateUpdated"`
		} `json:"cveMetadata"`
		Containers struct {
			CNA cve5Container   `json:"cna"`
			ADP []cve5Container `json:"adp"`
		} `json:"containers"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if !isCVE.MatchString(v.Metadata.ID) {
		return errors.New("it has no CVE id")
	}
	if v.Metadata.State == "REJECTED" {
		o.skip("rejected")
		return nil
	}
	d := vulndb.Detail{ID: v.Metadata.ID, Title: v.Containers.CNA.Title, Published: day(v.Metadata.Published), Modified: day(v.Metadata.Updated)}
	for _, x := range v.Containers.CNA.Descriptions {
		if strings.HasPrefix(x.Lang, "en") && d.Description == "" {
			d.Description = x.Value
		}
	}
	for _, c := range append([]cve5Container{v.Containers.CNA}, v.Containers.ADP...) {
		for _, m := range c.Metrics {
			for kind, raw := range m {
				if kind == "other" {
					if s := ssvc(raw); s != nil {
						d.SSVC = s
					}
					continue
				}
				var score struct {
					Vector string `json:"vectorString"`
				}
				if json.Unmarshal(raw, &score) == nil {
					if s, ok := cvss(c.Provider.Name, score.Vector); ok {
						d.CVSS = append(d.CVSS, s)
					}
				}
			}
		}
		for _, p := range c.Problems {
			for _, x := range p.Descriptions {
				if x.CWE != "" {
					d.CWEs = append(d.CWEs, x.CWE)
				}
			}
		}
		for _, x := range c.References {
			d.URLs = append(d.URLs, x.URL)
		}
	}
	sortScores(d.CVSS)
	d.Severity = highest(d.CVSS)
	o.record(name, v.Metadata.Updated, o.detail(d))
	return nil
}

func ssvc(raw json.RawMessage) *finding.SSVC {
	var v struct {
		Type    string `json:"type"`
		Content struct {
			Options []map[string]string `json:"options"`
		} `json:"content"`
	}
	if json.Unmarshal(raw, &v) != nil || v.Type != "ssvc" {
		return nil
	}
	var s finding.SSVC
	for _, o := range v.Content.Options {
		for k, x := range o {
			switch k {
			case "Exploitation":
				s.Exploitation = clip(x, 40)
			case "Automatable":
				s.Automatable = clip(x, 40)
			case "Technical Impact":
				s.TechnicalImpact = clip(x, 40)
			}
		}
	}
	return &s
}
