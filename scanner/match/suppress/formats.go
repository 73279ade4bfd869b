package suppress

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/openvex/go-vex/pkg/vex"
)

// openVEX reads the statements of an OpenVEX document, oldest first.
func openVEX(data []byte) ([]statement, error) {
	doc, err := vex.Parse(data)
	if err != nil {
		return nil, err
	}
	var start time.Time
	if doc.Timestamp != nil {
		start = *doc.Timestamp
	}
	vex.SortStatements(doc.Statements, start)
	var all []statement
	for i, in := range doc.Statements {
		s := statement{ref: fmt.Sprintf("%s, statement %d", cmp.Or(doc.ID, "document"), i+1)}
		switch in.Status {
		case vex.StatusNotAffected:
			s.status = notAffected
		case vex.StatusFixed:
			s.status = fixed
		case vex.StatusAffected:
			s.status = affected
		default:
			s.status = investigation
		}
		s.words = join(string(in.Justification), in.ImpactStatement, in.StatusNotes)
		for _, name := range append([]vex.VulnerabilityID{in.Vulnerability.Name}, in.Vulnerability.Aliases...) {
			if name != "" {
				s.ids = append(s.ids, string(name))
			}
		}
		for _, p := range in.Products {
			for _, whole := range names(p.Component) {
				for _, sub := range p.Subcomponents {
					whole.parts = append(whole.parts, names(sub.Component)...)
				}
				s.products = append(s.products, whole)
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// names are the ways in which a component is named.
func names(c vex.Component) []product {
	var all []product
	for _, id := range []string{c.ID, c.Identifiers[vex.PURL]} {
		if id != "" && !slices.ContainsFunc(all, func(p product) bool { return p.id == id }) {
			all = append(all, newProduct(id))
		}
	}
	return all
}

// cycloneDX reads the analyses of a CycloneDX document.
func cycloneDX(data []byte) ([]statement, error) {
	var doc cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(data), cdx.BOMFileFormatJSON).Decode(&doc); err != nil {
		return nil, err
	}
	purls := map[string]string{}
	if doc.Components != nil {
		for _, c := range *doc.Components {
			purls[c.BOMRef] = c.PackageURL
		}
	}
	if doc.Metadata != nil && doc.Metadata.Component != nil {
		purls[doc.Metadata.Component.BOMRef] = doc.Metadata.Component.PackageURL
	}
	if doc.Vulnerabilities == nil {
		return nil, nil
	}
	var all []statement
	for i, in := range *doc.Vulnerabilities {
		if in.Analysis == nil || in.Affects == nil {
			continue
		}
		s := statement{ids: []string{in.ID}, ref: fmt.Sprintf("vulnerability %d", i+1), words: join(string(in.Analysis.Justification), in.Analysis.Detail)}
		switch in.Analysis.State {
		case cdx.IASNotAffected, cdx.IASFalsePositive:
			s.status = notAffected
		case cdx.IASResolved, cdx.IASResolvedWithPedigree:
			s.status = fixed
		case cdx.IASExploitable:
			s.status = affected
		default:
			s.status = investigation
		}
		for _, a := range *in.Affects {
			ref := a.Ref
			if _, fragment, ok := strings.Cut(ref, "#"); ok && strings.HasPrefix(ref, "urn:cdx:") {
				ref = fragment // a BOM-Link
			}
			s.products = append(s.products, newProduct(cmp.Or(purls[ref], ref)))
		}
		all = append(all, s)
	}
	return all, nil
}

// csafDocument is the part of CSAF 2.0 that a VEX profile uses.
type csafDocument struct {
	Document struct {
		Tracking struct {
			ID string `json:"id"`
		} `json:"tracking"`
	} `json:"document"`
	Tree struct {
		Branches      []csafBranch  `json:"branches"`
		FullNames     []csafProduct `json:"full_product_names"`
		Relationships []struct {
			Product   csafProduct `json:"full_product_name"`
			Reference string      `json:"product_reference"`
			Relates   string      `json:"relates_to_product_reference"`
		} `json:"relationships"`
	} `json:"product_tree"`
	Vulnerabilities []struct {
		CVE string `json:"cve"`
		IDs []struct {
			Text string `json:"text"`
		} `json:"ids"`
		Status struct {
			NotAffected   []string `json:"known_not_affected"`
			Affected      []string `json:"known_affected"`
			Fixed         []string `json:"fixed"`
			FirstFixed    []string `json:"first_fixed"`
			Investigation []string `json:"under_investigation"`
		} `json:"product_status"`
		Flags []struct {
			Label    string   `json:"label"`
			Products []string `json:"product_ids"`
		} `json:"flags"`
		Threats []struct {
			Category string   `json:"category"`
			Details  string   `json:"details"`
			Products []string `json:"product_ids"`
		} `json:"threats"`
	} `json:"vulnerabilities"`
}

type csafBranch struct {
	Branches []csafBranch `json:"branches"`
	Product  *csafProduct `json:"product"`
}

type csafProduct struct {
	ID     string `json:"product_id"`
	Helper *struct {
		PURL  string   `json:"purl"`
		PURLs []string `json:"purls"`
	} `json:"product_identification_helper"`
}

// csaf reads the product statuses of a CSAF document.
func csaf(data []byte) ([]statement, error) {
	var doc csafDocument
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	products := map[string]product{}
	add := func(p csafProduct) {
		if p.Helper == nil || p.ID == "" {
			return
		}
		for _, u := range append([]string{p.Helper.PURL}, p.Helper.PURLs...) {
			if u != "" {
				products[p.ID] = newProduct(u)
				return
			}
		}
	}
	var walk func([]csafBranch) // as deep as encoding/json let it be
	walk = func(bs []csafBranch) {
		for _, b := range bs {
			if b.Product != nil {
				add(*b.Product)
			}
			walk(b.Branches)
		}
	}
	walk(doc.Tree.Branches)
	for _, p := range doc.Tree.FullNames {
		add(p)
	}
	// A product within another: the part is what the finding names. Where the
	// whole is a container the part holds there only.
	for _, r := range doc.Tree.Relationships {
		add(r.Product)
		part, ok := products[r.Reference]
		if _, own := products[r.Product.ID]; own || !ok {
			continue
		}
		if whole, ok := products[r.Relates]; ok {
			part = product{id: whole.id, purl: whole.purl, parts: []product{part}}
		}
		products[r.Product.ID] = part
	}
	var all []statement
	for _, v := range doc.Vulnerabilities {
		ids := []string{v.CVE}
		for _, id := range v.IDs {
			ids = append(ids, id.Text)
		}
		ids = slices.DeleteFunc(ids, func(s string) bool { return s == "" })
		words := map[string]string{}
		for _, f := range v.Flags {
			for _, p := range f.Products {
				words[p] = join(words[p], f.Label)
			}
		}
		for _, t := range v.Threats {
			for _, p := range t.Products {
				if t.Category == "impact" {
					words[p] = join(words[p], t.Details)
				}
			}
		}
		for _, list := range []struct {
			status   status
			products []string
		}{{investigation, v.Status.Investigation}, {notAffected, v.Status.NotAffected}, {fixed, v.Status.Fixed}, {fixed, v.Status.FirstFixed}, {affected, v.Status.Affected}} {
			for _, id := range list.products {
				if p, ok := products[id]; ok && len(all) <= maxStatements {
					all = append(all, statement{ids: ids, status: list.status, products: []product{p}, words: words[id], ref: fmt.Sprintf("%s, product %.100s", doc.Document.Tracking.ID, id)})
				}
			}
		}
	}
	return all, nil
}

func join(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), "; ")
}
