package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// FindingFilter narrows a list of findings; zero fields match all.
type FindingFilter struct {
	State   string // as it holds now
	Control string
	Group   string
	Image   string // name, or digest (sha256:...)
	Query   string // part of executable, object, rule or policy
	Now     time.Time
}

// findingAt is a finding's place in a list.
type findingAt struct{ Item, LastSeen int64 }

// fewFindings is how many findings of a group are looked up one by one; a group
// with more is a filter over the list.
const fewFindings = 2000

// Findings lists findings, the one that was met last first. A page may be short
// or empty although next is set, like a page of events.
func (r Reader) Findings(ctx context.Context, t tenant.ID, f FindingFilter, p Page) (rows []Finding, next string, err error) {
	var after *findingAt
	if p.Cursor != "" {
		at, err := cursorNumbers(p.Cursor, 2)
		if err != nil {
			return nil, "", err
		}
		after = &findingAt{LastSeen: at[0], Item: at[1]}
	}
	items, few, err := r.fewItems(ctx, t, f.Group)
	if err != nil {
		return nil, "", err
	}
	var keys []findingAt
	var more *findingAt
	if few {
		keys, more, err = r.findingsOf(ctx, t, f, items, after, p.limit())
	} else {
		keys, more, err = f.scan(t).page(ctx, r, after, p.limit())
	}
	if err != nil {
		return nil, "", fmt.Errorf("cannot list findings: %w", err)
	}
	if more != nil {
		next = cursorText(more.LastSeen, more.Item)
	}
	if len(keys) == 0 {
		return nil, next, nil
	}
	items = items[:0]
	for _, k := range keys {
		items = append(items, k.Item)
	}
	if err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND item IN (?)", t, bun.List(items)).Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list findings: %w", err)
	}
	slices.SortFunc(rows, func(a, b Finding) int { return newer(findingAt{a.Item, a.LastSeen}, findingAt{b.Item, b.LastSeen}) })
	return rows, next, nil
}

func newer(a, b findingAt) int {
	return cmp.Or(cmp.Compare(b.LastSeen, a.LastSeen), cmp.Compare(b.Item, a.Item))
}

// fewItems gives the findings that a group met, if they are few.
func (r Reader) fewItems(ctx context.Context, t tenant.ID, group string) (items []int64, few bool, err error) {
	if group == "" {
		return nil, false, nil
	}
	err = r.db.NewSelect().TableExpr("finding_places").Column("item").Where("tenant = ? AND group_name = ?", t, group).Limit(fewFindings+1).Scan(ctx, &items)
	if err != nil {
		return nil, false, fmt.Errorf("cannot list findings of group %q: %w", group, err)
	}
	return items, len(items) <= fewFindings, nil
}

// findingsOf is a page of findings whose numbers are known.
func (r Reader) findingsOf(ctx context.Context, t tenant.ID, f FindingFilter, items []int64, after *findingAt, limit int) (keys []findingAt, next *findingAt, err error) {
	if len(items) == 0 {
		return nil, nil, nil
	}
	q := r.db.NewSelect().TableExpr("findings AS c").Column("item", "last_seen").Where("tenant = ? AND item IN (?)", t, bun.List(items))
	if err := f.narrow(q).Scan(ctx, &keys); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(keys, newer)
	if after != nil {
		n, _ := slices.BinarySearchFunc(keys, *after, newer)
		for n < len(keys) && newer(keys[n], *after) == 0 {
			n++
		}
		keys = keys[n:]
	}
	return full(keys, limit, nil)
}

// looked is what narrow looks at.
var looked = []string{"tenant", "state", "expires_at", "control", "image", "image_digest", "executable", "object", "rule", "policy"}

// scan finds the keys of what f matches. One filter is left to an index, the
// rest is looked at row by row.
func (f FindingFilter) scan(t tenant.ID) scan[findingAt] {
	s := scan[findingAt]{
		table: (*Finding)(nil), key: []string{"item", "last_seen"}, order: "last_seen DESC, item DESC",
		after: func(q *bun.SelectQuery, k findingAt) *bun.SelectQuery {
			return q.Where("(last_seen, item) < (?, ?)", k.LastSeen, k.Item)
		},
	}
	left := f
	of := func(column, value string) func(*bun.SelectQuery) *bun.SelectQuery {
		return func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("tenant = ? AND ? = ?", t, bunIdent(column), value)
		}
	}
	switch {
	case f.Image != "" && strings.HasPrefix(f.Image, "sha256:"):
		s.index, left.Image = of("image_digest", f.Image), ""
	case f.Image != "":
		s.index, left.Image = of("image", f.Image), ""
	case f.Control != "":
		s.index, left.Control = of("control", f.Control), ""
	case f.State == FindingOpen && f.Group+f.Query == "":
		// Those whose state says so, and those whose state has expired since the
		// janitor looked.
		s.index, s.compare, left.State = of("state", FindingOpen), newer, ""
		s.also = func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("tenant = ? AND state <> 'open' AND expires_at > 0 AND expires_at <= ?", t, ns(f.Now))
		}
	case f.State != "" && f.State != FindingOpen:
		s.index, left.State = func(q *bun.SelectQuery) *bun.SelectQuery { return f.holds(q.Where("tenant = ?", t)) }, ""
	default:
		s.index = func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("tenant = ?", t) }
	}
	if left.State+left.Control+left.Image+left.Group+left.Query != "" {
		s.needs, s.rest = looked, left.narrow
	}
	return s
}

// holds narrows to what has the state that f asks for now.
func (f FindingFilter) holds(q *bun.SelectQuery) *bun.SelectQuery {
	if f.State == FindingOpen {
		return q.Where("(state = ? OR expires_at > 0 AND expires_at <= ?)", f.State, ns(f.Now))
	}
	return q.Where("state = ? AND (expires_at = 0 OR expires_at > ?)", f.State, ns(f.Now))
}

// narrow applies every filter to a table "c".
func (f FindingFilter) narrow(q *bun.SelectQuery) *bun.SelectQuery {
	if f.State != "" {
		q = f.holds(q)
	}
	if f.Control != "" {
		q = q.Where("control = ?", f.Control)
	}
	if f.Image != "" {
		q = q.Where("(image = ? OR image_digest = ?)", f.Image, f.Image)
	}
	if f.Group != "" {
		q = q.Where("EXISTS (SELECT 1 FROM finding_places AS fp WHERE fp.tenant = c.tenant AND fp.item = c.item AND fp.group_name = ?)", f.Group)
	}
	if f.Query != "" {
		like := "%" + escapeLike(strings.ToLower(f.Query)) + "%"
		q = q.Where("(LOWER(executable) LIKE ? ESCAPE '!' OR LOWER(object) LIKE ? ESCAPE '!' OR LOWER(rule) LIKE ? ESCAPE '!' OR LOWER(policy) LIKE ? ESCAPE '!')", like, like, like, like)
	}
	return q
}

// MaxFindingCount is how far findings are counted.
const MaxFindingCount = 10_000

// CountFindings counts findings by the state that holds now, up to
// MaxFindingCount of each: one more means that there are more.
func (r Reader) CountFindings(ctx context.Context, t tenant.ID, now time.Time) (map[string]int, error) {
	out := map[string]int{}
	for _, state := range []string{FindingOpen, FindingAcknowledged, FindingMuted} {
		s := FindingFilter{State: state, Now: now}.scan(t)
		for _, index := range []func(*bun.SelectQuery) *bun.SelectQuery{s.index, s.also} {
			if index == nil {
				continue
			}
			q := index(r.db.NewSelect().Model((*Finding)(nil)).ColumnExpr("1")).Limit(MaxFindingCount + 1)
			var n int
			if err := r.db.NewSelect().TableExpr("(?) AS c", q).ColumnExpr("COUNT(*)").Scan(ctx, &n); err != nil {
				return nil, fmt.Errorf("cannot count findings: %w", err)
			}
			out[state] = min(out[state]+n, MaxFindingCount+1)
		}
	}
	return out, nil
}

// OpenFindingsAnyTenant opens the findings whose state has expired.
func (x *Tx) OpenFindingsAnyTenant(ctx context.Context, now time.Time) error {
	_, err := x.db.NewRaw("UPDATE findings SET state = 'open' WHERE state <> 'open' AND expires_at > 0 AND expires_at <= ?", ns(now)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot open findings: %w", err)
	}
	return nil
}

// maxFindings is how many findings of a tenant are kept; the ones that were
// silent longest go first.
const maxFindings = 1_000_000

// DeleteFindingsAnyTenant removes a batch of the findings that were silent since
// before a time (zero: none for that reason), or that are beyond maxFindings. It
// says how many went; 0 means that it is done.
func (x *Tx) DeleteFindingsAnyTenant(ctx context.Context, before time.Time) (int64, error) {
	tenants, err := x.InstallTenants(ctx)
	if err != nil {
		return 0, err
	}
	for _, t := range tenants {
		var old []int64
		of := func() *bun.SelectQuery { return x.db.NewSelect().TableExpr("findings").Where("tenant = ?", t) }
		err := of().Column("item").Where("last_seen < ?", ns(before)).Order("last_seen").Limit(retentionBatch).Scan(ctx, &old)
		if err == nil && len(old) == 0 {
			err = of().Column("item").OrderExpr("last_seen DESC, item DESC").Limit(retentionBatch).Offset(maxFindings).Scan(ctx, &old)
		}
		if err != nil {
			return 0, fmt.Errorf("cannot find old findings: %w", err)
		}
		if len(old) == 0 {
			continue
		}
		for _, table := range []string{"finding_places", "findings"} {
			if _, err := x.db.NewDelete().TableExpr(table).Where("tenant = ? AND item IN (?)", t, bun.List(old)).Exec(ctx); err != nil {
				return 0, fmt.Errorf("cannot remove old findings: %w", err)
			}
		}
		return int64(len(old)), nil
	}
	return 0, nil
}
