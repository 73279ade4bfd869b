package store

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"
)

// A filter that no index answers looks at rows chunk by chunk, until the page
// is full or scanTime has passed: a filter that matches rarely gives short
// pages with a cursor instead of one slow page.
const (
	scanChunk = 1000
	scanTime  = 25 * time.Millisecond
)

// scan finds the keys of one page of a list.
type scan[K any] struct {
	table any                                        // its model
	key   []string                                   // columns of K
	index func(*bun.SelectQuery) *bun.SelectQuery    // narrows to what one index answers in the order of the list
	after func(*bun.SelectQuery, K) *bun.SelectQuery // what stands behind a key
	order string
	// also narrows to what another index answers and is in the list as well, where
	// there is no rest; compare is the order of the list then.
	also    func(*bun.SelectQuery) *bun.SelectQuery
	compare func(a, b K) int
	needs   []string                                // further columns that rest looks at
	rest    func(*bun.SelectQuery) *bun.SelectQuery // the filters that are left, over a table "c"; nil: none
}

// merge puts two lists of keys into the order of the list.
func (s scan[K]) merge(ctx context.Context, r Reader, keys []K, from *K, limit int) ([]K, error) {
	if s.also == nil {
		return keys, nil
	}
	var more []K
	s.index = s.also
	if err := s.candidates(r, from).Limit(int64(limit)+1).Scan(ctx, &more); err != nil {
		return nil, err
	}
	keys = append(keys, more...)
	slices.SortFunc(keys, s.compare)
	return keys, nil
}

// candidates is what one index answers, in the order of the list.
func (s scan[K]) candidates(r Reader, from *K) *bun.SelectQuery {
	q := s.index(r.db.NewSelect().Model(s.table).Column(s.key...)).OrderExpr(s.order)
	if from != nil {
		q = s.after(q, *from)
	}
	return q
}

// page gives up to limit keys behind from (nil: the first), and the key behind
// which the next page begins: nil at the end.
func (s scan[K]) page(ctx context.Context, r Reader, from *K, limit int) (keys []K, next *K, err error) {
	if s.rest == nil {
		if err := s.candidates(r, from).Limit(int64(limit)+1).Scan(ctx, &keys); err != nil {
			return nil, nil, err
		}
		if keys, err = s.merge(ctx, r, keys, from, limit); err != nil {
			return nil, nil, err
		}
		return full(keys, limit, nil)
	}
	for start := time.Now(); ; {
		inner := s.candidates(r, from).Limit(scanChunk).Column(s.needs...)
		var found []K
		err := s.rest(r.db.NewSelect().TableExpr("(?) AS c", inner)).Column(s.key...).
			OrderExpr(s.order).Limit(int64(limit+1-len(keys))).Scan(ctx, &found)
		if err != nil {
			return nil, nil, err
		}
		if keys = append(keys, found...); len(keys) > limit {
			return full(keys, limit, nil)
		}
		var last []K
		if err := s.candidates(r, from).Limit(1).Offset(scanChunk-1).Scan(ctx, &last); err != nil {
			return nil, nil, err
		}
		if len(last) == 0 {
			return full(keys, limit, nil)
		}
		from = &last[0]
		if time.Since(start) > scanTime {
			return full(keys, limit, from)
		}
	}
}

// full cuts what is beyond the page.
func full[K any](keys []K, limit int, next *K) ([]K, *K, error) {
	if len(keys) > limit {
		keys = keys[:limit]
		next = &keys[limit-1]
	}
	return keys, next, nil
}

// idKey is the key of lists whose identifiers grow with time.
type idKey struct{ ID string }

func behindID(q *bun.SelectQuery, k idKey) *bun.SelectQuery { return q.Where("id < ?", k.ID) }

// newest gives the identifiers of one page, the newest first, and the cursor of
// the next one ("" at the end).
func newest(ctx context.Context, r Reader, s scan[idKey], p Page) (ids []string, cursor string, err error) {
	var from *idKey
	if p.Cursor != "" {
		_, id, err := cursorNamed(p.Cursor)
		if err != nil {
			return nil, "", err
		}
		from = &idKey{id}
	}
	keys, next, err := s.page(ctx, r, from, p.limit())
	if err != nil {
		return nil, "", err
	}
	if next != nil {
		cursor = cursorName(0, next.ID)
	}
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return ids, cursor, nil
}
