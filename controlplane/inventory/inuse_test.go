package inventory_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/learn"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
)

const shopDigest = "sha256:5409"

// shopReport has a package for each way in which its use shows, or does not.
func shopReport() *finding.Report {
	r := bill("shop/web:1", shopDigest, 0)
	deb := func(id string, more bool, files ...string) {
		r.Packages = append(r.Packages, finding.Package{ID: id, Type: finding.Deb, Name: id, Version: "1", Files: files, MoreFiles: more})
	}
	deb("nginx", false, "/usr/sbin/nginx")
	deb("libssl", false, "/usr/lib/x86_64-linux-gnu/libssl.so.3")
	deb("merged", false, "/bin/dash")
	deb("idle", false, "/usr/bin/idle", "/usr/lib/x86_64-linux-gnu/libidle.so.1")
	deb("perl", true, "/usr/bin/perl") // modules of it may be read
	deb("changed", false, "/usr/bin/changed")
	deb("dated", false, "/usr/lib/x86_64-linux-gnu/libabsl.so.20220623")
	deb("one", false, "/usr/bin/shared")
	deb("two", false, "/usr/bin/shared")
	deb("data", false)
	deb("pyowner", false, "/usr/bin/pyowner")
	add := func(id string, t finding.Type, name, owner string, at finding.Place) {
		r.Packages = append(r.Packages, finding.Package{ID: id, Type: t, Name: name, Version: "1", OwnedBy: owner, Places: []finding.Place{at}})
	}
	add("gomod", finding.Go, "golang.org/x/net", "", finding.Place{Path: "/app/server"})
	add("gostd", finding.Go, "stdlib", "", finding.Place{Path: "/app/server"})
	add("goidle", finding.Go, "stdlib", "", finding.Place{Path: "/app/other"})
	add("left-pad", finding.NPM, "left-pad", "", finding.Place{Path: "/app/node_modules/left-pad/package.json"})
	add("nested", finding.NPM, "nested", "", finding.Place{Path: "/app/node_modules/left-pad/node_modules/nested/package.json"})
	add("described", finding.NPM, "described", "", finding.Place{Path: "/app/node_modules/described/package.json"})
	add("requests", finding.PyPI, "Requests", "pyowner", finding.Place{Path: "/srv/site-packages/requests-2.0.dist-info/METADATA"})
	add("rack", finding.Gem, "rack", "", finding.Place{Path: "/srv/gems/specifications/rack-2.2.gemspec"})
	add("jar", finding.Maven, "a:b", "", finding.Place{Path: "/srv/app.jar"})
	add("inner", finding.Maven, "a:c", "", finding.Place{Path: "/srv/app.jar", Inside: "BOOT-INF/lib/c.jar"})
	for _, p := range r.Packages {
		r.Vulnerabilities = append(r.Vulnerabilities, finding.Vulnerability{ID: "CVE-2026-" + p.ID, Package: p.ID, Name: p.Name, Version: "1", Type: p.Type, Severity: finding.High})
	}
	return r
}

func read(path string) learn.What {
	return learn.What{Kind: "file", Exe: "/usr/sbin/nginx", Path: path, Call: "read"}
}

func run(path, origin string) learn.What {
	return learn.What{Kind: "exec", Exe: "/bin/sh", Path: path, Origin: origin}
}

var shopUses = []learn.What{
	run("/usr/sbin/nginx", "image"), run("/usr/bin/dash", ""), run("/usr/bin/changed", "modified"), run("/app/server", "image"), run("/usr/bin/shared", "image"),
	read("/lib/x86_64-linux-gnu/libssl.so.3"), read("/usr/lib/x86_64-linux-gnu/libabsl.so.*"), read("/app/node_modules/left-pad/index.js"),
	read("/app/node_modules/described/package.json"), read("/srv/site-packages/requests/__pycache__/api.cpython-311.pyc"), read("/srv/gems/gems/rack-2.2/lib/rack.rb"), read("/srv/app.jar"),
	{Kind: "file", Exe: "/usr/bin/apt", Path: "/usr/bin/idle", Call: "create"},
}

// profiled hands in what a group's workload does; ready: for long enough.
func profiled(t testing.TB, s *store.Store, who tenant.ID, group string, sequence int64, ready bool, uses ...learn.What) {
	t.Helper()
	now := store.Now()
	d := store.ProfileDelta{EnforcerID: "e-" + group, BootID: "b", Sequence: sequence}
	d.GroupName, d.Workload, d.ImageDigest, d.Image = group, shopDigest, shopDigest, "shop/web"
	d.FirstSeen, d.LastSeen = now.Add(-48*time.Hour).UnixNano(), now.UnixNano()
	at := now
	if ready {
		at, d.ObservedNs = now.Add(-47*time.Hour), int64(48*time.Hour)
	}
	for _, w := range uses {
		row, err := w.Row()
		if err != nil {
			t.Fatal(err)
		}
		row.N, row.Starts, row.FirstSeen, row.LastSeen = 3, 1, at.UnixNano(), at.UnixNano()
		d.Items = append(d.Items, row)
	}
	put(t, s, func(ctx context.Context, tx *store.Tx) error {
		for i := range 3 { // starts
			d.BootID = string(rune('b'+i)) + group
			if _, err := tx.AddProfile(ctx, who, d); err != nil {
				return err
			}
		}
		return nil
	})
}

func usageOf(t testing.TB, s *store.Store, who tenant.ID) *inventory.Usage {
	t.Helper()
	u, err := inventory.LoadUsage(t.Context(), s.Reader, who, shopReport(), store.Now())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestInUse(t *testing.T) { testInUse(t, open(t)) }

func testInUse(t *testing.T, s *store.Store) {
	check := func(u *inventory.Usage, used, notSeen string) {
		t.Helper()
		if got := strings.Join(u.Packages(inventory.InUse), " "); got != used {
			t.Errorf("in use: %s\nwant %s", got, used)
		}
		if got := strings.Join(u.Packages(inventory.NotSeen), " "); got != notSeen {
			t.Errorf("not seen: %q, want %q", got, notSeen)
		}
	}
	check(usageOf(t, s, tn), "", "") // nobody looked
	const used = "dated gomod gostd jar left-pad libssl merged nginx pyowner rack requests"
	profiled(t, s, tn, "young", 1, false, shopUses...)
	check(usageOf(t, s, tn), used, "")
	profiled(t, s, "other", "ready", 1, true, shopUses...)
	check(usageOf(t, s, "other"), used, "idle")
	profiled(t, s, "other", "static", 1, true, run("/app/other", "image")) // which libraries it opens is not told
	check(usageOf(t, s, "other"), strings.Replace(used, "gomod", "goidle gomod", 1), "")
	if use, _ := usageOf(t, s, "third").Of("nginx"); use != inventory.UseUnknown {
		t.Errorf("a tenant without profiles knows %s", use)
	}
	use, seen := usageOf(t, s, tn).Of("libssl")
	if use != inventory.InUse || len(seen) != 1 || seen[0].Path != "/lib/x86_64-linux-gnu/libssl.so.3" || seen[0].How != "opened" || seen[0].By != "/usr/sbin/nginx" || seen[0].Group != "young" || seen[0].LastSeen.IsZero() {
		t.Errorf("%s %+v", use, seen)
	}
}

// What a workload is seen to do changes the verdict of its image, and no other
// tenant's.
func TestJudgedByUse(t *testing.T) {
	s := open(t)
	addPolicy(t, s, "used", "{controls: {vulnerabilities: {mode: block, rules: [{inUse: true, ids: [CVE-2026-idle]}]}}}")
	report := shopReport()
	judged := func() (string, []string) {
		t.Helper()
		v, err := inventory.Judge(t.Context(), s.Reader, tn, report, "", store.Now(), "", []string{"used"})
		if err != nil {
			t.Fatal(err)
		}
		return string(v.Result), v.Policies[0].NotJudged
	}
	if result, unknown := judged(); result != "fail" || !slices.ContainsFunc(unknown, func(s string) bool { return strings.Contains(s, "in use") }) {
		t.Errorf("nobody looked: %s, %q", result, unknown)
	}
	profiled(t, s, "other", "shop", 1, true, shopUses...)
	if result, _ := judged(); result != "fail" {
		t.Errorf("by another tenant's profile: %s", result)
	}
	kept := keep(t, s, report)
	rejudge := func(changed int, want string) {
		t.Helper()
		n, err := inventory.Rejudge(t.Context(), s, tn, slog.New(slog.DiscardHandler))
		a, err2 := s.Artifact(t.Context(), tn, kept.ID)
		if err != nil || err2 != nil || n != changed || a.Result != want {
			t.Errorf("changed %d, %s; want %d, %s; %v %v", n, a.Result, changed, want, err, err2)
		}
	}
	rejudge(0, "fail")
	profiled(t, s, tn, "shop", 1, true, shopUses...)
	rejudge(0, "fail") // judged a moment ago
	if result, unknown := judged(); result != "pass" || len(unknown) != 0 {
		t.Errorf("not seen by a profile that is ready: %s, %q", result, unknown)
	}
	long := store.Now().Add(-72 * time.Hour)
	put(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetJudged(ctx, tn, []string{kept.ID}, long) })
	rejudge(1, "pass")
	profiled(t, s, tn, "shop", 2, false, run("/usr/bin/idle", "image"))
	put(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.SetJudged(ctx, tn, []string{kept.ID}, store.Now().Add(-time.Hour))
	})
	rows, err := s.VerdictsBehindProfiles(t.Context(), tn, store.Now().Add(-time.Minute), 10)
	if err != nil || len(rows) != 1 || rows[0].ID != kept.ID {
		t.Fatalf("%+v, %v", rows, err)
	}
	if rows, _ := s.VerdictsBehindProfiles(t.Context(), tn, store.Now().Add(-2*time.Hour), 10); len(rows) != 0 {
		t.Errorf("judged again at once: %+v", rows)
	}
	rejudge(1, "fail")
	if rows, _ := s.VerdictsBehindProfiles(t.Context(), tn, store.Now().Add(time.Minute), 10); len(rows) != 0 {
		t.Errorf("judged and still behind: %+v", rows)
	}
}

func FuzzUsage(f *testing.F) {
	f.Add("/usr/sbin/nginx", "/usr/lib/libssl.so.3", "/app/node_modules/a/package.json")
	f.Add("/usr/lib/libabsl.so.*", "\\", "/x.dist-info/METADATA")
	f.Add("/a/[", "*", "/specifications/x.gemspec")
	s, err := store.Open(f.Context(), storetest.SQLite(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, seen, file, at string) {
		r := shopReport()
		r.Packages = append(r.Packages, finding.Package{ID: "f", Type: finding.Deb, Files: []string{file}}, finding.Package{ID: "g", Type: finding.NPM, Name: file, OwnedBy: "f", Places: []finding.Place{{Path: at}}})
		who := tenant.ID("fuzz")
		put(t, s, func(ctx context.Context, tx *store.Tx) error { _, err := tx.DeleteProfiles(ctx, who, "g"); return err })
		profiled(t, s, who, "g", time.Now().UnixNano(), true, read(seen), run(seen, "image"))
		u, err := inventory.LoadUsage(t.Context(), s.Reader, who, r, store.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range u.Packages(inventory.InUse) {
			if slices.Contains(u.Packages(inventory.NotSeen), id) {
				t.Errorf("%s is both", id)
			}
		}
	})
}
