package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/store"
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
		f := &follower{w: hc.BodyWriter(), control: http.NewResponseController(g.Writer)}
		if f.say("retry: 2000\n\n") != nil {
			return
		}
		checked := time.Now()
		for {
			wait := a.Live.Wait() // before the look, so that no commit falls between
			rows, upTo, err := a.Store.EventsAfter(ctx, t, in.filter(), last, streamBatch)
			if err != nil || a.follow(ctx, f, rows) != nil {
				return
			}
			if time.Since(checked) > streamRecheck {
				if _, err := a.admit(g.Request, access.EventsRead); err != nil {
					return // signed out, or the roles have changed
				}
				checked = time.Now()
			}
			if upTo > last {
				last = upTo
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

// follow writes events, or a comment when nothing was written for long.
func (a *API) follow(ctx context.Context, f *follower, rows []store.Event) error {
	if len(rows) == 0 {
		if time.Since(f.spoke) < streamBeat {
			return f.stillOpen()
		}
		return f.say(": still here\n\n")
	}
	var text strings.Builder
	for _, row := range rows {
		v, err := events.Decode(row)
		if err != nil {
			a.Log.WarnContext(ctx, "event left out of stream", "error", err)
			continue
		}
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("cannot write event: %w", err)
		}
		fmt.Fprintf(&text, "id: %d\nevent: event\ndata: %s\n\n", v.Seq, data)
	}
	return f.say(text.String())
}

// follower is the reader's end of a stream.
type follower struct {
	w       io.Writer
	control *http.ResponseController
	spoke   time.Time // when something was written last
}

// say writes and sends at once. A reader that does not take it is gone.
func (f *follower) say(text string) error {
	if err := f.stillOpen(); err != nil {
		return err
	}
	if _, err := io.WriteString(f.w, text); err != nil {
		return fmt.Errorf("cannot write to stream: %w", err)
	}
	f.spoke = time.Now()
	return f.control.Flush()
}

// stillOpen puts the end of the connection off: HTTP/2 ends a stream at its
// write deadline even if nothing is being written.
func (f *follower) stillOpen() error {
	if err := f.control.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return fmt.Errorf("cannot keep stream open: %w", err)
	}
	return nil
}
