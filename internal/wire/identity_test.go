package wire

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"connectrpc.com/connect"
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

// TestErrorsCross: what one side says, the other side hears.
func TestErrorsCross(t *testing.T) {
	at := time.Unix(0, 1234567890123456789)
	for _, r := range reasons {
		err := fmt.Errorf("around it: %w", &Error{Kind: r.err, Message: "why", ServerTime: at, RetryAfter: 1500 * time.Millisecond})
		got := fromConnect(ToConnect(err))
		if !errors.Is(got, r.err) || Reason(got) != r.name || got.Error() != r.err.Error()+": why" {
			t.Errorf("%s became %v", r.name, got)
		}
		if g, ok := ServerTime(got); !ok || !g.Equal(at) {
			t.Errorf("%s: server time became %v", r.name, g)
		}
		if d := RetryAfter(got); d != 1500*time.Millisecond {
			t.Errorf("%s: retry after became %v", r.name, d)
		}
	}
	far := fromConnect(connect.NewError(connect.CodeUnavailable, errors.New("dial tcp 10.0.0.7:8445: connection refused")))
	if got := fromConnect(ToConnect(far)); got.Error() != "control plane is away: internal error" {
		t.Errorf("a gateway's own failure became %v", got)
	}
	secret := errors.New("pq: password authentication failed for user limpet")
	if got := fromConnect(ToConnect(secret)); !errors.Is(got, ErrUnavailable) || errors.Is(got, secret) || got.Error() != "control plane is away: internal error" {
		t.Errorf("an internal error became %v", got)
	}
	if got := fromConnect(connect.NewError(connect.CodeUnavailable, errors.New("502"))); !errors.Is(got, ErrUnavailable) || Permanent(got) {
		t.Errorf("a proxy's error became %v", got)
	}
}
