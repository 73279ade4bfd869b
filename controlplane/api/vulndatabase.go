package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/vulndata"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// oldDatabase is how old a database may be before people are warned.
const oldDatabase = 7 * 24 * time.Hour

type vulnFeedView struct {
	Name    string     `json:"name"`
	Source  string     `json:"source,omitempty" doc:"Whence: an address, or a folder's name"`
	Licence string     `json:"licence,omitempty"`
	Fetched *time.Time `json:"fetched,omitempty"`
	Newest  string     `json:"newest,omitempty" doc:"Latest change of a record"`
	Records int        `json:"records"`
	Bad     int        `json:"bad" doc:"Records that could not be read"`
	Partial bool       `json:"partial" doc:"Something of it is missing"`
	Faults  []string   `json:"faults" nullable:"false" doc:"The first records that could not be read"`
}

type vulnEcosystemView struct {
	Name     string `json:"name"`
	Packages int    `json:"packages"`
	Rows     int    `json:"rows" doc:"Advisories, package by package"`
}

type vulnDatabaseView struct {
	Schema     int                 `json:"schema" doc:"Number of the file's form"`
	Digest     string              `json:"digest" doc:"Of its content, as reports name it"`
	Built      time.Time           `json:"built"`
	AgeSeconds int64               `json:"ageSeconds"`
	Old        bool                `json:"old" doc:"It was built more than seven days ago"`
	Sample     bool                `json:"sample" doc:"It was made small on purpose: what it does not find may still be there"`
	Size       int64               `json:"size"`
	Installed  time.Time           `json:"installed" doc:"When it came to this server"`
	Signature  string              `json:"signature" enum:"verified,unsigned,notChecked,wrong"`
	Signer     string              `json:"signer,omitempty" doc:"Identifier of the key that signed it"`
	Flaw       string              `json:"flaw,omitempty" doc:"What is wrong with the signature"`
	Details    int                 `json:"details" doc:"Vulnerabilities that are described"`
	Jars       int                 `json:"jars" doc:"Java archives known by their SHA-1"`
	Feeds      []vulnFeedView      `json:"feeds" nullable:"false"`
	Ecosystems []vulnEcosystemView `json:"ecosystems" nullable:"false"`
}

type vulnSystemView struct {
	OS        string `json:"os" doc:"os-release ID and version; empty: artefacts in which no distribution was found"`
	Ecosystem string `json:"ecosystem,omitempty" doc:"Where its advisories are looked for"`
	Artifacts int64  `json:"artifacts"`
	Data      bool   `json:"data" doc:"Whether the database has advisories for it: without, its packages are not called clean"`
}

type vulnAttemptView struct {
	At       time.Time `json:"at"`
	Seconds  float64   `json:"seconds"`
	By       string    `json:"by,omitempty" doc:"Who asked; absent: the interval"`
	Outcome  string    `json:"outcome" enum:"updated,upToDate,downgrade,untrusted,schema,unreachable,failed"`
	Error    string    `json:"error,omitempty"`
	Mirror   string    `json:"mirror,omitempty"`
	Delta    bool      `json:"delta" doc:"Only what had changed came"`
	Bytes    int64     `json:"bytes"`
	Warnings []string  `json:"warnings" nullable:"false" doc:"Mirrors that failed before another one answered"`
}

type vulnMatchedView struct {
	At      time.Time `json:"at"`
	Digest  string    `json:"digest"`
	Built   time.Time `json:"built"`
	Reports int       `json:"reports" doc:"Kept reports that were matched with it"`
	Error   string    `json:"error,omitempty"`
}

type vulnStatusView struct {
	File            string            `json:"file,omitempty" doc:"Where this server looks for it"`
	Database        *vulnDatabaseView `json:"database,omitempty" doc:"Absent: there is none"`
	Problem         string            `json:"problem,omitempty" doc:"Why the file that is there cannot be read"`
	Mirrors         []string          `json:"mirrors" nullable:"false" doc:"Where it is pulled from; none: it is not pulled"`
	IntervalSeconds int64             `json:"intervalSeconds"`
	Next            *time.Time        `json:"next,omitempty" doc:"When it is pulled next"`
	Updating        bool              `json:"updating"`
	Matching        bool              `json:"matching" doc:"Kept reports are being matched again"`
	LastAttempt     *vulnAttemptView  `json:"lastAttempt,omitempty"`
	LastGood        *time.Time        `json:"lastGood,omitempty" doc:"When a pull succeeded the last time"`
	Failures        int               `json:"failures" doc:"Attempts that failed since then"`
	Matched         *vulnMatchedView  `json:"matched,omitempty" doc:"When kept reports were matched again the last time"`
	Systems         []vulnSystemView  `json:"systems" nullable:"false" doc:"Operating systems of the inventory, those without data first"`
}

func viewVulnDatabase(d *vulndata.Database, now time.Time) *vulnDatabaseView {
	age := max(0, now.Sub(d.Built))
	v := &vulnDatabaseView{
		Schema: d.Schema, Digest: d.Digest, Built: d.Built, AgeSeconds: int64(age.Seconds()), Old: age > oldDatabase, Sample: d.Sample, Size: d.Size, Installed: d.Changed,
		Signature: string(d.Signature), Signer: d.Signer, Flaw: d.Flaw, Details: d.Details, Jars: d.Jars, Feeds: []vulnFeedView{}, Ecosystems: []vulnEcosystemView{},
	}
	for _, f := range d.Feeds {
		feed := vulnFeedView{Name: f.Name, Source: f.Source, Licence: f.Licence, Newest: f.Newest, Records: f.Records, Bad: f.Bad, Partial: f.Partial, Faults: orEmpty(f.Faults)}
		if !f.Fetched.IsZero() {
			feed.Fetched = &f.Fetched
		}
		v.Feeds = append(v.Feeds, feed)
	}
	for _, e := range d.Ecosystems {
		v.Ecosystems = append(v.Ecosystems, vulnEcosystemView{string(e.Name), e.Packages, e.Rows})
	}
	return v
}

// getVulnDatabase says what this server knows of vulnerabilities, and how old that is.
func (a *API) getVulnDatabase(ctx context.Context, _ *struct{}) (*bodyOutput[vulnStatusView], error) {
	v, err := a.vulnStatus(ctx, access.From(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[vulnStatusView]{Body: v}, nil
}

func (a *API) vulnStatus(ctx context.Context, t tenant.ID) (vulnStatusView, error) {
	st := a.VulnData.Status(t)
	v := vulnStatusView{
		File: st.Path, Problem: st.Problem, Mirrors: orEmpty(st.Mirrors), IntervalSeconds: int64(st.Interval.Seconds()), Next: given(st.Next), Updating: st.Updating, Matching: st.Matching,
		LastGood: given(st.Good), Failures: st.Failures, Systems: []vulnSystemView{},
	}
	if st.Held != nil {
		v.Database = viewVulnDatabase(st.Held, store.Now())
	}
	if at := st.Attempt; at != nil {
		v.LastAttempt = &vulnAttemptView{at.At, at.Took.Seconds(), at.By, string(at.Outcome), at.Error, at.Mirror, at.Delta, at.Bytes, orEmpty(at.Warnings)}
	}
	if m := st.Matched; m != nil {
		v.Matched = &vulnMatchedView{m.At, m.Digest, m.Built, m.Reports, m.Error}
	}
	systems, err := a.Store.ArtifactSystems(ctx, t)
	if err != nil {
		return v, err
	}
	has := map[vulndb.Ecosystem]bool{}
	if st.Held != nil {
		for _, e := range st.Held.Ecosystems {
			has[e.Name] = e.Rows > 0
		}
	}
	for _, s := range systems {
		id, version, _ := strings.Cut(strings.TrimSpace(s.OS), " ")
		eco := match.Distribution(&finding.OS{ID: id, Version: version})
		v.Systems = append(v.Systems, vulnSystemView{strings.TrimSpace(s.OS), string(eco), s.Artifacts, has[eco]})
	}
	slices.SortFunc(v.Systems, func(a, b vulnSystemView) int {
		if a.Data != b.Data {
			if a.Data {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(b.Artifacts, a.Artifacts), cmp.Compare(a.OS, b.OS))
	})
	return v, nil
}

// given is a time that may not have been.
func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type updateVulnDatabaseInput struct{ DryInput }

// updateVulnDatabase has the database pulled now, from where the operator said.
func (a *API) updateVulnDatabase(ctx context.Context, in *updateVulnDatabaseInput) (*bodyOutput[vulnStatusView], error) {
	who := access.From(ctx)
	if len(a.VulnData.Mirrors) == 0 {
		return nil, vulndata.ErrNoSource
	}
	err := a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		return c.record(ctx, "update", "vulnerability-database", "vulnerability-database", nil, map[string]any{"mirrors": a.VulnData.Status(who.Tenant).Mirrors})
	})
	if err == nil && !in.DryRun {
		err = a.VulnData.Update(who.Name)
	}
	if err != nil {
		return nil, err
	}
	v, err := a.vulnStatus(ctx, who.Tenant)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[vulnStatusView]{Body: v}, nil
}
