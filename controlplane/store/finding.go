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

// maxFindings is how many findings of a tenant are kept; the ones that were
// silent longest go first.
const maxFindings = 50_000

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

// FindingFilter narrows a list of findings; zero fields match all.
type FindingFilter struct {
	State   string // as it holds now
	Control string
	Group   string
	Image   string // name or digest
	Query   string // part of executable, object, rule or policy
	Now     time.Time
}

// Findings lists findings, the one that was met last first.
func (r Reader) Findings(ctx context.Context, t tenant.ID, f FindingFilter, p Page) ([]Finding, string, error) {
	var rows []Finding
	q := r.db.NewSelect().Model(&rows).Where("tenant = ?", t).Order("last_seen DESC", "item DESC").Limit(int64(p.limit()) + 1)
	now := ns(f.Now)
	switch f.State {
	case "":
	case FindingOpen:
		q = q.Where("(state = ? OR expires_at > 0 AND expires_at <= ?)", f.State, now)
	default:
		q = q.Where("state = ? AND (expires_at = 0 OR expires_at > ?)", f.State, now)
	}
	if f.Control != "" {
		q = q.Where("control = ?", f.Control)
	}
	if f.Image != "" {
		q = q.Where("(image = ? OR image_digest = ?)", f.Image, f.Image)
	}
	if f.Group != "" {
		q = q.Where("EXISTS (SELECT 1 FROM finding_places AS fp WHERE fp.tenant = finding.tenant AND fp.item = finding.item AND fp.group_name = ?)", f.Group)
	}
	if f.Query != "" {
		like := "%" + escapeLike(strings.ToLower(f.Query)) + "%"
		q = q.Where("(LOWER(executable) LIKE ? ESCAPE '!' OR LOWER(object) LIKE ? ESCAPE '!' OR LOWER(rule) LIKE ? ESCAPE '!' OR LOWER(policy) LIKE ? ESCAPE '!')", like, like, like, like)
	}
	if p.Cursor != "" {
		at, err := cursorNumbers(p.Cursor, 2)
		if err != nil {
			return nil, "", err
		}
		q = q.Where("(last_seen < ? OR last_seen = ? AND item < ?)", at[0], at[0], at[1])
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list findings: %w", err)
	}
	rows, next := cut(rows, p, func(f Finding) string { return cursorText(f.LastSeen, f.Item) })
	return rows, next, nil
}

// CountFindings counts findings by the state that holds now.
func (r Reader) CountFindings(ctx context.Context, t tenant.ID, now time.Time) (map[string]int, error) {
	var rows []struct {
		State string
		N     int
	}
	err := r.db.NewSelect().TableExpr("findings").
		ColumnExpr("CASE WHEN expires_at > 0 AND expires_at <= ? THEN 'open' ELSE state END AS state, COUNT(*) AS n", ns(now)).
		Where("tenant = ?", t).GroupExpr("1").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot count findings: %w", err)
	}
	out := map[string]int{FindingOpen: 0, FindingAcknowledged: 0, FindingMuted: 0}
	for _, row := range rows {
		out[row.State] += row.N
	}
	return out, nil
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

// DeleteFindingsAnyTenant removes findings that were silent since before a
// time (zero: none for that reason), and those beyond maxFindings.
func (x *Tx) DeleteFindingsAnyTenant(ctx context.Context, before time.Time) error {
	for _, q := range []struct {
		text string
		args []any
	}{
		{"DELETE FROM findings WHERE last_seen < ?", []any{ns(before)}},
		{`DELETE FROM findings WHERE (tenant, item) IN (SELECT tenant, item FROM (SELECT tenant, item,
			ROW_NUMBER() OVER (PARTITION BY tenant ORDER BY last_seen DESC, item) AS place FROM findings) AS f WHERE place > ?)`, []any{maxFindings}},
		{"DELETE FROM finding_places WHERE NOT EXISTS (SELECT 1 FROM findings AS f WHERE f.tenant = finding_places.tenant AND f.item = finding_places.item)", nil},
	} {
		if _, err := x.db.NewRaw(q.text, q.args...).Exec(ctx); err != nil {
			return fmt.Errorf("cannot remove old findings: %w", err)
		}
	}
	return nil
}
