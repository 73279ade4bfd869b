package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/events"
)

// Pace of a live stream.
const (
	streamBatch    = 200              // events read at once
	streamPoll     = 2 * time.Second  // look at the store even if nothing was announced (another server may write)
	streamBeat     = 15 * time.Second // comment line, so that proxies keep the connection
	streamWrite    = 20 * time.Second // a reader that takes longer is gone
	streamRecheck  = time.Minute      // ask again whether the reader may still read
	maxStreamStart = 1000             // events replayed for Last-Event-ID
)

type streamInput struct {
	EventQuery
	LastEventID string `header:"Last-Event-ID" maxLength:"32" doc:"seq of the last event seen; the stream continues after it"`
}

// streamEvents follows events. Each is "event: event" with the id seq and the
// event as data.
func (a *API) streamEvents(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
	t := access.From(ctx).Tenant
	last, err := a.Store.LastEvent(ctx, t)
	if err != nil {
		return nil, err
	}
	if n, err := strconv.ParseInt(in.LastEventID, 10, 64); err == nil && n >= 0 && n < last {
		last = max(n, last-maxStreamStart)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "text/event-stream")
		hc.SetHeader("X-Accel-Buffering", "no")
		g := humagin.Unwrap(hc)
		rc := http.NewResponseController(g.Writer)
		flush := func() error {
			return rc.Flush()
		}
		_ = rc.SetWriteDeadline(time.Now().Add(streamWrite))
		if _, err := io.WriteString(hc.BodyWriter(), "retry: 2000\n\n"); err != nil || flush() != nil {
			return
		}
		beat, recheck := time.Now(), time.Now()
		for {
			wait := a.Live.Wait()
			rows, upTo, err := a.Store.EventsAfter(ctx, t, in.filter(), last, streamBatch)
			if err != nil {
				return
			}
			_ = rc.SetWriteDeadline(time.Now().Add(streamWrite))
			for _, row := range rows {
				v, err := events.Decode(row)
				if err != nil {
					a.Log.WarnContext(ctx, "event left out of stream", "error", err)
					continue
				}
				data, err := json.Marshal(v)
				if err != nil {
					return
				}
				if _, err := fmt.Fprintf(hc.BodyWriter(), "id: %d\nevent: event\ndata: %s\n\n", v.Seq, data); err != nil {
					return
				}
			}
			more := upTo > last
			last = upTo
			if len(rows) == 0 && time.Since(beat) > streamBeat {
				if _, err := io.WriteString(hc.BodyWriter(), ": still here\n\n"); err != nil {
					return
				}
				beat = time.Now()
				rows = rows[:0]
				if flush() != nil {
					return
				}
			} else if len(rows) > 0 {
				beat = time.Now()
				if flush() != nil {
					return
				}
			}
			if time.Since(recheck) > streamRecheck {
				if _, err := a.admit(g.Request, access.EventsRead); err != nil {
					return // signed out, or the roles have changed
				}
				recheck = time.Now()
			}
			if more {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-a.done:
				return
			case <-wait:
			case <-time.After(streamPoll):
			}
		}
	}}, nil
}
