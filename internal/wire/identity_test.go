package wire

import (
	"crypto/x509"
	"net/url"
	"testing"
)

func TestIdentityOf(t *testing.T) {
	for text, want := range map[string]string{
		"spiffe://limpet/tenant/default/enforcer/micro/019a-7": "default micro 019a-7",
		"spiffe://limpet/tenant/default/enforcer/mega/1":       "",
		"spiffe://limpet/tenant/default/enforcer/micro/":       "",
		"spiffe://limpet/tenant/../enforcer/micro/1":           "",
		"spiffe://limpet/tenant/a%2Fb/enforcer/micro/1":        "",
		"spiffe://limpet/tenant/a/enforcer/micro/1/2":          "",
		"spiffe://limpet/tenant/a/enforcer/micro/1?x=1":        "",
		"spiffe://limpet/tenant/a/enforcer/micro/1#x":          "",
		"spiffe://u@limpet/tenant/a/enforcer/micro/1":          "",
		"spiffe://other/tenant/a/enforcer/micro/1":             "",
		"https://limpet/tenant/a/enforcer/micro/1":             "",
		"spiffe://limpet/gateway/g":                            "",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		i, err := IdentityOf(&x509.Certificate{URIs: []*url.URL{u}})
		got := ""
		if err == nil {
			got = i.Tenant + " " + i.Kind + " " + i.ID
			if i.URI().String() != text {
				t.Errorf("%s became %s", text, i.URI())
			}
		}
		if got != want {
			t.Errorf("%s: got %q (%v), want %q", text, got, err, want)
		}
	}
}
