package api

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/publish"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
)

// BenchmarkLists asks every list of the API for its pages on SQLite, over
// 1,000,000 events, findings and audit records (LIMPET_BENCH_ROWS sets another
// number), and reports the 95th percentile of the whole request.
func BenchmarkLists(b *testing.B) { benchmarkLists(b, "sqlite", storetest.SQLite(b)) }

func benchmarkLists(b *testing.B, driver, address string) {
	rows := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("LIMPET_BENCH_ROWS")); err == nil {
		rows = n
	}
	began := time.Now()
	h, token := largeSite(b, driver, address, rows)
	b.Logf("%d rows of each kind made in %v", rows, time.Since(began).Round(time.Second))
	ask := func(b *testing.B, path string) (next string, size int) {
		b.Helper()
		req := httptest.NewRequestWithContext(b.Context(), "GET", prefix+path, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != http.StatusOK {
			b.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		body := w.Body.String()
		if _, after, found := strings.Cut(body[max(0, len(body)-2048):], `"nextCursor":"`); found {
			next, _, _ = strings.Cut(after, `"`)
		}
		return next, len(body)
	}
	for _, path := range largeLists(rows) {
		b.Run(strings.TrimPrefix(path, "/"), func(b *testing.B) {
			report(b, func() { ask(b, path) })
		})
	}
	// Every further page until the end or as many as make up a deep cursor.
	for _, path := range []string{"/events?limit=500", "/events?q=no+such+words", "/events?control=control-rare&verdict=audit", "/findings?limit=500", "/findings?q=no+such+words",
		"/findings?state=open&control=control-3&group=group-2", "/audit?limit=500", "/audit?actor=admin&action=rare", "/enforcers?limit=500"} {
		b.Run("pages/"+strings.TrimPrefix(path, "/"), func(b *testing.B) {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			at := ""
			report(b, func() {
				p := path
				if at != "" {
					p += sep + "cursor=" + url.QueryEscape(at)
				}
				at, _ = ask(b, p)
			})
		})
	}
	// A cursor near the end of the list, as a page gives it.
	deep := base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(largeDay().Add(2*time.Hour).UnixNano(), 36) + ".1"))
	for _, path := range []string{"/events?", "/events?control=control-3&", "/events?verdict=deny&", "/findings?", "/findings?state=open&", "/findings?image=image-7&"} {
		b.Run("deep/"+strings.TrimPrefix(path, "/"), func(b *testing.B) {
			report(b, func() { ask(b, path+"limit=500&cursor="+deep) })
		})
	}
	b.Run("export, first bytes", func(b *testing.B) {
		s := httptest.NewServer(h)
		defer s.Close()
		report(b, func() {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", s.URL+prefix+"/events/export?q=tool-1&format=csv", nil)
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			defer res.Body.Close()
			if _, err := res.Body.Read(make([]byte, 4096)); err != nil || res.StatusCode != http.StatusOK {
				b.Fatal(res.Status, err)
			}
		})
	})
}

// largeLists is every list with each of its filters, and what counts rows.
func largeLists(rows int) []string {
	lists := map[string][]string{
		"/events": {"", "verdict=deny", "verdict=allow", "control=control-3", "control=control-rare", "kind=exec", "kind=rare", "image=image-7", "enforcer=enforcer-42", "group=group-2",
			"finding=" + events.FindingID(7), "finding=" + events.FindingID(int64(rows/2)), "q=tool-1", "q=no+such+words", "control=control-3&verdict=audit",
			"control=control-rare&verdict=audit", window(0, 5*time.Minute), "group=group-2&control=control-3&verdict=deny&q=tool"},
		"/findings": {"", "state=open", "state=acknowledged", "state=muted", "control=control-3", "control=control-rare", "image=image-7", "image=sha256:7", "group=group-2", "group=group-rare",
			"q=tool-1", "q=no+such+words", "state=open&control=control-3&group=group-2&q=tool"},
		"/audit":     {"", "actor=admin", "actor=rare", "action=update", "action=rare", "objectKind=group", "objectKind=group&objectName=group-2", "objectName=group-2", "objectName=rare", "actor=admin&action=rare"},
		"/enforcers": {"", "group=group-2", "state=connected", "state=stale", "q=host-7", "q=no+such+words"},
	}
	for _, p := range []string{"/groups", "/policies", "/reputation-lists", "/users", "/tokens", "/revocations", "/groups/group-2/join-tokens", "/groups/group-2/profiles",
		"/dashboard", "/events/summary", "/findings/" + events.FindingID(7)} {
		lists[p] = []string{""}
	}
	lists["/groups/group-2/profiles/items"] = []string{"workload=w", "workload=w&kind=file"}
	month := window(-30*24*time.Hour, 24*time.Hour)
	lists["/events/summary"] = []string{"", "group=group-2", month, month + "&group=group-2"}
	var out []string
	for p, filters := range lists {
		for _, f := range filters {
			if f != "" {
				out = append(out, p+"?"+f)
			} else {
				out = append(out, p)
			}
		}
	}
	slices.Sort(out)
	return out
}

// report runs f at least 20 times and reports, in ms, the 95th percentile, and
// the least, which a busy machine does not move.
func report(b *testing.B, f func()) {
	b.Helper()
	var took []time.Duration
	run := func() {
		start := time.Now()
		f()
		took = append(took, time.Since(start))
	}
	for b.Loop() {
		run()
	}
	for len(took) < 100 { // of 20, the 95th percentile is the slowest
		run()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(float64(took[0].Microseconds())/1000, "least-ms")
}

// largeSite gives the API over a database of many rows, and a token for it.
func largeSite(b *testing.B, driver, address string, rows int) (http.Handler, string) {
	b.Helper()
	st, err := store.Open(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	secret, shown, hash := access.NewSecret(access.APITokenPrefix)
	err = st.Update(b.Context(), func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InitInstall(ctx); err != nil {
			return err
		}
		_, err := tx.AddAPIToken(ctx, "default", store.APIToken{ID: shown, Name: "bench", Prefix: shown, Hash: hash, Roles: []string{access.Administrator}})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	fillLarge(b, db, driver, rows)
	a := New(Config{Store: st, Publisher: publish.New(st, oneKey{key}), Live: &events.Hub{}, Version: "test"})
	return a.Handler(), secret
}

// fillLarge writes the rows of a day with statements that make them in the
// database, without indexes, which are built at the end.
func fillLarge(b *testing.B, db *sql.DB, driver string, rows int) {
	b.Helper()
	db.SetMaxOpenConns(1)
	run := func(q string, args ...any) {
		b.Helper()
		for i := len(args); i > 0; i-- {
			mark := "?" + strconv.Itoa(i)
			if driver != "sqlite" {
				mark = "$" + strconv.Itoa(i)
				switch args[i-1].(type) {
				case int, int64:
					mark = "CAST(" + mark + " AS BIGINT)"
				}
			}
			q = strings.ReplaceAll(q, "$"+strconv.Itoa(i), mark)
		}
		if _, err := db.ExecContext(b.Context(), q, args...); err != nil {
			b.Fatalf("%v in %.200s", err, q)
		}
	}
	series := func(n int) string {
		return fmt.Sprintf("WITH RECURSIVE g(n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM g WHERE n < %d) ", n)
	}
	indexes := "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('events', 'findings', 'audit')"
	names := "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('events', 'findings', 'audit')"
	if driver == "sqlite" {
		run("PRAGMA synchronous = OFF")
		run("PRAGMA cache_size = -200000")
	} else {
		indexes = "SELECT indexdef FROM pg_indexes WHERE tablename IN ('events', 'findings', 'audit') AND indexname NOT LIKE '%_pkey'"
		names = "SELECT indexname FROM pg_indexes WHERE tablename IN ('events', 'findings', 'audit') AND indexname NOT LIKE '%_pkey'"
		run("SET synchronous_commit = off")
		run("SET maintenance_work_mem = '256MB'")
	}
	again := texts(b, db, indexes)
	for _, name := range texts(b, db, names) {
		run("DROP INDEX " + name)
	}
	payload, err := proto.Marshal(&eventpb.Event{
		Id: "01a20109-0000-7000-8000-000000000000", Sequence: 7, Control: "drift", Policy: "default", Rule: "not-in-image", Kind: eventpb.Kind_KIND_EXEC,
		Verdict: eventpb.Verdict_VERDICT_DENY, Mode: eventpb.Mode_MODE_ENFORCE, Reason: "The program is not part of the image it runs in, so it was not started.",
		Object:    &eventpb.Event_File{File: &eventpb.FileObject{Path: "/tmp/tool-1", Origin: "drifted", Digest: "sha256:" + strings.Repeat("ab", 32)}},
		Process:   &eventpb.Process{Pid: 7, Exe: "/bin/sh", Args: []string{"sh", "-c", "/tmp/tool-1 --quiet --connect 10.0.0.1:4444"}, User: "app"},
		Ancestors: []*eventpb.Process{{Pid: 1, Exe: "/usr/sbin/nginx", Args: []string{"nginx", "-g", "daemon off;"}}, {Pid: 2, Exe: "/docker-entrypoint.sh"}},
		Workload:  &eventpb.Workload{Image: "image-7", ImageDigest: "sha256:" + strings.Repeat("cd", 32), Hostname: "host-7", Labels: map[string]string{"app": "shop"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	from := largeDay().UnixNano()
	step := int64(24*time.Hour) / int64(rows)
	rare := max(rows/20, 1) // one row in so many is rare
	run(series(rows)+`INSERT INTO events (seq, tenant, enforcer_id, boot_id, sequence, id, at, observed_at, received_at, group_name, kind, verdict, control, image, search, payload, item)
		SELECT n, 'default', 'enforcer-' || (n * 7919 % 2000), 'boot', n, 'event-' || n, $2 + n * $3, $2 + n * $3, $2 + n * $3, 'group-' || (n * 31 % 50),
		CASE WHEN n % $4 = 0 THEN 'rare' ELSE 'exec' END, CASE n % 3 WHEN 0 THEN 'deny' ELSE 'audit' END,
		CASE WHEN n % $4 = 0 THEN 'control-rare' ELSE 'control-' || (n * 13 % 40) END, 'image-' || (n * 17 % 200),
		'/tmp/tool-' || n || ' drift not-in-image /bin/sh sh -c host-7 the program is not part of the image', $1,
		CASE WHEN n % 10 = 0 THEN 7 ELSE n END FROM g`, payload, from, step, rare)
	run(series(rows)+`INSERT INTO findings (tenant, item, control, rule, policy, image, image_digest, executable, object, kind, technique, audited, denied, first_seen, last_seen,
		state, reason, changed_by, changed_at, expires_at, seen_then, version)
		SELECT 'default', n, CASE WHEN n % $3 = 0 THEN 'control-rare' ELSE 'control-' || (n * 13 % 40) END, 'not-in-image', 'default', 'image-' || (n * 17 % 200), 'sha256:' || (n * 17 % 200),
		'/tmp/tool-' || n, '/tmp/*', 'exec', 'T1059', 1, 1, $1, $1 + n * $2, CASE WHEN n % $3 = 0 THEN 'muted' WHEN n % 3 = 0 THEN 'acknowledged' ELSE 'open' END, '', '', 0,
		CASE WHEN n % 9999 = 0 THEN $1 WHEN n % 9 = 0 THEN 9000000000000000000 ELSE 0 END, 0, 1 FROM g`, from, step, rare)
	run(series(rows)+`INSERT INTO finding_places SELECT 'default', n, CASE WHEN n % $2 = 0 THEN 'group-rare' ELSE 'group-' || (n * 31 % 50) END, 'enforcer-' || (n * 7919 % 2000), 1, $1 FROM g`, from, rare)
	run(series(10_000)+`INSERT INTO finding_places SELECT 'default', 7, 'group-2', 'other-' || n, n, $1 FROM g`, from)
	run(series(rows)+`INSERT INTO audit SELECT 'default', 'audit-' || (1000000000 + n), $1, CASE WHEN n % $2 = 0 THEN 'rare' ELSE 'admin' END,
		CASE WHEN n % $2 = 1 THEN 'rare' ELSE 'update' END, 'group', 'group-' || (n % 50), '{}', '{}', '10.0.0.1' FROM g`, from, rare)
	fillFleet(b, run, series, from)
	for _, q := range again {
		run(q)
	}
	run("ANALYZE")
}

// fillFleet adds 50 groups, 1,000 policies, lists and people, 10,000 enforcers,
// and the counts of a month.
func fillFleet(b *testing.B, run func(string, ...any), series func(int) string, from int64) {
	b.Helper()
	document, err := policy.Default().YAML()
	if err != nil {
		b.Fatal(err)
	}
	run(series(50) + `INSERT INTO enforcer_groups (tenant, name, description, mode, labels, on_no_policy, version, created_at, updated_at)
		SELECT 'default', 'group-' || n, '', 'audit', '{}', 'audit', 1, 0, 0 FROM g`)
	run(series(1000)+`INSERT INTO policies SELECT 'default', 'policy-' || n, $1, $2, 1, 0, 0, 'admin' FROM g`, string(policy.DefaultYAML()), string(document))
	run(series(1000) + `INSERT INTO group_policies SELECT 'default', 'group-' || (n % 50 + 1), 'policy-' || n, n, 0 FROM g`)
	run(series(100)+`INSERT INTO reputation_lists SELECT 'default', 'list-' || n, '', 'text', '', $1, $2, 'sha256:', 1000, 1000, 0, 1, 0, 0, 'admin' FROM g`,
		strings.Repeat("192.0.2.1\n", 100_000), make([]byte, 200_000))
	run(series(1000) + `INSERT INTO users SELECT 'default', 'user-' || n, 'x', '["viewer"]', 1, 0, 0, 0 FROM g`)
	run(series(1000) + `INSERT INTO api_tokens SELECT 'default', 'token-' || n, 'x', 'x', 'hash-' || n, '["viewer"]', 'admin', 0, 0, 0 FROM g`)
	run(series(1000) + `INSERT INTO join_tokens SELECT 'default', 'join-' || n, 'group-2', 'x', 'hash-' || n, 0, 0, 'admin', 0, 0 FROM g`)
	run(series(10_000) + `INSERT INTO revoked_enforcers (tenant, id, revoked_at) SELECT 'default', 'gone-' || n, 0 FROM g`)
	run(series(100) + `INSERT INTO profiles SELECT 'default', 'group-2', CASE n WHEN 1 THEN 'w' ELSE 'w-' || n END, 'image', '', 0, 0, 0, 0, 1, 1, 0, 1 FROM g`)
	run(series(store.MaxProfileItems) + `INSERT INTO profile_items SELECT 'default', 'group-2', 'w', n, CASE n % 3 WHEN 0 THEN 'file' ELSE 'exec' END, '{"kind":"exec","path":"/bin/x"}', n % 100, 1, 0, 0 FROM g`)
	run(series(10_000)+`INSERT INTO enforcers SELECT 'default', 'enforcer-' || n, 'group-' || (n % 50 + 1), 'micro', 'host-' || n, 'image-' || (n % 200), 'sha256:', FALSE, '{}', '0.1.0', 'A1', '6.18', 'amd64',
		'boot', '10.0.0.1', FALSE, 7, $1, '{}', 1, 1, 1, 1, 0, 0, 0, 0, CASE n % 3 WHEN 0 THEN 0 ELSE $2 END FROM g`,
		"["+strings.TrimSuffix(strings.Repeat(`{"control":"metadataEndpoints","state":"enforced","reason":"by the kernel"},`, 40), ",")+"]", time.Now().Add(time.Hour).UnixNano())
	// A month: by the minute and hour of all groups, by hour and control of all and
	// of each, by image of all. By the minute of each for the last day only.
	const hour, minutes = int64(time.Hour), 31 * 24 * 60
	start := from - 30*24*hour
	const into = "INSERT INTO event_counts (tenant, dimension, span, name, group_name, verdict, n) SELECT 'default', "
	with := func(n int) string {
		return series(n) + ", v(v) AS (SELECT 'audit' UNION ALL SELECT 'deny' UNION ALL SELECT 'allow'), h(g) AS (SELECT 'group-' || n FROM g WHERE n <= 50) "
	}
	run(with(minutes)+into+"'', $1 + n * $2, '', '', v, n FROM g, v", start, int64(time.Minute))
	run(with(24*60)+into+"'', $1 + n * $2, '', h.g, v, n FROM g, v, h", from, int64(time.Minute))
	run(with(31*24)+into+"'hour', $1 + n * $2, '', '', v, n FROM g, v", start, hour)
	run(with(31*24)+into+"'hour', $1 + n * $2, '', h.g, v, n FROM g, v, h", start, hour)
	run(with(31*24)+into+"'control', $1 + g.n * $2, 'control-' || c.n, '', v, c.n FROM g, v, (SELECT n FROM g WHERE n <= 40) AS c", start, hour)
	run(with(31*24)+into+"'control', $1 + g.n * $2, 'control-' || c.n, h.g, v, c.n FROM g, v, h, (SELECT n FROM g WHERE n <= 5) AS c", start, hour)
	run(with(31*24)+into+"'image', $1 + g.n * $2, 'image-' || c.n, '', v, c.n FROM g, v, (SELECT n FROM g WHERE n <= 40) AS c", start, hour)
}

// largeDay is the day of the events: it ends now, so that the dashboard shows it.
var largeDay = sync.OnceValue(func() time.Time { return time.Now().UTC().Truncate(time.Hour).Add(-23 * time.Hour) })

// window is a filter by time, from the start of that day.
func window(from, to time.Duration) string {
	return "from=" + largeDay().Add(from).Format(time.RFC3339) + "&to=" + largeDay().Add(to).Format(time.RFC3339)
}

func texts(b *testing.B, db *sql.DB, q string) (out []string) {
	b.Helper()
	rows, err := db.QueryContext(b.Context(), q)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			b.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return out
}
