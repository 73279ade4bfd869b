package client

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The token goes to the server that was named and nowhere else, and no error
// shows it.
func TestTokenStaysWhereItBelongs(t *testing.T) {
	other := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the token was sent to another host: %v", r.Header)
	}))
	defer other.Close()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer secret-token" || !strings.HasPrefix(r.Header.Get("User-Agent"), "limpet/"):
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.EscapedPath() == "/api/v1/groups/moved":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case r.URL.EscapedPath() == "/api/v1/groups/shop%2Fweb":
			_, _ = w.Write([]byte(`{"name":"shop/web"}`))
		case r.URL.EscapedPath() == "/api/v1/groups/none":
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"title":"Not Found","detail":"there is no group none"}`))
		default:
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte("<html>a proxy's answer</html>"))
		}
	}))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Server: s.URL, Token: "secret-token", CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	var raw json.RawMessage
	if _, err := c.Do(t.Context(), http.MethodGet, "/groups/shop%2Fweb", "", nil, &raw); err != nil || string(raw) != `{"name":"shop/web"}` {
		t.Errorf("%s, %v", raw, err)
	}
	for path, says := range map[string]string{"/groups/moved": "302", "/groups/none": "no group none", "/broken": "502"} {
		_, err := c.Do(t.Context(), http.MethodGet, path, "", nil, nil)
		if err == nil || strings.Contains(err.Error(), "secret-token") || !strings.Contains(err.Error(), says) || errors.Is(err, ErrNotFound) != (path == "/groups/none") {
			t.Errorf("%s: %v, want %q", path, err, says)
		}
	}
	if c, err = New(Config{Server: s.URL, Token: "secret-token"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), http.MethodGet, "/groups/shop%2Fweb", "", nil, nil); err == nil {
		t.Error("a certificate of an unknown CA was accepted")
	}
	for _, bad := range []Config{{Server: "http://192.0.2.1:1", Token: "x"}, {Server: "limpet.example.com", Token: "x"}, {Server: s.URL}, {Server: s.URL, Token: "x", CAFile: "absent"}} {
		if _, err := New(bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}
