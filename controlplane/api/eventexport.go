package api

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/store"
)

type exportInput struct {
	EventQuery
	Format string `query:"format" enum:"json,csv" default:"json"`
}

// exportEvents streams every event that the filter matches, newest first, a
// page at a time: JSON is one event a line.
func (a *API) exportEvents(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
	t := access.From(ctx).Tenant
	first, err := a.Store.Events(ctx, t, in.filter(), store.Page{Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		name := "limpet-events-" + time.Now().UTC().Format("20060102-150405")
		w := bufio.NewWriterSize(hc.BodyWriter(), 64<<10)
		rc := http.NewResponseController(humagin.Unwrap(hc).Writer)
		var write func(events.View) error
		flush := func() error { return nil }
		if in.Format == "csv" {
			hc.SetHeader("Content-Type", "text/csv; charset=utf-8")
			hc.SetHeader("Content-Disposition", `attachment; filename="`+name+`.csv"`)
			c, err := events.NewCSV(w)
			if err != nil {
				return
			}
			write, flush = c.Write, c.Flush
		} else {
			hc.SetHeader("Content-Type", "application/x-ndjson")
			hc.SetHeader("Content-Disposition", `attachment; filename="`+name+`.ndjson"`)
			write = func(v events.View) error { return json.NewEncoder(w).Encode(v) }
		}
		for page := first; ; {
			_ = rc.SetWriteDeadline(time.Now().Add(streamWrite))
			for _, row := range page.Events {
				v, err := events.Decode(row)
				if err != nil {
					a.Log.WarnContext(ctx, "event left out of export", "error", err)
					continue
				}
				if err := write(v); err != nil {
					return
				}
			}
			if flush() != nil || w.Flush() != nil || page.Next == "" {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-a.done:
				return
			default:
			}
			var err error
			if page, err = a.Store.Events(ctx, t, in.filter(), store.Page{Cursor: page.Next, Limit: store.MaxLimit}); err != nil {
				// The answer has begun: breaking it off is how the reader
				// learns that it is not whole.
				a.Log.ErrorContext(ctx, "export broke off", "error", err)
				panic(http.ErrAbortHandler)
			}
		}
	}}, nil
}
