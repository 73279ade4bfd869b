package ui

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func TestServe(t *testing.T) {
	files := fstest.MapFS{
		"index.html":       {Data: []byte("<html><head></head><body>console</body></html>")},
		"assets/app-1.js":  {Data: []byte("1")},
		"favicon.svg":      {Data: []byte("<svg/>")},
		"README.md":        {Data: []byte("not for browsers")},
		".vite/manifest":   {Data: []byte("{}")},
		"assets/app-1.css": {Data: []byte("a{}")},
	}
	h := serve(files)
	for _, c := range []struct {
		path, contains, contentType string
		status                      int
	}{
		{"/", "console", "text/html", 200},
		{"/policies/default?tab=yaml", "console", "text/html", 200},
		{"/index.html", "console", "text/html", 200},
		{"/assets/app-1.js", "1", "text/javascript", 200},
		{"/assets/app-1.css", "a{}", "text/css", 200},
		{"/favicon.svg", "<svg/>", "image/svg+xml", 200},
		{"/assets/app-0.js", "not found", "text/plain", 404},
		{"/README.md", "console", "text/html", 200},
		{"/.vite/manifest", "console", "text/html", 200},
		{"/../../etc/passwd", "console", "text/html", 200},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "https://limpet.test/", nil)
		path, query, _ := strings.Cut(c.path, "?")
		r.URL.Path, r.URL.RawQuery = path, query
		h.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.contains) || !strings.HasPrefix(w.Header().Get("Content-Type"), c.contentType) {
			t.Errorf("%s: %d %s %q", c.path, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
}

func TestAssetsAreCompressed(t *testing.T) {
	text := strings.Repeat("console.log(1);", 1000)
	h := serve(fstest.MapFS{"assets/a.js": {Data: []byte(text)}})
	for range 2 {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/assets/a.js", nil)
		r.Header.Set("Accept-Encoding", "gzip, br")
		h.ServeHTTP(w, r)
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); err != nil || string(b) != text || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Fatalf("%d bytes, %v, headers %v", len(b), err, w.Header())
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/assets/a.js", nil))
	if w.Body.String() != text || w.Header().Get("Content-Encoding") != "" {
		t.Fatal("a client that takes no gzip got something else than the file")
	}
}

func TestPageHasFreshNonce(t *testing.T) {
	h := serve(fstest.MapFS{})
	seen := map[string]bool{}
	for range 3 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
		csp := w.Header().Get("Content-Security-Policy")
		_, rest, ok := strings.Cut(csp, "'nonce-")
		nonce, _, _ := strings.Cut(rest, "'")
		if !ok || len(nonce) < 20 || seen[nonce] {
			t.Fatalf("policy %q repeats or lacks a nonce", csp)
		}
		seen[nonce] = true
		if !strings.Contains(w.Body.String(), `<meta name="csp-nonce" content="`+nonce+`">`) {
			t.Errorf("page lacks the nonce of its policy")
		}
		if strings.Contains(csp, "unsafe-eval") || strings.Contains(csp, "script-src 'self' 'unsafe") {
			t.Errorf("policy %q is too weak", csp)
		}
		if !strings.Contains(w.Body.String(), "make build") {
			t.Errorf("unbuilt page does not say what to do")
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/x", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}
