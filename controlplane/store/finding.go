package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// States of a finding.
const (
	FindingOpen         = "open"
	FindingAcknowledged = "acknowledged" // somebody has looked at it
	FindingMuted        = "muted"        // nobody wants to see it
)

// Finding is one root cause of events that broke a rule, with the exact counts
// of all that ever came, whether they are still stored or not.
type Finding struct {
	bun.BaseModel `bun:"table:findings"`
	Tenant        tenant.ID `bun:",pk"`
	Item          int64     `bun:",pk"`
	Control       string
	Rule          string
	Policy        string
	Image         string
	ImageDigest   string
	Executable    string
	Object        string // class of what was acted upon
	Kind          string
	Technique     string
	Audited       int64
	Denied        int64
	FirstSeen     int64
	LastSeen      int64
	State         string
	Reason        string // why the state was changed
	ChangedBy     string
	ChangedAt     int64
	ExpiresAt     int64 // of the state, after which it is open again; 0: never
	SeenThen      int64 // Audited + Denied when the state was changed
	Version       int64
}

// FindingPlace is where a finding was met.
type FindingPlace struct {
	bun.BaseModel `bun:"table:finding_places"`
	Tenant        tenant.ID `bun:",pk"`
	Item          int64     `bun:",pk"`
	GroupName     string    `bun:",pk"`
	EnforcerID    string    `bun:",pk"`
	N             int64
	LastSeen      int64
}

// StateAt gives the state that holds at a time: an expired one is open.
func (f *Finding) StateAt(now time.Time) string {
	if f.ExpiresAt != 0 && f.ExpiresAt <= now.UnixNano() {
		return FindingOpen
	}
	return f.State
}

type findingKey struct {
	tenant tenant.ID
	item   int64
}

type placeKey struct {
	findingKey
	group, enforcer string
}

// causes gathers what a batch of new events adds to findings.
type causes struct {
	findings map[findingKey]*Finding
	places   map[placeKey]*FindingPlace
}

func (c *causes) add(e *Event) {
	if e.Cause == nil {
		return
	}
	n := max(e.Count, 1)
	k := findingKey{e.Tenant, e.Item}
	if c.findings == nil {
		c.findings, c.places = map[findingKey]*Finding{}, map[placeKey]*FindingPlace{}
	}
	f := c.findings[k]
	if f == nil {
		row := *e.Cause
		row.Tenant, row.Item, row.FirstSeen, row.LastSeen = e.Tenant, e.Item, e.At, e.At
		row.Audited, row.Denied = 0, 0
		f = &row
		c.findings[k] = f
	}
	if e.Verdict == "deny" {
		f.Denied += n
	} else {
		f.Audited += n
	}
	f.FirstSeen, f.LastSeen = min(f.FirstSeen, e.At), max(f.LastSeen, e.At)
	pk := placeKey{k, e.GroupName, e.EnforcerID}
	p := c.places[pk]
	if p == nil {
		p = &FindingPlace{LastSeen: e.At}
		c.places[pk] = p
	}
	p.N += n
	p.LastSeen = max(p.LastSeen, e.At)
}

// write adds them in the transaction of the events, in one order for all
// writers, so that two never wait for each other.
func (c *causes) write(ctx context.Context, tx *sql.Tx, d Dialect) error {
	if len(c.findings) == 0 {
		return nil
	}
	add, err := tx.PrepareContext(ctx, `INSERT INTO findings (tenant, item, control, rule, policy, image, image_digest, executable, object, kind,
		technique, audited, denied, first_seen, last_seen, state, reason, changed_by, changed_at, expires_at, seen_then, version) VALUES (`+
		marks(d, 15)+`, 'open', '', '', 0, 0, 0, 1) ON CONFLICT (tenant, item) DO UPDATE SET
		audited = findings.audited + EXCLUDED.audited, denied = findings.denied + EXCLUDED.denied,
		first_seen = CASE WHEN EXCLUDED.first_seen < findings.first_seen THEN EXCLUDED.first_seen ELSE findings.first_seen END,
		last_seen = CASE WHEN EXCLUDED.last_seen > findings.last_seen THEN EXCLUDED.last_seen ELSE findings.last_seen END`)
	if err != nil {
		return err
	}
	defer func() { _ = add.Close() }()
	order := func(a, b findingKey) int { return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.item, b.item)) }
	for _, k := range slices.SortedFunc(maps.Keys(c.findings), order) {
		f := c.findings[k]
		if _, err := add.ExecContext(ctx, string(f.Tenant), f.Item, f.Control, f.Rule, f.Policy, f.Image, f.ImageDigest, f.Executable, f.Object, f.Kind,
			f.Technique, f.Audited, f.Denied, f.FirstSeen, f.LastSeen); err != nil {
			return err
		}
	}
	place, err := tx.PrepareContext(ctx, `INSERT INTO finding_places (tenant, item, group_name, enforcer_id, n, last_seen) VALUES (`+marks(d, 6)+`)
		ON CONFLICT (tenant, item, group_name, enforcer_id) DO UPDATE SET n = finding_places.n + EXCLUDED.n,
		last_seen = CASE WHEN EXCLUDED.last_seen > finding_places.last_seen THEN EXCLUDED.last_seen ELSE finding_places.last_seen END`)
	if err != nil {
		return err
	}
	defer func() { _ = place.Close() }()
	for _, k := range slices.SortedFunc(maps.Keys(c.places), func(a, b placeKey) int {
		return cmp.Or(order(a.findingKey, b.findingKey), cmp.Compare(a.group, b.group), cmp.Compare(a.enforcer, b.enforcer))
	}) {
		p := c.places[k]
		if _, err := place.ExecContext(ctx, string(k.tenant), k.item, k.group, k.enforcer, p.N, p.LastSeen); err != nil {
			return err
		}
	}
	return nil
}

// marks gives n placeholders.
func marks(d Dialect, n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = "?"
		if d == Postgres {
			out[i] = "$" + strconv.Itoa(i+1)
		}
	}
	return strings.Join(out, ", ")
}

// Finding gives one finding.
func (r Reader) Finding(ctx context.Context, t tenant.ID, item int64) (Finding, error) {
	var f Finding
	err := r.db.NewSelect().Model(&f).Where("tenant = ? AND item = ?", t, item).Scan(ctx)
	return f, lookup(err, "finding", strconv.FormatInt(item, 36))
}

// FindingPlaces lists where a finding was met, most often first, and how many
// places there are.
func (r Reader) FindingPlaces(ctx context.Context, t tenant.ID, item int64, limit int) ([]FindingPlace, int, error) {
	var rows []FindingPlace
	n, err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND item = ?", t, item).Order("n DESC", "group_name", "enforcer_id").Limit(int64(limit)).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot read places of a finding: %w", err)
	}
	return rows, int(n), nil
}

// SetFinding writes the state of a finding whose version is still f.Version.
func (x *Tx) SetFinding(ctx context.Context, t tenant.ID, f Finding) (Finding, error) {
	was := f.Version
	f.Tenant, f.Version, f.ChangedAt = t, was+1, ns(Now())
	res, err := x.db.NewUpdate().Model(&f).Column("state", "reason", "changed_by", "changed_at", "expires_at", "seen_then", "version").
		Where("tenant = ? AND item = ? AND version = ?", t, f.Item, was).Exec(ctx)
	return f, changed(res, err, "finding", strconv.FormatInt(f.Item, 36), ErrVersion)
}
