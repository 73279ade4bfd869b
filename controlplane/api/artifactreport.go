package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/finding"
	scanreport "github.com/limpet-security/limpet/scanner/report"
)

type reportInput struct {
	IDInput
	Scan     string `query:"scan" maxLength:"64" doc:"An older scan; the newest if left out"`
	Format   string `query:"format" enum:"json,cyclonedx,spdx-json,openvex,sarif,csv,html,pdf,junit,gitlab" default:"json"`
	Accepted bool   `query:"accepted" doc:"With json: set aside what exceptions accept, as every other format does"`
}

// scanOf gives an artefact and one of its scans, the newest for "".
func (a *API) scanOf(ctx context.Context, id, scan string) (store.Artifact, store.Scan, error) {
	t := access.From(ctx).Tenant
	row, err := a.Store.Artifact(ctx, t, id)
	if err != nil {
		return row, store.Scan{}, err
	}
	if scan == "" {
		scan = row.ScanID
	}
	s, err := a.Store.Scan(ctx, t, scan)
	if err == nil && s.ArtifactID != row.ID {
		err = fmt.Errorf("scan %q: %w", scan, store.ErrNotFound)
	}
	return row, s, err
}

// reportOf gives the report of one of an artefact's scans. It belongs to all:
// nobody may change it.
func (a *API) reportOf(ctx context.Context, id, scan string) (store.Artifact, *finding.Report, error) {
	row, s, err := a.scanOf(ctx, id, scan)
	if err != nil {
		return row, nil, err
	}
	r, err := a.reports.Get(ctx, a.Store.Reader, access.From(ctx).Tenant, s)
	return row, r, err
}

// contentTypes of the formats, with the ending of the file's name.
var contentTypes = map[string][2]string{
	"json": {"application/json", "json"}, "cyclonedx": {"application/vnd.cyclonedx+json", "cdx.json"}, "spdx-json": {"application/spdx+json", "spdx.json"},
	"openvex": {"application/json", "openvex.json"}, "sarif": {"application/sarif+json", "sarif.json"}, "csv": {"text/csv; charset=utf-8", "csv"},
	"html": {"text/html; charset=utf-8", "html"}, "pdf": {"application/pdf", "pdf"}, "junit": {"application/xml", "xml"}, "gitlab": {"application/json", "gitlab.json"},
}

// getReport sends a report: as it was sent, or written for readers, without what
// exceptions accept.
func (a *API) getReport(ctx context.Context, in *reportInput) (*huma.StreamResponse, error) {
	t := access.From(ctx).Tenant
	if in.Format == "json" && !in.Accepted {
		row, scan, err := a.scanOf(ctx, in.ID, in.Scan)
		if err != nil {
			return nil, err
		}
		return a.download(ctx, fileName(row), in.Format, func(w io.Writer) error {
			return inventory.Join(w, inventory.Pieces(ctx, a.Store.Reader, t, scan.ID))
		}), nil
	}
	row, r, err := a.reportOf(ctx, in.ID, in.Scan)
	if err == nil {
		r, err = a.aside(ctx, row, r)
	}
	if err != nil {
		return nil, err
	}
	return a.download(ctx, fileName(row), in.Format, func(w io.Writer) error {
		if in.Format == "json" {
			return scanreport.Write(w, "json", r, scanreport.Options{})
		}
		if in.Format == "pdf" {
			return scanreport.PDF(w, r)
		}
		return scanreport.Write(w, in.Format, r, scanreport.Options{Suppressed: true})
	}), nil
}

// fileName is an artefact's name as that of a file.
func fileName(a store.Artifact) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, a.Name)
	return "limpet-" + strings.Trim(safe[:min(len(safe), 80)], "-.")
}

// download streams a file. What fails after it has begun breaks it off, so that
// it does not look whole.
func (a *API) download(ctx context.Context, name, format string, write func(io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", contentTypes[format][0])
		hc.SetHeader("Content-Disposition", `attachment; filename="`+name+"."+contentTypes[format][1]+`"`)
		w := bufio.NewWriterSize(patient{hc.BodyWriter(), http.NewResponseController(humagin.Unwrap(hc).Writer)}, 64<<10)
		err := write(w)
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			a.Log.WarnContext(ctx, "a download broke off", "name", name, "format", format, "error", err)
			panic(http.ErrAbortHandler)
		}
	}}
}

// patient gives each write its own time.
type patient struct {
	io.Writer
	rc *http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.rc.SetWriteDeadline(time.Now().Add(streamWrite))
	return p.Writer.Write(b)
}

// maxContents bounds each list of what an artefact holds; the report has all.
const maxContents = 2000

type contentsView struct {
	OS                *finding.OS                `json:"os,omitempty"`
	Database          *finding.Database          `json:"database,omitempty"`
	Integrity         finding.Integrity          `json:"integrity"`
	Coverage          []finding.Coverage         `json:"coverage" nullable:"false"`
	Config            *finding.Config            `json:"config,omitempty"`
	BaseName          string                     `json:"baseName,omitempty" doc:"Of the base image, by the image's own labels"`
	Risk              []inventory.RiskPart       `json:"risk" nullable:"false" doc:"What the risk is made of"`
	Layers            []layerView                `json:"layers" nullable:"false" doc:"Lowest first"`
	Secrets           []finding.Secret           `json:"secrets" nullable:"false"`
	Malware           []finding.Malware          `json:"malware" nullable:"false"`
	Misconfigurations []finding.Misconfiguration `json:"misconfigurations" nullable:"false"`
	Licences          []licenceView              `json:"licences" nullable:"false"`
	Suppressed        []finding.Suppressed       `json:"suppressed" nullable:"false" doc:"What was set aside, and by which rule"`
	Totals            map[string]int             `json:"totals" doc:"How many of each the report has; lists end at 2,000"`
}

type layerView struct {
	finding.Layer
	Vulnerabilities severityCounts `json:"vulnerabilities"`
	Packages        int            `json:"packages"`
	Secrets         int            `json:"secrets"`
	Malware         int            `json:"malware"`
}

type licenceView struct {
	Name     string   `json:"name"`
	Category string   `json:"category"`
	Count    int      `json:"count" doc:"Packages and files under it"`
	Examples []string `json:"examples" nullable:"false"`
}

type scanChoiceInput struct {
	IDInput
	Scan string `query:"scan" maxLength:"64" doc:"An older scan; the newest if left out"`
}

// getContents shows what is in an artefact beside packages and vulnerabilities.
func (a *API) getContents(ctx context.Context, in *scanChoiceInput) (*bodyOutput[contentsView], error) {
	_, r, err := a.reportOf(ctx, in.ID, in.Scan)
	if err != nil {
		return nil, err
	}
	_, risk := inventory.RiskOf(r)
	v := contentsView{
		OS: r.OS, Database: r.Database, Integrity: finding.Integrity{Verdict: r.Integrity.Verdict, Anomalies: head(r.Integrity.Anomalies)}, Coverage: head(r.Coverage), Config: r.Artifact.Image,
		Risk: risk, Layers: layerViews(r), Secrets: head(r.Secrets), Malware: head(r.Malware), Misconfigurations: head(r.Misconfigurations),
		Licences: licenceViews(r), Suppressed: head(r.Suppressed),
		Totals: map[string]int{
			"secrets": len(r.Secrets), "malware": len(r.Malware), "misconfigurations": len(r.Misconfigurations), "licences": len(r.Licences),
			"suppressed": len(r.Suppressed), "anomalies": len(r.Integrity.Anomalies), "packages": len(r.Packages), "vulnerabilities": len(r.Vulnerabilities), "layers": len(r.Artifact.Layers),
		},
	}
	if r.Artifact.Image != nil {
		v.BaseName = r.Artifact.Image.Labels["org.opencontainers.image.base.name"]
	}
	return &bodyOutput[contentsView]{Body: v}, nil
}

func head[T any](list []T) []T { return append([]T{}, list[:min(len(list), maxContents)]...) }

func layerViews(r *finding.Report) []layerView {
	out := make([]layerView, 0, len(r.Artifact.Layers))
	at := map[string]*layerView{}
	for _, l := range r.Artifact.Layers {
		if len(out) == maxContents {
			break
		}
		out = append(out, layerView{Layer: l})
	}
	for i := range out {
		at[out[i].DiffID] = &out[i]
	}
	none := &layerView{}
	of := func(diffID string) *layerView {
		if l := at[diffID]; l != nil {
			return l
		}
		return none
	}
	for _, v := range r.Vulnerabilities {
		of(v.Place.Layer).Vulnerabilities.add(v)
	}
	for _, p := range r.Packages {
		if len(p.Places) > 0 {
			of(p.Places[0].Layer).Packages++
		}
	}
	for _, s := range r.Secrets {
		of(s.Place.Layer).Secrets++
	}
	for _, m := range r.Malware {
		of(m.Place.Layer).Malware++
	}
	return out
}

func (c *severityCounts) add(v finding.Vulnerability) {
	switch v.Severity {
	case finding.Critical:
		c.Critical++
	case finding.High:
		c.High++
	case finding.Medium:
		c.Medium++
	case finding.Low:
		c.Low++
	case finding.Negligible:
		c.Negligible++
	default:
		c.Unknown++
	}
	if v.FixedVersion != "" {
		c.Fixable++
	}
}

// maxExamples bounds what is named of a licence.
const maxExamples = 5

func licenceViews(r *finding.Report) []licenceView {
	name := map[string]string{}
	for _, p := range r.Packages {
		name[p.ID] = p.Name
	}
	at := map[string]int{}
	out := []licenceView{}
	for _, l := range r.Licences {
		i, ok := at[l.Name]
		if !ok {
			if len(out) == maxContents {
				continue
			}
			i = len(out)
			at[l.Name] = i
			out = append(out, licenceView{Name: l.Name, Category: l.Category, Examples: []string{}})
		}
		out[i].Count++
		example := l.Place.Path
		if n := name[l.Package]; n != "" {
			example = n
		}
		if len(out[i].Examples) < maxExamples && example != "" && !slices.Contains(out[i].Examples, example) {
			out[i].Examples = append(out[i].Examples, example)
		}
	}
	return out
}

type explainInput struct {
	IDInput
	Vulnerability string `path:"vulnerability" maxLength:"512"`
	Package       string `query:"package" maxLength:"512" doc:"packageId of the list; every package that has it if left out"`
	Scan          string `query:"scan" maxLength:"64" doc:"An older scan; the newest if left out"`
}

type explainedView struct {
	Vulnerability finding.Vulnerability `json:"vulnerability"`
	Package       *finding.Package      `json:"package,omitempty"`
	Layer         *finding.Layer        `json:"layer,omitempty" doc:"That brought the package"`
}

type explanationView struct {
	Items      []explainedView      `json:"items" nullable:"false"`
	Suppressed []finding.Suppressed `json:"suppressed" nullable:"false" doc:"Where it was set aside"`
}

// getExplanation says all that is known of a vulnerability in an artefact, and
// why it is in the report.
func (a *API) getExplanation(ctx context.Context, in *explainInput) (*bodyOutput[explanationView], error) {
	_, r, err := a.reportOf(ctx, in.ID, in.Scan)
	if err != nil {
		return nil, err
	}
	out := explanationView{Items: []explainedView{}, Suppressed: []finding.Suppressed{}}
	for _, v := range r.Vulnerabilities {
		if v.ID != in.Vulnerability || in.Package != "" && v.Package != in.Package || len(out.Items) == maxContents {
			continue
		}
		item := explainedView{Vulnerability: v}
		if i := slices.IndexFunc(r.Packages, func(p finding.Package) bool { return p.ID == v.Package }); i >= 0 {
			item.Package = &r.Packages[i]
		}
		if i := slices.IndexFunc(r.Artifact.Layers, func(l finding.Layer) bool { return l.DiffID == v.Place.Layer }); i >= 0 && v.Place.Layer != "" {
			item.Layer = &r.Artifact.Layers[i]
		}
		out.Items = append(out.Items, item)
	}
	for _, s := range r.Suppressed {
		if s.ID == in.Vulnerability && len(out.Suppressed) < maxContents {
			out.Suppressed = append(out.Suppressed, s)
		}
	}
	if len(out.Items)+len(out.Suppressed) == 0 {
		return nil, fmt.Errorf("vulnerability %q of the artefact: %w", in.Vulnerability, store.ErrNotFound)
	}
	return &bodyOutput[explanationView]{Body: out}, nil
}

// maxSteps is how many steps of a plan are shown.
const maxSteps = 50

type planView struct {
	Running int64             `json:"running" doc:"Enforcers that run the artefact"`
	Items   []scanreport.Step `json:"items" nullable:"false" doc:"The most useful first"`
}

// getPlan says what to fix first.
func (a *API) getPlan(ctx context.Context, in *IDInput) (*bodyOutput[planView], error) {
	row, r, err := a.reportOf(ctx, in.ID, "")
	if err != nil {
		return nil, err
	}
	running, err := a.Store.Running(ctx, access.From(ctx).Tenant, []string{row.Digest})
	if err != nil {
		return nil, err
	}
	return &bodyOutput[planView]{Body: planView{running[row.Digest], scanreport.Plan(r, maxSteps)}}, nil
}

type compareInput struct {
	IDInput
	Scan     string `query:"scan" maxLength:"64" doc:"Of this artefact; the newest if left out"`
	With     string `query:"with" maxLength:"64" doc:"Another artefact; this one if left out"`
	WithScan string `query:"withScan" maxLength:"64" doc:"Of the other; its newest if left out"`
}

type changeView struct {
	ID           string           `json:"id"`
	Severity     finding.Severity `json:"severity"`
	Type         finding.Type     `json:"type"`
	Package      string           `json:"package"`
	Version      string           `json:"version"`
	FixedVersion string           `json:"fixedVersion,omitempty"`
	KEV          bool             `json:"kev"`
	Title        string           `json:"title,omitempty"`
}

type comparisonView struct {
	From     artifactView              `json:"from"`
	To       artifactView              `json:"to"`
	Added    []changeView              `json:"added" nullable:"false" doc:"In the second only"`
	Fixed    []changeView              `json:"fixed" nullable:"false" doc:"In the first only"`
	Packages []inventory.PackageChange `json:"packages" nullable:"false"`
	Totals   map[string]int            `json:"totals" doc:"added, fixed, same, packages; lists end at 2,000"`
}

// compareArtifacts says what changed from one scan to another.
func (a *API) compareArtifacts(ctx context.Context, in *compareInput) (*bodyOutput[comparisonView], error) {
	from, before, err := a.reportOf(ctx, in.ID, in.Scan)
	if err != nil {
		return nil, err
	}
	with := in.With
	if with == "" {
		with = in.ID
	}
	to, after, err := a.reportOf(ctx, with, in.WithScan)
	if err != nil {
		return nil, err
	}
	d := inventory.Compare(before, after)
	changes := func(vs []finding.Vulnerability) []changeView {
		out := []changeView{}
		for _, v := range head(vs) {
			out = append(out, changeView{v.ID, v.Severity, v.Type, v.Name, v.Version, v.FixedVersion, v.KEV != nil, v.Title})
		}
		return out
	}
	return &bodyOutput[comparisonView]{Body: comparisonView{
		From: viewArtifact(from), To: viewArtifact(to), Added: changes(d.Added), Fixed: changes(d.Fixed), Packages: head(d.Packages),
		Totals: map[string]int{"added": len(d.Added), "fixed": len(d.Fixed), "same": d.Same, "packages": len(d.Packages)},
	}}, nil
}

// description gives what a publisher says of a vulnerability, from the report of
// an artefact that has it; nil where none can be read.
func (a *API) description(ctx context.Context, id string) (*finding.Vulnerability, error) {
	rows, _, err := a.Store.Carriers(ctx, access.From(ctx).Tenant, id, store.Page{Limit: 1})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	_, r, err := a.reportOf(ctx, rows[0].ArtifactID, "")
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(r.Vulnerabilities, func(v finding.Vulnerability) bool { return v.ID == id }); i >= 0 {
		return &r.Vulnerabilities[i], nil
	}
	return nil, nil
}
