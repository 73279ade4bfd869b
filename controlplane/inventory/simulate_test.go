package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
)

func policyText(name, spec string) string {
	return "apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

func compiled(t testing.TB, text string) *assurance.Compiled {
	t.Helper()
	p, err := assurance.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := assurance.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func addPolicy(t testing.TB, s *store.Store, name, spec string) {
	t.Helper()
	c := compiled(t, policyText(name, spec))
	text, err := c.Policy().YAML()
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AddPolicyOf(ctx, tn, store.AssurancePolicies, store.Policy{Name: name, YAML: string(text), Document: string(text)})
		return err
	})
}

func put(t testing.TB, s *store.Store, f func(context.Context, *store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// fleet keeps n reports that differ in what is found, who sent them and how
// they are labelled.
func fleet(t testing.TB, s *store.Store, n int) {
	t.Helper()
	for i := range n {
		r := bill(fmt.Sprintf("registry.example.com/team%d/app:%d", i%3, i), fmt.Sprintf("sha256:%d", i), 4)
		r.Artifact.Image.Labels = map[string]string{"tier": []string{"web", "job"}[i%2]}
		for v := range i % 4 {
			r.Vulnerabilities = append(r.Vulnerabilities, finding.Vulnerability{
				ID: fmt.Sprintf("CVE-%d", (i+v)%7), Package: "p0", Name: "lib0", Type: finding.Deb, Severity: []finding.Severity{finding.Low, finding.High, finding.Critical}[(i+v)%3],
				FixedVersion: []string{"", "2"}[v%2], Published: fmt.Sprintf("2026-0%d-01", 1+v),
			})
		}
		if i%5 == 0 {
			r.Secrets = []finding.Secret{{Rule: "k", Severity: finding.High, Place: finding.Place{Path: "/k"}}}
		}
		keepFrom(t, s, r, []string{"ci", "worker"}[i%2])
	}
}

func addException(t testing.TB, s *store.Store, name, spec string, expires time.Time) {
	t.Helper()
	d, err := assurance.ParseException([]byte("apiVersion: limpet.dev/v1\nkind: Exception\nmetadata: {name: " + name + "}\nspec: {owner: o, reason: r, reasonClass: riskOwned, expires: " + expires.Format(time.RFC3339Nano) + ", " + spec + "}\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.YAML()
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AddException(ctx, tn, store.Exception{Name: name, Document: string(text), State: store.ExceptionApproved, ExpiresAt: expires.UnixNano()})
		if err == nil {
			err = tx.TouchAssurance(ctx, tn)
		}
		return err
	})
}

// TestSimulateIsJudging holds each answer of the simulation against judging each
// report by itself, with the draft kept in the place of its policy.
func TestSimulateIsJudging(t *testing.T) {
	drafts := map[string]string{
		"stricter":    "{controls: {vulnerabilities: {mode: block, rules: [{atLeast: high}]}, secrets: {mode: warn}}}",
		"weaker":      "{controls: {secrets: {mode: audit}}}",
		"scoped":      "{scope: {images: ['registry.example.com/team1/**'], exceptLabels: {tier: job}}, controls: {vulnerabilities: {mode: block, rules: [{atLeast: low}]}}}",
		"stages":      "{scope: {stages: [pipeline]}, controls: {vulnerabilities: {mode: block, rules: [{atLeast: low, count: 2}]}}}",
		"expressions": "{controls: {vulnerabilities: {mode: warn, rules: [{when: 'v.publishedDays > 240'}]}, custom: {mode: block, rules: [{name: s, when: 'secrets.size() > 0'}]}}}",
		"seen":        "{controls: {vulnerabilities: {mode: block, rules: [{seenDays: 3}, {seenAnyDays: 3}, {atLeast: critical, grace: {critical: 400}}]}}}",
	}
	for name, draft := range drafts {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			addPolicy(t, s, "base", "{controls: {secrets: {mode: warn, atLeast: critical}}}")
			addPolicy(t, s, "p", "{scope: {labels: {tier: web}}, controls: {vulnerabilities: {mode: block, rules: [{atLeast: critical, fixable: true}]}, secrets: {mode: block}}}")
			addException(t, s, "x", "ids: [CVE-3]", store.Now().AddDate(0, 0, 9))
			fleet(t, s, 80)
			before := results(t, s)
			got := map[string][2]assurance.Result{}
			judged, pages := 0, 0
			for after := ""; ; pages++ {
				sim, err := inventory.Simulate(t.Context(), s.Reader, tn, compiled(t, policyText("p", draft)), after, 0)
				if err != nil {
					t.Fatal(err)
				}
				judged += sim.Judged + sim.OutOfScope
				for _, c := range sim.Changes {
					got[c.Artifact.Name] = [2]assurance.Result{c.Before, c.After}
				}
				if after = sim.Next; after == "" {
					break
				}
			}
			if judged != 80 || pages != 1 {
				t.Fatalf("%d artefacts on %d pages", judged, pages+1)
			}
			// The draft, kept.
			put(t, s, func(ctx context.Context, tx *store.Tx) error {
				row, err := tx.PolicyOf(ctx, tn, store.AssurancePolicies, "p")
				if err != nil {
					return err
				}
				row.YAML, row.Document = policyText("p", draft), policyText("p", draft)
				_, err = tx.SetPolicyOf(ctx, tn, store.AssurancePolicies, row)
				return err
			})
			changes := 0
			for image, after := range results(t, s) {
				want, changed := [2]assurance.Result{before[image], after}, before[image] != after
				if changed {
					changes++
				}
				if g, ok := got[image]; ok != changed || changed && g != want {
					t.Errorf("%s: simulated %v, judged %v", image, g, want)
				}
			}
			if changes == 0 {
				t.Error("the draft changes nothing, so nothing was compared")
			}
		})
	}
}

// results judges every kept report by itself.
func results(t *testing.T, s *store.Store) map[string]assurance.Result {
	t.Helper()
	out := map[string]assurance.Result{}
	rows, err := s.ArtifactsByID(t.Context(), tn, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range rows {
		r, err := inventory.Read(t.Context(), s.Reader, tn, a.ScanID)
		if err != nil {
			t.Fatal(err)
		}
		v, err := inventory.Judge(t.Context(), s.Reader, tn, r, a.Name, store.Time(a.ScannedAt), inventory.StageOf(a.Source), nil)
		if err != nil {
			t.Fatal(err)
		}
		out[a.Name] = v.Result
	}
	return out
}

// TestRejudge: kept verdicts follow policies and exceptions, and an exception's end.
func TestRejudge(t *testing.T) {
	s := open(t)
	addPolicy(t, s, "p", "{controls: {vulnerabilities: {mode: block, rules: [{atLeast: low}]}}}")
	fleet(t, s, 40)
	again := func(changed bool) {
		t.Helper()
		n, err := inventory.Rejudge(t.Context(), s, tn, slog.New(slog.DiscardHandler))
		if err != nil || n > 0 != changed {
			t.Errorf("%d changed, %v", n, err)
		}
		rows, err := s.ArtifactsByID(t.Context(), tn, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		want := results(t, s)
		for _, a := range rows {
			scan, err := s.Scan(t.Context(), tn, a.ScanID)
			if err != nil || a.Result != string(want[a.Name]) || scan.Result != a.Result {
				t.Errorf("%s is kept as %s and %s, judged %s; %v", a.Name, a.Result, scan.Result, want[a.Name], err)
			}
		}
	}
	again(false)
	addException(t, s, "x", "ids: ['CVE-*']", store.Now().AddDate(0, 0, 1))
	again(true)
	// Its day comes: nobody changes anything, it is only over.
	put(t, s, func(ctx context.Context, tx *store.Tx) error {
		e, err := tx.Exception(ctx, tn, "x")
		if err != nil {
			return err
		}
		e.ExpiresAt = store.Now().UnixNano()
		if _, err := tx.SetException(ctx, tn, e); err != nil {
			return err
		}
		rows, err := tx.ArtifactsByID(ctx, tn, "", 1000)
		for _, a := range rows {
			err = errors.Join(err, tx.SetJudged(ctx, tn, []string{a.ID}, store.Now().Add(-time.Hour)))
		}
		return errors.Join(err, tx.TouchAssuranceAt(ctx, tn, store.Now().AddDate(0, 0, -2)))
	})
	again(true)
	put(t, s, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.DeletePolicyOf(ctx, tn, store.AssurancePolicies, "p", 1); err != nil {
			return err
		}
		return tx.TouchAssurance(ctx, tn)
	})
	again(true)
	again(false)
}

// BenchmarkSimulate judges kept reports of 500 packages and 60 vulnerabilities.
func BenchmarkSimulate(b *testing.B) {
	s := open(b)
	addPolicy(b, s, "p", "{controls: {vulnerabilities: {mode: block, rules: [{atLeast: critical, fixable: true}]}}}")
	const n = 128
	for i := range n {
		r := bill(fmt.Sprintf("registry.example.com/app%d:1", i), fmt.Sprintf("sha256:%d", i), 500)
		for v := range 60 {
			r.Vulnerabilities = append(r.Vulnerabilities, finding.Vulnerability{
				ID: fmt.Sprintf("CVE-2026-%d", v*i), Package: fmt.Sprint("p", v), Name: fmt.Sprint("lib", v), Type: finding.Deb, Severity: finding.High, FixedVersion: "2",
				Published: "2026-01-01", Title: "a title as publishers write them", Description: "some words about what goes wrong, when, and how it was found and mended",
				CVSS: []finding.CVSS{{Source: "nvd", Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Score: 9.8}},
			})
		}
		keepFrom(b, s, r, "worker")
	}
	draft := compiled(b, policyText("p", "{controls: {vulnerabilities: {mode: block, rules: [{atLeast: high, fixable: true, fixedDays: 30}]}, secrets: {mode: block}}}"))
	b.ReportAllocs()
	for b.Loop() {
		sim, err := inventory.Simulate(b.Context(), s.Reader, tn, draft, "", time.Minute)
		if err != nil || sim.Judged != n {
			b.Fatal(sim.Judged, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "us/report")
}
