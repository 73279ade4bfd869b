// Package ui carries the console's built files inside the server.
//
// It gives one http.Handler: files by their path, the console's page for
// every other path (so that each state of the console has an address), and a
// plain page when the console has not been built. It trusts nothing from a
// request but its path, and owns the console's Content-Security-Policy.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"embed"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed all:dist
var dist embed.FS

// page is the console's one HTML file.
const page = "index.html"

// Handler serves the console.
func Handler() http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("ui: the embedded folder has no dist") // the embed directive would not have built
	}
	return serve(files)
}

// Built says whether the console's files are in this binary.
func Built() bool {
	_, err := fs.Stat(dist, "dist/"+page)
	return err == nil
}

func serve(files fs.FS) http.Handler {
	var zipped packs
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		if name != "" && name != page && name != "README.md" && !strings.HasPrefix(name, ".") {
			if b, err := fs.ReadFile(files, name); err == nil {
				serveFile(w, r, &zipped, name, b)
				return
			}
		}
		if strings.HasPrefix(name, "assets/") { // an old page asks for a file that is gone
			http.NotFound(w, r)
			return
		}
		servePage(w, r, files)
	})
}

func serveFile(w http.ResponseWriter, r *http.Request, zipped *packs, name string, b []byte) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	t := mime.TypeByExtension(path.Ext(name))
	if t == "" {
		t = "application/octet-stream"
	}
	h.Set("Content-Type", t)
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") { // their names change with their contents
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if z := zipped.of(name, b); len(z) < len(b) {
			h.Set("Content-Encoding", "gzip")
			b = z
		}
	}
	h.Set("Content-Length", fmt.Sprint(len(b)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(b)
	}
}

// packs holds the compressed form of each file that was asked for, by name.
// A binary's files do not change.
type packs struct{ sync.Map }

// of compresses a file once.
func (p *packs) of(name string, b []byte) []byte {
	if z, ok := p.Load(name); ok {
		return z.([]byte)
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Close()
	z, _ := p.LoadOrStore(name, out.Bytes())
	return z.([]byte)
}

// servePage gives the page with a fresh nonce, which the console puts on the
// style elements that it makes itself.
func servePage(w http.ResponseWriter, r *http.Request, files fs.FS) {
	nonce := rand.Text()
	b, err := fs.ReadFile(files, page)
	if err != nil {
		b = []byte(unbuilt)
	}
	b = bytes.Replace(b, []byte("<head>"), []byte(`<head><meta name="csp-nonce" content="`+nonce+`">`), 1)
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"+nonce+"'; style-src-attr 'unsafe-inline'; "+
		"img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	if r.Method == http.MethodGet {
		_, _ = w.Write(b)
	}
}

// unbuilt is shown by a binary that was built without the console.
const unbuilt = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Limpet</title></head><body>
<h1>The console is not in this binary</h1>
<p>It was built without the console's files. Run <code>make build</code> in the source folder and start the server again.</p>
<p>The API works: see <a href="/docs">/docs</a>.</p>
</body></html>
`
