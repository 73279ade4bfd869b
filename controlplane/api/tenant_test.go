package api

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/tenant"
)

// secretTenant owns everything that the other tenant must not find.
const (
	secretTenant tenant.ID = "owner"
	marker       string    = "zebra" // stands in everything that it owns
)

// plant gives the owner one of everything, each named zebra.
func (s *site) plant() {
	s.Helper()
	err := s.store.Update(s.Context(), func(ctx context.Context, tx *store.Tx) error {
		p := policy.Default()
		p.Metadata.Name = marker
		row, err := policyRow(p, "")
		if err != nil {
			return err
		}
		_, err1 := tx.AddPolicy(ctx, secretTenant, row)
		_, err2 := tx.AddGroup(ctx, secretTenant, store.Group{Name: marker, Mode: "audit", OnNoPolicy: "audit", Policies: []string{marker}})
		_, err3 := tx.AddUser(ctx, secretTenant, store.User{Username: marker, Roles: []string{access.Administrator}})
		_, err4 := tx.AddAPIToken(ctx, secretTenant, store.APIToken{ID: marker, Name: marker, Hash: marker, Roles: []string{access.Auditor}})
		_, err5 := tx.AddJoinToken(ctx, secretTenant, store.JoinToken{ID: marker, GroupName: marker, Hash: marker, ExpiresAt: 1 << 62})
		err6 := tx.PutEnforcer(ctx, secretTenant, store.Enforcer{ID: marker, GroupName: marker, Version: marker, Hostname: marker})
		err7 := tx.AppendAudit(ctx, secretTenant, store.AuditRecord{ID: marker, Actor: marker})
		err8 := tx.AddBundle(ctx, secretTenant, store.Bundle{GroupName: marker, Epoch: 1, Number: 1, Data: []byte(marker), ExpiresAt: 1 << 62})
		_, err9 := tx.AddProfile(ctx, secretTenant, store.ProfileDelta{Profile: store.Profile{GroupName: marker, Workload: marker, Image: marker},
			EnforcerID: marker, BootID: marker, Sequence: 1, Items: []store.ProfileItem{{ItemKey: 1, Kind: "exec", Body: `{"kind":"exec","path":"/` + marker + `"}`, N: 1}}})
		_, err10 := tx.AddReputationList(ctx, secretTenant, store.ReputationList{Name: marker, Content: marker + ".test\n", Packed: []byte(marker)})
		err11 := tx.RevokeEnforcer(ctx, secretTenant, store.Revocation{ID: marker + "-gone", Hostname: marker, Reason: marker})
		_, err12 := tx.AddRevokedImage(ctx, secretTenant, store.RevokedImage{Digest: marker, Image: marker, Reason: marker})
		_, err13 := tx.AddPolicyOf(ctx, secretTenant, store.AssurancePolicies, store.Policy{Name: marker, YAML: marker, Document: `{"metadata":{"name":"` + marker + `"}}`})
		_, err16 := tx.PutAssuranceTests(ctx, secretTenant, store.AssuranceTests{Policy: marker, YAML: marker, Reports: []byte(marker)})
		_, err15 := tx.AddException(ctx, secretTenant, store.Exception{Name: marker, YAML: marker, Document: `{"metadata":{"name":"` + marker + `"}}`, State: "requested", RequestedBy: marker, ExpiresAt: 1 << 62})
		_, err14 := tx.PutScan(ctx, secretTenant, store.Scanned{
			Artifact: store.Artifact{Kind: "image", Name: marker, Digest: marker}, Scan: store.Scan{ID: marker, Verdict: `{"` + marker + `":1}`}, Pieces: [][]byte{[]byte(marker)},
			Packages:        []store.ArtifactPackage{{PackageID: marker, Package: marker}},
			Vulnerabilities: []store.ArtifactVulnerability{{Vulnerability: marker, PackageID: marker, Package: marker}},
		})
		_, errRegistry := tx.AddRegistry(ctx, secretTenant, store.Registry{ID: marker, Name: marker, Type: "generic", Document: `{"type":"generic","address":"https://` + marker + `.test"}`})
		errFound := errors.Join(errRegistry, tx.PutRepositories(ctx, secretTenant, marker, []store.RegistryRepository{{Repository: marker}}),
			tx.PutTags(ctx, secretTenant, marker, []store.RegistryTag{{Repository: marker, Tag: marker, Digest: marker}}))
		return errors.Join(errFound, err9, err10, err11, err12, err13, err14, err15, err16, tx.AddInstallTenant(ctx, secretTenant), err1, err2, err3, err4, err5, err6, err7, err8)
	})
	if err != nil {
		s.Fatal(err)
	}
	s.finding(secretTenant, events.ParseFindingID(marker))
	s.event(secretTenant, marker, 1, func(e *eventSeed) { e.id, e.control, e.image, e.policy = marker, marker, marker, marker })
}

// TestNoRouteCrossesTenants calls every route of the table as another
// tenant's administrator, with the names of the owner's objects. Nothing of
// the owner's may be answered, and nothing of it may change.
func TestNoRouteCrossesTenants(t *testing.T) {
	s := newSite(t)
	s.admin()
	s.plant()
	before := s.snapshot()
	other := s.as("default", access.Administrator)
	called := 0
	for _, r := range routes {
		if strings.HasSuffix(r.path, "/stream") {
			continue // TestStream has its own
		}
		p := fillPath(r.path, marker)
		bodies := []any{nil}
		if r.method == post || r.method == put {
			bodies = []any{
				map[string]any{}, map[string]any{"roles": []string{access.Administrator}}, map[string]any{"mode": "enforce", "policies": []string{marker}},
				map[string]any{"name": "stolen", "policies": []string{marker}}, map[string]any{"ttlSeconds": 60},
				map[string]any{"content": "192.0.2.1\n"}, map[string]any{"digest": "sha256:" + strings.Repeat("ab", 32), "reason": "none", "groups": []string{marker}}, map[string]any{"enforcerId": "00000000-0000-0000-0000-000000000000"}, map[string]any{"yaml": strings.Replace(string(policy.DefaultYAML()), "name: default", "name: "+marker, 1)},
			}
		}
		if r.path == prefix+"/policies" && r.method == post {
			bodies = bodies[:len(bodies)-1] // a policy of one's own may have that name
		}
		if strings.HasSuffix(r.path, "/validate") {
			continue // shows what it is sent
		}
		for _, b := range bodies {
			a := other.do(r.method, p, b, "If-Match", "*")
			called++
			if strings.Contains(r.path, "{") && a.status < 400 && a.status != 422 {
				t.Errorf("%s %s with %v: %d %s", r.method, p, b, a.status, a.body)
			}
			if a.status < 400 && bytes.Contains(a.body, []byte(marker)) && !strings.Contains(r.path, "/audit") {
				t.Errorf("%s %s with %v shows the owner's: %s", r.method, p, b, a.body)
			}
		}
		for _, q := range []string{"?q=" + marker, "?group=" + marker, "?image=" + marker, "?control=" + marker, "?enforcer=" + marker, "?actor=" + marker, "?format=csv"} {
			if r.method != get {
				break
			}
			a := other.do(r.method, p+q, nil)
			called++
			if a.status < 400 && bytes.Contains(a.body, []byte(marker)) {
				t.Errorf("%s %s%s shows the owner's: %s", r.method, p, q, a.body)
			}
		}
	}
	if after := s.snapshot(); after != before {
		t.Errorf("another tenant changed the owner's rows:\n%s\n%s", before, after)
	}
	t.Logf("%d calls", called)
}

// snapshot writes the owner's rows as text.
func (s *site) snapshot() string {
	s.Helper()
	var b bytes.Buffer
	if _, err := s.store.WriteInstallArchive(s.Context(), &b, true); err != nil {
		s.Fatal(err)
	}
	var own []string
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, `"`+string(secretTenant)+`"`) {
			own = append(own, line)
		}
	}
	return strings.Join(own, "")
}
