package inspect_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/scanner/inspect"
)

func TestParseConfig(t *testing.T) {
	got, err := inspect.ParseConfig([]byte(`{"architecture":"amd64","config":{"User":"app","Env":["A=b"],"ExposedPorts":{"443/tcp":{},"22/tcp":{}},
		"Labels":{"k":"v"},"Healthcheck":{"Test":["NONE"]}},"history":[{"created_by":"/bin/sh -c #(nop) ADD file:x in /","empty_layer":false},{"created_by":"USER app","comment":"buildkit","empty_layer":true}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := inspect.Config{
		User: "app", Env: []string{"A=b"}, Ports: []string{"22/tcp", "443/tcp"}, Volumes: []string{}, Labels: map[string]string{"k": "v"},
		History: []inspect.Step{{CreatedBy: "/bin/sh -c #(nop) ADD file:x in /"}, {CreatedBy: "USER app", Comment: "buildkit", Empty: true}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, bad := range [][]byte{nil, []byte(`[]`), bytes.Repeat([]byte(" "), inspect.MaxConfig+1)} {
		if _, err := inspect.ParseConfig(bad); err == nil {
			t.Errorf("no error for %.10q", bad)
		}
	}
}
