package suppress

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/package-url/packageurl-go"

	"github.com/limpet-security/limpet/internal/finding"
)

// ByVEX marks what a VEX statement set aside.
const ByVEX = "vex"

// Limits of a VEX document.
const (
	MaxVEXBytes   = 64 << 20
	maxStatements = 200_000
	maxProducts   = 2_000_000 // of all statements together
)

// VEX is what one document says, whatever its format.
type VEX struct {
	name       string
	Format     string // OpenVEX, CSAF, CycloneDX
	Statements int
	byID       map[string][]*statement
	ordered    []statement
}

// statement is one status of one vulnerability in some products. Of several
// that hold the last one counts.
type statement struct {
	ids      []string
	status   status
	products []product
	words    string
	ref      string // where it stands in the document
}

type status string

const (
	notAffected   status = "not affected"
	fixed         status = "fixed"
	affected      status = "affected"
	investigation status = "under investigation"
)

// product is a thing, and possibly parts of it that the statement is about.
type product struct {
	id    string // purl, digest or name, as written
	purl  *packageurl.PackageURL
	parts []product
}

func newProduct(id string) product {
	p := product{id: id}
	if u, err := packageurl.FromString(id); err == nil {
		p.purl = &u
	}
	return p
}

// ParseVEX reads a document of any of the three formats.
func ParseVEX(data []byte, name string) (*VEX, error) {
	v := &VEX{name: name, byID: map[string][]*statement{}}
	all, err := v.parse(data)
	if err != nil {
		return nil, fmt.Errorf("cannot read VEX document %s: %w", name, err)
	}
	products := 0
	for _, s := range all {
		for _, p := range s.products {
			products += 1 + len(p.parts)
		}
	}
	if len(all) > maxStatements || products > maxProducts {
		return nil, fmt.Errorf("cannot read VEX document %s: it has %d statements about %d products, at most %d about %d", name, len(all), products, maxStatements, maxProducts)
	}
	v.Statements, v.ordered = len(all), all
	for i := range all {
		for _, id := range all[i].ids {
			v.byID[id] = append(v.byID[id], &all[i])
		}
	}
	return v, nil
}

func (v *VEX) parse(data []byte) ([]statement, error) {
	if len(data) > MaxVEXBytes {
		return nil, fmt.Errorf("it has %d bytes, at most %d", len(data), MaxVEXBytes)
	}
	var head struct {
		Context   any    `json:"@context"`
		BOMFormat string `json:"bomFormat"`
		Document  *struct {
			CSAF string `json:"csaf_version"`
		} `json:"document"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, err
	}
	context, _ := head.Context.(string)
	switch {
	case strings.Contains(context, "openvex"):
		v.Format = "OpenVEX"
		return openVEX(data)
	case head.BOMFormat == "CycloneDX":
		v.Format = "CycloneDX"
		return cycloneDX(data)
	case head.Document != nil && head.Document.CSAF != "":
		v.Format = "CSAF"
		return csaf(data)
	}
	return nil, fmt.Errorf("it is none of OpenVEX, CSAF and CycloneDX")
}

// Apply sets aside what the document says is not affected or fixed.
func (v *VEX) Apply(r *finding.Report) {
	parsed := map[string]*packageurl.PackageURL{}
	for _, p := range r.Packages {
		if u, err := packageurl.FromString(p.PURL); err == nil {
			parsed[p.ID] = &u
		}
	}
	ps := packages(r)
	artifact := identities(&r.Artifact)
	r.Vulnerabilities = slices.DeleteFunc(r.Vulnerabilities, func(f finding.Vulnerability) bool {
		var last *statement
		for _, id := range append([]string{f.ID}, f.Aliases...) {
			for _, s := range v.byID[id] {
				if s.holds(ps[f.Package], parsed, artifact, r.Packages) {
					last = s
				}
			}
		}
		if last == nil || last.status != notAffected && last.status != fixed {
			return false
		}
		s := vulnerability(f)
		s.By, s.Reason = ByVEX, fmt.Sprintf("%s (%s, %s): %s", v.name, v.Format, last.ref, last.status)
		if last.words != "" {
			s.Reason += ": " + last.words
		}
		r.Suppressed = append(r.Suppressed, s)
		return true
	})
}

// holds says whether the statement is about a package of this artefact.
func (s *statement) holds(p *finding.Package, parsed map[string]*packageurl.PackageURL, artifact []string, all []finding.Package) bool {
	if p == nil {
		return false
	}
	own := parsed[p.ID]
	return slices.ContainsFunc(s.products, func(whole product) bool {
		if len(whole.parts) == 0 {
			return whole.is(own) || whole.isArtifact(artifact)
		}
		part := slices.ContainsFunc(whole.parts, func(part product) bool { return part.is(own) })
		if !part {
			return false
		}
		// The whole must be here too: the artefact, or a package that shares a file with the part.
		return whole.isArtifact(artifact) || slices.ContainsFunc(all, func(o finding.Package) bool {
			return whole.is(parsed[o.ID]) && shares(&o, p)
		})
	})
}

// is says whether a package URL is one that the product names: what it leaves
// out does not matter.
func (p product) is(u *packageurl.PackageURL) bool {
	if p.purl == nil || u == nil || p.purl.Type != u.Type || p.purl.Namespace != u.Namespace || p.purl.Name != u.Name {
		return false
	}
	if p.purl.Version != "" && plain(p.purl) != plain(u) {
		return false
	}
	if p.purl.Subpath != "" && p.purl.Subpath != u.Subpath {
		return false
	}
	have := u.Qualifiers.Map()
	for _, q := range p.purl.Qualifiers {
		if value, ok := have[q.Key]; ok && value != q.Value {
			return false
		}
	}
	return true
}

// plain is a version as its kind of package is compared: Go's may begin with v.
func plain(u *packageurl.PackageURL) string {
	if u.Type == packageurl.TypeGolang {
		return strings.TrimPrefix(u.Version, "v")
	}
	return u.Version
}

// isArtifact says whether the product is what was scanned: by digest, or by a
// package URL with a digest or a repository.
func (p product) isArtifact(names []string) bool {
	if p.purl == nil {
		return p.id != "" && slices.Contains(names, p.id)
	}
	if p.purl.Type != packageurl.TypeOCI && p.purl.Type != packageurl.TypeDocker {
		return false
	}
	if strings.HasPrefix(p.purl.Version, "sha256:") {
		return slices.Contains(names, p.purl.Version)
	}
	repository := p.purl.Qualifiers.Map()["repository_url"]
	if repository == "" && p.purl.Type == packageurl.TypeDocker {
		repository = strings.TrimPrefix(p.purl.Namespace+"/"+p.purl.Name, "/")
	}
	if repository == "" {
		return false
	}
	want, err := name.NewRepository(repository)
	return err == nil && slices.ContainsFunc(names, func(n string) bool {
		have, err := name.ParseReference(strings.TrimPrefix(n, "docker://"))
		return err == nil && have.Context() == want && (p.purl.Version == "" || have.Identifier() == p.purl.Version)
	})
}

// identities are the names that an artefact goes by.
func identities(a *finding.Artifact) []string {
	all := append([]string{a.Name, a.Digest, a.ID}, a.Tags...)
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

func shares(a, b *finding.Package) bool {
	return slices.ContainsFunc(a.Places, func(x finding.Place) bool {
		return slices.ContainsFunc(b.Places, func(y finding.Place) bool { return x.Path == y.Path })
	})
}
