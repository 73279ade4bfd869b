package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/limpet-security/limpet/controlplane/access"
)

// route is one row of the table: nothing is served that has none.
type route struct {
	method     string
	path       string // huma's form: {name}
	permission access.Permission
	summary    string
	bind       func(*API, route)
}

// do binds a typed handler: its input and output make the OpenAPI document.
func do[I, O any](f func(*API, context.Context, *I) (*O, error)) func(*API, route) {
	return doLarge(maxBody, f)
}

// doLarge is do for bodies of up to so many bytes.
func doLarge[I, O any](most int64, f func(*API, context.Context, *I) (*O, error)) func(*API, route) {
	return func(a *API, r route) {
		op := huma.Operation{
			OperationID:  operationID(r),
			Method:       r.method,
			Path:         r.path,
			Summary:      r.summary,
			Tags:         []string{tag(r.path)},
			Middlewares:  huma.Middlewares{a.guard(r)},
			MaxBodyBytes: most,
			Extensions:   map[string]any{"x-permission": string(r.permission)},
		}
		if r.permission != access.Public {
			op.Security = []map[string][]string{{"token": {}}, {"session": {}}}
		}
		huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
			out, err := f(a, ctx, in)
			if err != nil {
				return nil, a.problem(ctx, err)
			}
			if out == nil {
				out = new(O)
			}
			return out, nil
		})
	}
}

// raw binds a plain handler, for what is not a JSON document.
func raw(f func(*API, *gin.Context)) func(*API, route) {
	return func(a *API, r route) {
		a.engine.Handle(r.method, ginPath(r.path), func(g *gin.Context) {
			ctx, err := a.admit(g.Request, r.permission)
			if err != nil {
				s := a.problem(g.Request.Context(), err)
				writeProblem(g, s.GetStatus(), s.Error())
				return
			}
			g.Request = g.Request.WithContext(ctx)
			f(a, g)
		})
	}
}

// maxBody bounds the body of a request, in bytes.
const maxBody = 2 << 20

var params = regexp.MustCompile(`\{([^}]+)\}`)

func ginPath(p string) string { return params.ReplaceAllString(p, ":$1") }

func tag(p string) string {
	p = strings.TrimPrefix(p, prefix+"/")
	first, _, _ := strings.Cut(p, "/")
	return first
}

func operationID(r route) string {
	p := params.ReplaceAllString(strings.TrimPrefix(r.path, prefix), "by-$1")
	return strings.ToLower(r.method) + strings.ReplaceAll(strings.ReplaceAll(p, "/", "-"), ".", "-")
}

const prefix = "/api/v1"

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	remove = http.MethodDelete
)
