package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/publish"
	"github.com/limpet-security/limpet/controlplane/registries"
	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/controlplane/vulndata"
	"github.com/limpet-security/limpet/internal/tenant"
)

const setupCode = "AAAAA-BBBBB-CCCCC-DDDDD"

// oneKey signs every tenant's bundles in tests.
type oneKey struct{ key ed25519.PrivateKey }

func (k oneKey) VerdictKey(context.Context, string) (ed25519.PrivateKey, error) { return k.key, nil }

func (k oneKey) BundleKey(context.Context, string) (ed25519.PrivateKey, error) { return k.key, nil }

// site is an API behind TLS with its store.
type site struct {
	*testing.T
	api   *API
	store *store.Store
	hub   *events.Hub
	url   string
	http  *httptest.Server
	key   ed25519.PublicKey // that signs bundles
}

func newSite(t *testing.T) *site {
	t.Helper()
	st, err := store.Open(t.Context(), storetest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	err = st.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InitInstall(ctx); err != nil {
			return err
		}
		return tx.SetInstallSetupHash(ctx, access.HashSecret(setupCode))
	})
	if err != nil {
		t.Fatal(err)
	}
	queue, err := scanning.Open(t.Context(), scanning.Config{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, store: st, hub: &events.Hub{}, key: pub}
	looks := registries.New(registries.Config{Store: st, Sealer: sealer(t), Queue: queue, Network: registries.Network{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	queue.Lend(looks)
	s.api = New(Config{
		Store: st, Publisher: publish.New(st, oneKey{key}), Live: s.hub, Scans: queue, Registries: looks, VulnData: vulndata.New(vulndata.Config{Store: st}), Version: "test",
		GatewayURL: "https://gateway.test:8444", ServerURL: "https://limpet.test:8443", CAPEM: "pem",
		Console: http.NotFoundHandler(), Metrics: http.NotFoundHandler(),
	})
	s.http = httptest.NewTLSServer(s.api.Handler())
	t.Cleanup(s.http.Close)
	s.url = s.http.URL
	return s
}

// client calls the API as one person or token.
type client struct {
	*testing.T
	http  *http.Client
	url   string
	csrf  string
	token string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

func (s *site) client() *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	return &client{T: s.T, url: s.url, http: &http.Client{Transport: s.http.Client().Transport, Jar: jar}}
}

func (c *client) do(method, path string, body any, headers ...string) answer {
	c.Helper()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			c.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(c.Context(), method, c.url+path, r)
	if err != nil {
		c.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.csrf != "" {
		req.Header.Set(CSRFHeader, c.csrf)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		c.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, b}
}

// ok calls and fails unless the status is as wanted.
func (c *client) ok(status int, method, path string, body any, headers ...string) answer {
	c.Helper()
	a := c.do(method, path, body, headers...)
	if a.status != status {
		c.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.body)
	}
	if status >= 400 && !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		c.Errorf("%s %s: an error of type %q", method, path, a.header.Get("Content-Type"))
	}
	return a
}

const password = "correct horse battery"

// admin sets the install up and gives its administrator.
func (s *site) admin() *client {
	s.Helper()
	c := s.client()
	c.signed(c.ok(200, "POST", prefix+"/setup", map[string]any{"code": setupCode, "username": "admin", "password": password}))
	return c
}

func (c *client) signed(a answer) {
	c.Helper()
	var v sessionView
	a.into(c.T, &v)
	c.csrf = v.CSRFToken
}

// as gives a client with an API token of a tenant and role, made in the store.
func (s *site) as(t tenant.ID, role string) *client {
	s.Helper()
	secret, shown, hash := access.NewSecret(access.APITokenPrefix)
	err := s.store.Update(s.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AddAPIToken(ctx, t, store.APIToken{ID: shown, Name: role, Prefix: shown, Hash: hash, Roles: []string{role}})
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	c := s.client()
	c.token = secret
	return c
}

func path(format string, args ...any) string { return prefix + fmt.Sprintf(format, args...) }
