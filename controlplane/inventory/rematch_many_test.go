package inventory_test

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/cybercenter/sample"
	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// mostKept is how many reports are kept as any report is; the others are copies.
const mostKept = 500

// BenchmarkRematchMany keeps LIMPET_REMATCH_COUNT bills of materials (default
// 300) of images that share bases and applications, matched with the database that
// LIMPET_REMATCH_DB names (default: the sample), and gives the time to match all of
// them again: with data that says the same of all but for the EPSS scores, each of which is
// another; with 30 new advisories in it; and with one for each of them.
func BenchmarkRematchMany(b *testing.B) { rematchMany(b, "sqlite", storetest.SQLite(b)) }

func rematchMany(b *testing.B, driver, address string) {
	db := manyDB(b)
	defer db.Close()
	n := 300
	if v := os.Getenv("LIMPET_REMATCH_COUNT"); v != "" {
		n, _ = strconv.Atoi(v)
	}
	s := openAt(b, address)
	g := newBills(b, db)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	began := time.Now()
	keepBills(b, s, g, min(n, mostKept))
	if _, err := inventory.Rematch(b.Context(), s, g.tomorrow(1), log); err != nil { // notes their questions
		b.Fatal(err)
	}
	if n > mostKept {
		copies(b, s, driver, address, n)
	}
	tell := func() {
		fmt.Fprintf(os.Stderr, "%s since the start, at most %d MB resident\n", time.Since(began).Round(time.Second), usage(b).Maxrss>>10)
	}
	tell()
	day := 1
	for _, c := range []struct {
		name string
		news func(day int) []news
	}{{"same", func(int) []news { return nil }}, {"news", g.some}, {"every", g.every}} {
		b.Run(c.name, func(b *testing.B) {
			var spent, cpu time.Duration
			rounds, read, written := 0, 0, 0
			for b.Loop() {
				day++
				rounds++
				src := g.tomorrow(day, c.news(day)...)
				began, used := time.Now(), processorTime(b)
				got, r, err := inventory.RematchReads(b.Context(), s, src, log, false)
				if err != nil || got.Total() != n {
					b.Fatal(got, err)
				}
				spent, cpu, read = spent+time.Since(began), cpu+processorTime(b)-used, read+r
				left, err := s.StaleVerdicts(b.Context(), tn, began, n) // who is written anew is judged anew
				if err != nil {
					b.Fatal(err)
				}
				written += n - len(left)
			}
			b.ReportMetric(float64(100*read)/float64(rounds*n), "%-read")
			b.ReportMetric(float64(100*written)/float64(rounds*n), "%-written")
			b.ReportMetric(float64(spent.Microseconds())/1000/float64(rounds*n), "ms/artefact")
			b.ReportMetric(float64(cpu.Microseconds())/1000/float64(rounds*n), "cpu-ms/artefact")
			tell()
		})
	}
}

// keepBills keeps n bills of materials as any report is.
func keepBills(b *testing.B, s *store.Store, g *bills, n int) {
	b.Helper()
	began := time.Now()
	packages, vulnerabilities := 0, 0
	src := inventory.Remember(g.tomorrow(0))
	for from := 0; from < n; from += 100 {
		batch := make([]*finding.Report, min(100, n-from))
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i := range batch {
			group.Go(func() error {
				batch[i] = g.bill(from + i)
				err := match.Match(b.Context(), batch[i], src)
				batch[i].Sort()
				return err
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
		for _, r := range batch {
			packages, vulnerabilities = packages+len(r.Packages), vulnerabilities+len(r.Vulnerabilities)
		}
		keepAll(b, s, "ci", batch...)
	}
	fmt.Fprintf(os.Stderr, "%d artefacts kept in %s, each with %d packages and %d findings\n", n, time.Since(began).Round(time.Second), packages/n, vulnerabilities/n)
}

func usage(b *testing.B) (u syscall.Rusage) {
	b.Helper()
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	u := usage(b)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func manyDB(b *testing.B) *vulndb.DB {
	b.Helper()
	open := sample.Open
	if file := os.Getenv("LIMPET_REMATCH_DB"); file != "" {
		open = func() (*vulndb.DB, error) { return vulndb.Open(file) }
	}
	db, err := open()
	if err != nil {
		b.Fatal(err)
	}
	return db
}

// bills makes bills of materials from the packages that a database knows.
type bills struct {
	db    *vulndb.DB
	bases [][]finding.Package // what distributions' images hold
	os    []*finding.OS
	apps  [][]finding.Package
	known []vulndb.Ecosystem
	names map[vulndb.Ecosystem][]string
}

// distributions that a bill may be of: those the database knows well.
var manyOS = map[vulndb.Ecosystem]*finding.OS{
	"Ubuntu:18.04": {ID: "ubuntu", Version: "18.04"}, "Ubuntu:14.04": {ID: "ubuntu", Version: "14.04"}, "Debian:8": {ID: "debian", Version: "8"},
	"Debian:12": {ID: "debian", Version: "12"}, "Debian:9": {ID: "debian", Version: "9"}, "AlmaLinux:9": {ID: "almalinux", Version: "9"}, "AlmaLinux:8": {ID: "almalinux", Version: "8"},
	"Alpine:v3.10": {ID: "alpine", Version: "3.10"},
}

var manyKinds = map[vulndb.Ecosystem]finding.Type{
	"npm": finding.NPM, "PyPI": finding.PyPI, "Go": finding.Go, "RubyGems": finding.Gem, "Packagist": finding.Composer,
}

func newBills(b *testing.B, db *vulndb.DB) *bills {
	b.Helper()
	g := &bills{db: db, names: map[vulndb.Ecosystem][]string{}}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, e := range db.Meta().Ecosystems {
		names, err := db.Packages(e.Name)
		if err != nil {
			b.Fatal(err)
		}
		g.names[e.Name] = names
		if os := manyOS[e.Name]; os != nil {
			for range 6 { // images are built on few bases
				g.os, g.bases = append(g.os, os), append(g.bases, g.draw(b, rnd, e.Name, osKind(os), 60, 150))
			}
			g.known = append(g.known, e.Name)
		}
		if kind := manyKinds[e.Name]; kind != "" {
			for range 400 {
				g.apps = append(g.apps, g.draw(b, rnd, e.Name, kind, 8, 150))
			}
			g.known = append(g.known, e.Name)
		}
	}
	return g
}

func osKind(os *finding.OS) finding.Type {
	switch os.ID {
	case "almalinux":
		return finding.RPM
	case "alpine":
		return finding.APK
	}
	return finding.Deb
}

// draw takes packages that advisories speak of, at a version between them, and
// others that none does.
func (g *bills) draw(b *testing.B, rnd *rand.Rand, eco vulndb.Ecosystem, kind finding.Type, spoken, others int) (all []finding.Package) {
	b.Helper()
	add := func(name, version string) {
		id := fmt.Sprintf("%016x", rnd.Uint64())
		all = append(all, finding.Package{ID: id, Type: kind, Name: name, Version: version, Arch: "amd64", PURL: "pkg:" + string(kind) + "/" + name + "@" + version,
			Licences: []string{"MIT"}, Places: []finding.Place{{Path: "/usr/lib/" + name, Layer: "sha256:" + strings.Repeat("ab", 32)}}, Evidence: "package database"})
	}
	names := g.names[eco]
	for range min(spoken, len(names)) {
		name := names[rnd.IntN(len(names))]
		rows, err := g.db.Advisories(eco, name)
		if err != nil {
			b.Fatal(err)
		}
		var fixed []string
		for _, r := range rows {
			for _, x := range r.Ranges {
				if x.Fixed != "" {
					fixed = append(fixed, x.Fixed)
				}
			}
		}
		if len(fixed) > 0 {
			slices.Sort(fixed)
			add(name, fixed[len(fixed)-1-rnd.IntN(1+len(fixed)/4)])
		} else {
			add(name, "1.0-1")
		}
	}
	for i := range others {
		add(fmt.Sprintf("%s-part-%d", kind, rnd.IntN(4000)+i), fmt.Sprintf("%d.%d.%d", rnd.IntN(5), rnd.IntN(20), rnd.IntN(9)))
	}
	return all
}

// bill is the i-th image: a base with an application or two on it.
func (g *bills) bill(i int) *finding.Report {
	rnd := rand.New(rand.NewPCG(3, uint64(i)))
	at := rnd.IntN(len(g.bases))
	os := *g.os[at]
	r := &finding.Report{
		Schema: 1, Artifact: finding.Artifact{Kind: finding.KindImage, Name: fmt.Sprintf("registry.example/team%d/app%d:%d", i%200, i%5000, i), Digest: fmt.Sprintf("sha256:%064x", i),
			Image: &finding.Config{User: "app", Labels: map[string]string{"team": fmt.Sprint(i % 200)}}},
		Integrity: finding.Integrity{Verdict: finding.Complete}, OS: &os, Packages: slices.Clone(g.bases[at]),
	}
	for range 1 + rnd.IntN(2) {
		r.Packages = append(r.Packages, g.apps[rnd.IntN(len(g.apps))]...)
	}
	return r
}

// news is a package that a new advisory speaks of.
type news struct {
	eco  vulndb.Ecosystem
	name string
}

// some are 30 packages of all that are known.
func (g *bills) some(day int) (all []news) {
	rnd := rand.New(rand.NewPCG(4, uint64(day)))
	for range 30 {
		eco := g.known[rnd.IntN(len(g.known))]
		all = append(all, news{eco, g.names[eco][rnd.IntN(len(g.names[eco]))]})
	}
	return all
}

// every is a package of each base: every image has one of them.
func (g *bills) every(int) (all []news) {
	for i, base := range g.bases {
		all = append(all, news{match.Distribution(g.os[i]), base[0].Name})
	}
	return all
}

// tomorrow is the same data on another day, with new advisories and another EPSS
// score for every vulnerability.
func (g *bills) tomorrow(day int, about ...news) *nextDay {
	made := *g.db.Database()
	made.Digest, made.Built = fmt.Sprint("sha256:day", day), made.Built.AddDate(0, 0, day)
	d := &nextDay{DB: g.db, made: made, more: map[news]vulndb.Advisory{}, day: day}
	for i, n := range about {
		id := fmt.Sprintf("CVE-2099-%d%04d", day, i)
		d.more[n] = vulndb.Advisory{ID: id, CVEs: []string{id}, Source: "news", Status: vulndb.Affected, Severity: finding.High, Ranges: []vulndb.Range{{Introduced: "0"}}}
	}
	return d
}

// nextDay is a database with news.
type nextDay struct {
	*vulndb.DB
	made finding.Database
	more map[news]vulndb.Advisory
	day  int
}

func (d *nextDay) Database() *finding.Database { return &d.made }

func (d *nextDay) Advisories(eco vulndb.Ecosystem, name string) ([]vulndb.Advisory, error) {
	rows, err := d.DB.Advisories(eco, name)
	if a, ok := d.more[news{eco, name}]; ok && err == nil {
		rows = append(rows, a)
	}
	return rows, err
}

func (d *nextDay) Detail(id string) (vulndb.Detail, bool, error) {
	detail, _, err := d.DB.Detail(id)
	sum := fnv.New32a()
	fmt.Fprint(sum, id)
	// Every score is a little other than the day before; 4 in 100 are likely, and of 5,000 one becomes so, or no longer is.
	score := float64(sum.Sum32()%1000)/12_000 + float64(d.day%10)/1000
	if kind := sum.Sum32() / 1000 % 5000; kind < 200 || int(kind) == 200+d.day%10 {
		score += 0.3
	}
	detail.EPSS = &finding.EPSS{Score: score, Percentile: score, Date: d.made.Built.Format(time.DateOnly)}
	return detail, true, err
}

var _ match.Source = (*nextDay)(nil)
