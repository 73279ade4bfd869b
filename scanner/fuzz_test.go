package scanner

import (
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
	"github.com/limpet-security/limpet/scanner/misconfig"
	"github.com/limpet-security/limpet/scanner/sensitive"
)

// FuzzImageConfig gives the inspectors an image's configuration, which its maker
// wrote: none may panic.
func FuzzImageConfig(f *testing.F) {
	f.Add([]byte(`{"config":{"User":"root","Env":["AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],"ExposedPorts":{"22/tcp":{}},"Labels":{"a":"b"},"Healthcheck":{"Test":["NONE"]}},"history":[{"created_by":"/bin/sh -c #(nop) ADD file:x in / "},{"created_by":"RUN |1 TOKEN=x /bin/sh -c curl x | sh # buildkit","empty_layer":true}]}`))
	f.Add([]byte(`{"config":{"ExposedPorts":{"":{},"x/y/z":{},"99999999999/tcp":{}},"Entrypoint":[""],"Cmd":["sh","-c"]},"history":[{}]}`))
	f.Add([]byte(`null`))
	secrets, err := sensitive.All(sensitive.Options{})
	if err != nil {
		f.Fatal(err)
	}
	list := append(secrets, misconfig.All()...)
	inspectConfig([]byte(`{}`), "", list, &finding.Report{}) // makes its rules ready
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r finding.Report
		inspectConfig(raw, "shop/web:latest", list, &r)
		for _, a := range r.Integrity.Anomalies {
			if strings.HasPrefix(a.Code, "panic-") {
				t.Fatal(a.Detail)
			}
		}
		for _, m := range r.Misconfigurations {
			if m.Title == "" || m.Place.Path != inspect.ConfigPath {
				t.Errorf("%+v", m)
			}
		}
	})
}
