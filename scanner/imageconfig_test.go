package scanner

import (
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
	"github.com/limpet-security/limpet/scanner/misconfig"
	"github.com/limpet-security/limpet/scanner/sensitive"
)

type panics struct{ misconfig.Inspector }

func (panics) InspectConfig(inspect.Config) inspect.Found { panic("no") }

func TestInspectConfig(t *testing.T) {
	secrets, err := sensitive.All(sensitive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := append(append(secrets, misconfig.All()...), panics{})
	raw := []byte(`{"config":{"Env":["DB_PASSWORD=Real-Pa55"],"User":"app","Healthcheck":{"Test":["CMD","x"]}},"history":[{"created_by":"RUN chmod 777 /x"}]}`)
	r := &finding.Report{Integrity: finding.Integrity{Verdict: finding.Complete}}
	inspectConfig(raw, "shop:latest", list, r)
	if len(r.Secrets) != 1 || r.Secrets[0].Place != (finding.Place{Path: inspect.ConfigPath, Inside: "env DB_PASSWORD"}) {
		t.Errorf("secrets %+v", r.Secrets)
	}
	ids := map[string]bool{}
	for _, m := range r.Misconfigurations {
		ids[m.ID] = true
	}
	if len(ids) != 3 || !ids["LMP-IMAGE-0007"] || !ids["LMP-IMAGE-0009"] || !ids["LMP-IMAGE-0012"] {
		t.Errorf("misconfigurations %+v", r.Misconfigurations)
	}
	if r.Integrity.Verdict != finding.Partial || len(r.Integrity.Anomalies) != 1 {
		t.Errorf("integrity %+v", r.Integrity)
	}
	r = &finding.Report{}
	if inspectConfig([]byte("["), "", list, r); r.Integrity.Verdict != finding.Partial {
		t.Errorf("integrity of nonsense %+v", r.Integrity)
	}
}
