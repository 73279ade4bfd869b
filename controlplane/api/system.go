package api

import (
	"cmp"
	"context"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/limpet-security/limpet/controlplane/events"
)

func sortNewest(v []events.View) {
	slices.SortFunc(v, func(a, b events.View) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return cmp.Compare(b.Seq, a.Seq)
	})
}

func (a *API) getHealth(g *gin.Context) { g.String(http.StatusOK, "ok\n") }

func (a *API) getReady(g *gin.Context) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), 5*time.Second)
	defer cancel()
	err := a.Store.Ping(ctx)
	if err == nil && a.Ready != nil {
		err = a.Ready(ctx)
	}
	if err != nil {
		a.Log.WarnContext(ctx, "not ready", "error", err)
		writeProblem(g, http.StatusServiceUnavailable, "not ready; the server's log says why")
		return
	}
	g.String(http.StatusOK, "ok\n")
}

func (a *API) getMetrics(g *gin.Context) {
	if a.Metrics == nil {
		writeProblem(g, http.StatusNotFound, "this server keeps no metrics")
		return
	}
	a.Metrics.ServeHTTP(g.Writer, g.Request)
}

func (a *API) getOpenAPI(g *gin.Context) {
	b, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		a.Log.ErrorContext(g.Request.Context(), "cannot write OpenAPI document", "error", err)
		writeProblem(g, http.StatusInternalServerError, "cannot write the document")
		return
	}
	g.Data(http.StatusOK, "application/openapi+json", b)
}

// docsPage needs nothing from elsewhere: no script, one inline style allowed
// by its policy.
var docsPage = template.Must(template.New("docs").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Limpet API</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884;vertical-align:top}code{font-size:.9em}
@media(prefers-color-scheme:dark){body{background:#16181d;color:#e6e6e6}a{color:#8ab4f8}}</style></head><body>
<h1>Limpet API {{.Version}}</h1>
<p>The full description is <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1). Errors are problem+json (RFC 9457); lists answer
<code>{items, nextCursor}</code> and take <code>cursor</code> and <code>limit</code>; objects carry an ETag, and a change names it in
<code>If-Match</code>; <code>dryRun=true</code> checks a change without making it.</p>
<p>Scripts send <code>Authorization: Bearer TOKEN</code> with a token made in the console under Settings, or by <code>limpet token</code>.</p>
<table><thead><tr><th>Method</th><th>Path</th><th>What</th><th>Permission</th></tr></thead><tbody>
{{range .Routes}}<tr><td><code>{{.Method}}</code></td><td><code>{{.Path}}</code></td><td>{{.Summary}}</td><td><code>{{.Permission}}</code></td></tr>
{{end}}</tbody></table></body></html>
`))

func (a *API) getDocs(g *gin.Context) {
	type row struct{ Method, Path, Summary, Permission string }
	rows := make([]row, len(routes))
	for i, r := range routes {
		rows[i] = row{r.method, r.path, r.summary, string(r.permission)}
	}
	g.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	g.Header("Content-Type", "text/html; charset=utf-8")
	g.Status(http.StatusOK)
	if err := docsPage.Execute(g.Writer, map[string]any{"Version": a.Version, "Routes": rows}); err != nil {
		a.Log.WarnContext(g.Request.Context(), "cannot write docs page", "error", err)
	}
}
