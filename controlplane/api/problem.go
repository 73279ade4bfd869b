package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/publish"
	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/vulndata"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/scanner/worker"
)

// statuses is the HTTP status of each error that a person may act upon.
var statuses = []struct {
	err    error
	status int
}{
	{store.ErrNotFound, http.StatusNotFound},
	{store.ErrExists, http.StatusConflict},
	{store.ErrInUse, http.StatusConflict},
	{inventory.ErrTests, http.StatusUnprocessableEntity},
	{store.ErrFull, http.StatusUnprocessableEntity},
	{store.ErrVersion, http.StatusPreconditionFailed},
	{store.ErrCursor, http.StatusBadRequest},
	{scanning.ErrRequest, http.StatusUnprocessableEntity},
	{scanning.ErrEnded, http.StatusConflict},
	{vulndata.ErrNoSource, http.StatusConflict},
	{worker.ErrLost, http.StatusConflict},
	{worker.ErrReport, http.StatusUnprocessableEntity},
	{publish.ErrTooLarge, http.StatusUnprocessableEntity},
	{errSignIn, http.StatusUnauthorized},
	{access.ErrPassword, http.StatusUnauthorized},
	{access.ErrPasswordForm, http.StatusUnprocessableEntity},
	{errCSRF, http.StatusForbidden},
	{errOrigin, http.StatusForbidden},
	{errNotMay, http.StatusForbidden},
	{errTooMany, http.StatusTooManyRequests},
}

// problem turns an error into the answer: problem+json with its status. What
// is not foreseen is logged and answered with 500 and no detail.
func (a *API) problem(ctx context.Context, err error) huma.StatusError {
	var s huma.StatusError
	if errors.As(err, &s) {
		return s
	}
	var list policy.Errors
	if errors.As(err, &list) {
		return policyProblem(list)
	}
	for _, known := range statuses {
		if errors.Is(err, known.err) {
			return huma.NewError(known.status, err.Error())
		}
	}
	if errors.Is(err, context.Canceled) {
		return huma.NewError(499, "the request was given up")
	}
	a.Log.ErrorContext(ctx, "request failed", "error", err)
	return huma.NewError(http.StatusInternalServerError, "internal error; the server's log says more")
}

// policyProblem shows what is wrong in a policy, with its place in the text.
func policyProblem(list policy.Errors) huma.StatusError {
	const most = 100
	what := "policy"
	if list[0].Path == "content" {
		what = "reputation list"
	}
	var details []error
	for i, e := range list {
		if i == most {
			break
		}
		details = append(details, &huma.ErrorDetail{
			Location: e.Path, Message: e.Message, Value: map[string]int{"line": e.Line, "column": e.Column},
		})
	}
	return huma.NewError(http.StatusUnprocessableEntity, "the "+what+" is not valid", details...)
}

// writeProblem answers outside huma.
func writeProblem(g *gin.Context, status int, detail string) {
	b, _ := json.Marshal(huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail})
	g.Data(status, "application/problem+json", b)
	g.Abort()
}

func (a *API) noRoute(g *gin.Context) {
	p := g.Request.URL.Path
	if a.Console == nil || p == prefix || strings.HasPrefix(p, "/api/") {
		writeProblem(g, http.StatusNotFound, "there is nothing at this path")
		return
	}
	g.Status(http.StatusOK) // gin has set 404 before NoRoute
	a.Console.ServeHTTP(g.Writer, g.Request)
	g.Abort()
}

// recovered answers 500 after a panic and logs it: one broken request must
// not end the server.
func (a *API) recovered(g *gin.Context) {
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler { //nolint:errorlint // the documented sentinel is compared so
				panic(v)
			}
			a.Log.ErrorContext(g.Request.Context(), "request panicked", "path", g.Request.URL.Path, "panic", v)
			if !g.Writer.Written() {
				writeProblem(g, http.StatusInternalServerError, "internal error; the server's log says more")
			}
		}
	}()
	g.Next()
}

// headers are on every answer of the API. The console sets its own policy.
func (a *API) headers(g *gin.Context) {
	h := g.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	if strings.HasPrefix(g.Request.URL.Path, "/api/") {
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	}
	g.Next()
}
