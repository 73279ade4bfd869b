package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// VerdictCounts counts events by verdict.
type VerdictCounts struct {
	Allow int64 `json:"allow"`
	Audit int64 `json:"audit"`
	Deny  int64 `json:"deny"`
}

// TimelinePoint is what happened in one span of time.
type TimelinePoint struct {
	At time.Time `json:"at" doc:"Start of the span"`
	VerdictCounts
}

// TopCount is a name and its number of events that broke a rule.
type TopCount struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Summary counts events.
type Summary struct {
	From          time.Time       `json:"from"`
	To            time.Time       `json:"to"`
	BucketSeconds int64           `json:"bucketSeconds"`
	Totals        VerdictCounts   `json:"totals"`
	Timeline      []TimelinePoint `json:"timeline" nullable:"false"`
	TopControls   []TopCount      `json:"topControls" nullable:"false"`
	TopImages     []TopCount      `json:"topImages" nullable:"false"`
}

type summaryInput struct {
	From   time.Time `query:"from" doc:"RFC 3339; 24 hours ago if absent"`
	To     time.Time `query:"to" doc:"RFC 3339; now if absent"`
	Bucket int64     `query:"bucket" minimum:"0" maximum:"31536000" doc:"Seconds of one span; chosen to give about 48 if absent"`
	Group  string    `query:"group" maxLength:"63"`
}

// Bounds of a timeline.
const (
	wantBuckets = 48
	maxBuckets  = 1500
	topNames    = 10
)

func (a *API) summarizeEvents(ctx context.Context, in *summaryInput) (*bodyOutput[Summary], error) {
	if in.To.IsZero() {
		in.To = time.Now().UTC()
	}
	if in.From.IsZero() {
		in.From = in.To.Add(-24 * time.Hour)
	}
	if !in.From.Before(in.To) {
		return nil, huma.NewError(http.StatusUnprocessableEntity, "from must be before to")
	}
	s, err := a.summary(ctx, access.From(ctx).Tenant, in.Group, in.From, in.To, time.Duration(in.Bucket)*time.Second)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[Summary]{Body: s}, nil
}

func (a *API) summary(ctx context.Context, t tenant.ID, group string, from, to time.Time, width time.Duration) (Summary, error) {
	span := to.Sub(from)
	if width == 0 {
		width = niceWidth(span / wantBuckets)
	}
	width = max(width.Truncate(time.Minute), time.Minute, niceWidth(span/maxBuckets))
	if width > time.Hour {
		width = (width + time.Hour - 1).Truncate(time.Hour) // longer spans are counted by the hour
	}
	rows, err := a.Store.EventTimeline(ctx, t, group, from, to, width)
	if err != nil {
		return Summary{}, err
	}
	s := Summary{From: from, To: to, BucketSeconds: int64(width / time.Second), Timeline: []TimelinePoint{}}
	at := map[int64]int{}
	start := from.UnixNano() - from.UnixNano()%int64(width)
	for n := start; n < to.UnixNano(); n += int64(width) {
		at[n] = len(s.Timeline)
		s.Timeline = append(s.Timeline, TimelinePoint{At: store.Time(n)})
	}
	for _, b := range rows {
		s.Totals.add(b)
		if i, ok := at[b.Start]; ok {
			s.Timeline[i].add(b)
		}
	}
	if s.TopControls, err = a.top(ctx, t, group, "control", from, to); err != nil {
		return Summary{}, err
	}
	s.TopImages, err = a.top(ctx, t, group, "image", from, to)
	return s, err
}

func (c *VerdictCounts) add(b store.Bucket) {
	switch b.Verdict {
	case "allow":
		c.Allow += b.N
	case "audit":
		c.Audit += b.N
	case "deny":
		c.Deny += b.N
	}
}

// niceWidth rounds a span up to one that people read easily.
func niceWidth(d time.Duration) time.Duration {
	for _, w := range []time.Duration{
		time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if d <= w {
			return w
		}
	}
	return (d + 24*time.Hour - 1).Truncate(24 * time.Hour)
}

func (a *API) top(ctx context.Context, t tenant.ID, group, by string, from, to time.Time) ([]TopCount, error) {
	rows, err := a.Store.EventTop(ctx, t, group, by, from, to, topNames)
	if err != nil {
		return nil, err
	}
	out := make([]TopCount, len(rows))
	for i, r := range rows {
		out[i] = TopCount{r.Name, r.N}
	}
	return out, nil
}
