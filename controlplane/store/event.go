package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Event is one event: the columns that lists filter by, and the whole of it
// as Payload (eventpb.Event, protobuf).
type Event struct {
	bun.BaseModel `bun:"table:events"`
	Seq           int64 `bun:",pk,autoincrement"` // order of commit
	Tenant        tenant.ID
	EnforcerID    string
	BootID        string
	Sequence      int64
	ID            string
	At            int64 // observed_at, held inside what the receiver can believe
	ObservedAt    int64
	ReceivedAt    int64
	GroupName     string
	Kind          string
	Verdict       string
	Control       string
	Image         string
	Search        string // lower-case text that a free-text query looks at
	Payload       []byte
	Item          int64 // its finding (Finding.Item); 0: it broke no rule

	Cause *Finding `bun:"-"` // what Item stands for; read by AddEvents only
	Count int64    `bun:"-"` // how many equal events this row stands for; read by AddEvents only
}

// EventFilter narrows a list of events; zero fields match all.
type EventFilter struct {
	From, To time.Time // From <= at < To
	Enforcer string
	Image    string
	Group    string
	Control  string
	Verdict  string
	Kind     string
	Item     int64  // of one finding
	Query    string // part of path, argument, address, host name, reason ...
}

// EventPage is one page of events, newest first. Next is "" at the end; it
// may be set although Events is short or empty (see scanTime).
type EventPage struct {
	Events []Event
	Next   string
}

// equal gives the equality filters, the most selective first.
func (f EventFilter) equal() []struct{ column, value string } {
	item := ""
	if f.Item != 0 {
		item = strconv.FormatInt(f.Item, 10)
	}
	all := []struct{ column, value string }{
		{"item", item}, {"enforcer_id", f.Enforcer}, {"image", f.Image}, {"group_name", f.Group},
		{"control", f.Control}, {"verdict", f.Verdict}, {"kind", f.Kind},
	}
	set := all[:0]
	for _, c := range all {
		if c.value != "" {
			set = append(set, c)
		}
	}
	return set
}

// indexed narrows to the tenant, the time and the first equality filter:
// what one index answers in the order of the list.
func (f EventFilter) indexed(q *bun.SelectQuery, t tenant.ID) *bun.SelectQuery {
	q = q.Where("tenant = ?", t)
	if eq := f.equal(); len(eq) > 0 {
		q = q.Where("? = ?", bunIdent(eq[0].column), eq[0].value)
	}
	if !f.From.IsZero() {
		q = q.Where("at >= ?", ns(f.From))
	}
	if !f.To.IsZero() {
		q = q.Where("at < ?", ns(f.To))
	}
	return q
}

// rest applies the filters that indexed left out.
func (f EventFilter) rest(q *bun.SelectQuery) *bun.SelectQuery {
	if eq := f.equal(); len(eq) > 1 {
		for _, c := range eq[1:] {
			q = q.Where("? = ?", bunIdent(c.column), c.value)
		}
	}
	if f.Query != "" {
		q = q.Where("search LIKE ? ESCAPE '!'", "%"+escapeLike(strings.ToLower(f.Query))+"%")
	}
	return q
}

// eventKey is an event's place in a list.
type eventKey struct{ Seq, At int64 }

// Events lists events, newest first by At and then by order of commit.
func (r Reader) Events(ctx context.Context, t tenant.ID, f EventFilter, p Page) (EventPage, error) {
	var after *eventKey
	if p.Cursor != "" {
		n, err := cursorNumbers(p.Cursor, 2)
		if err != nil {
			return EventPage{}, err
		}
		after = &eventKey{At: n[0], Seq: n[1]}
	}
	keys, next, err := f.scan(t).page(ctx, r, after, p.limit())
	if err != nil {
		return EventPage{}, fmt.Errorf("cannot list events: %w", err)
	}
	page := EventPage{}
	if next != nil {
		page.Next = cursorText(next.At, next.Seq)
	}
	page.Events, err = r.eventsByKey(ctx, t, keys)
	return page, err
}

// scan finds the keys of what f matches.
func (f EventFilter) scan(t tenant.ID) scan[eventKey] {
	s := scan[eventKey]{
		table: (*Event)(nil), key: []string{"seq", "at"}, order: "at DESC, seq DESC",
		index: func(q *bun.SelectQuery) *bun.SelectQuery { return f.indexed(q, t) },
		after: func(q *bun.SelectQuery, k eventKey) *bun.SelectQuery {
			return q.Where("(at, seq) < (?, ?)", k.At, k.Seq)
		},
	}
	if len(f.equal()) > 1 || f.Query != "" {
		s.needs, s.rest = []string{"enforcer_id", "image", "group_name", "control", "verdict", "kind", "item"}, f.rest
	}
	if f.Query != "" {
		s.needs = append(s.needs, "search")
	}
	return s
}

// eventsByKey reads whole events and puts them in the order of keys. The rows
// are found by seq alone, so that no planner takes another way; the tenant is
// checked on each.
func (r Reader) eventsByKey(ctx context.Context, t tenant.ID, keys []eventKey) ([]Event, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	seqs := make([]int64, len(keys))
	at := make(map[int64]int, len(keys))
	for i, k := range keys {
		seqs[i], at[k.Seq] = k.Seq, i
	}
	var rows []Event
	err := r.db.NewSelect().Model(&rows).ExcludeColumn("search").Where("seq IN (?)", bun.List(seqs)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read events: %w", err)
	}
	rows = slices.DeleteFunc(rows, func(e Event) bool { return e.Tenant != t })
	slices.SortFunc(rows, func(a, b Event) int { return at[a.Seq] - at[b.Seq] })
	return rows, nil
}

// Event gives one event by its identifier.
func (r Reader) Event(ctx context.Context, t tenant.ID, id string) (Event, error) {
	var e Event
	err := r.db.NewSelect().Model(&e).Where("tenant = ? AND id = ?", t, id).Order("seq").Limit(1).Scan(ctx)
	return e, lookup(err, "event", id)
}

// EventsAfter lists events committed after seq, oldest first: what a live
// stream reads. last is the seq up to which the filter has been answered.
func (r Reader) EventsAfter(ctx context.Context, t tenant.ID, f EventFilter, seq int64, limit int) (events []Event, last int64, err error) {
	var rows []Event
	err = r.db.NewSelect().Model(&rows).Where("tenant = ? AND seq > ?", t, seq).Order("seq").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, seq, fmt.Errorf("cannot read new events: %w", err)
	}
	last = seq
	for _, e := range rows {
		last = e.Seq
		if f.Match(e) {
			events = append(events, e)
		}
	}
	return events, last, nil
}

// LastEvent is the seq of the newest event of a tenant, 0 if there is none.
func (r Reader) LastEvent(ctx context.Context, t tenant.ID) (int64, error) {
	var n int64
	err := r.db.NewSelect().Model((*Event)(nil)).ColumnExpr("COALESCE(MAX(seq), 0)").Where("tenant = ?", t).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("cannot read newest event: %w", err)
	}
	return n, nil
}

// Match says whether e passes the filter.
func (f EventFilter) Match(e Event) bool {
	at := Time(e.At)
	switch {
	case !f.From.IsZero() && at.Before(f.From), !f.To.IsZero() && !at.Before(f.To):
		return false
	case f.Item != 0 && f.Item != e.Item:
		return false
	case f.Query != "" && !strings.Contains(e.Search, strings.ToLower(f.Query)):
		return false
	}
	for _, c := range []struct{ want, have string }{
		{f.Enforcer, e.EnforcerID}, {f.Image, e.Image}, {f.Group, e.GroupName},
		{f.Control, e.Control}, {f.Verdict, e.Verdict}, {f.Kind, e.Kind},
	} {
		if c.want != "" && c.want != c.have {
			return false
		}
	}
	return true
}
