package registries

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/limpet-security/limpet/controlplane/authority"
	"github.com/limpet-security/limpet/controlplane/registries/spec"
	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// queue remembers what it is asked for.
type queue struct {
	mu   sync.Mutex
	got  []scanning.Request
	fail error
}

func (q *queue) Enqueue(_ context.Context, r scanning.Request) (string, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail != nil {
		return "", q.fail
	}
	q.got = append(q.got, r)
	return "job", nil
}

// take gives what was asked for since the last time: reference, platform, reason.
func (q *queue) take() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []string
	for _, r := range q.got {
		ref, _, _ := strings.Cut(r.Reference, "@")
		_, ref, _ = strings.Cut(ref, "/")
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Reason, ref, r.Platform)))
	}
	q.got = nil
	slices.Sort(out)
	return out
}

// noKeys is a store of keys that is empty.
type noKeys struct{}

func (noKeys) LoadKey(context.Context, string, string) ([]byte, error) {
	return nil, authority.ErrNoKey
}
func (noKeys) SaveKey(context.Context, string, string, []byte) error { return nil }

// bench is a service with its store.
type bench struct {
	*testing.T
	*Service
	queue *queue
}

func newBench(t *testing.T, address string) *bench {
	t.Helper()
	st, err := store.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	err = st.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.InitInstall(ctx) })
	if err != nil {
		t.Fatal(err)
	}
	keys, err := authority.Open(t.Context(), noKeys{}, authority.NewMaster([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	q := &queue{}
	return &bench{T: t, queue: q, Service: New(Config{Store: st, Sealer: keys, Queue: q, Network: Network{Allowed: loopback}})}
}

// add keeps a registry.
func (b *bench) add(d Draft) store.Registry {
	b.Helper()
	row, _, err := b.Row(b.Context(), store.Registry{Tenant: "default"}, d)
	if err != nil {
		b.Fatal(err)
	}
	err = b.Store.Update(b.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		row, err = tx.AddRegistry(ctx, "default", row)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return row
}

// set writes a row that was changed.
func (b *bench) set(row store.Registry) {
	b.Helper()
	err := b.Store.Update(b.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.SetRegistry(ctx, "default", row)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}

// sync looks through a registry now, and gives how it went.
func (b *bench) sync(id string) store.Registry {
	b.Helper()
	now := b.Now()
	err := b.Store.Update(b.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.WantSync(ctx, "default", id, now) })
	if err != nil {
		b.Fatal(err)
	}
	row, mine, err := b.Store.TakeDueRegistryAnyTenant(b.Context(), b.by, b.Now(), b.Now().Add(leaseFor))
	if err != nil || !mine || row.ID != id {
		b.Fatal(row.Name, mine, err)
	}
	if err := b.Sync(b.Context(), row); err != nil {
		b.Fatal(err)
	}
	if row, err = b.Store.Registry(b.Context(), "default", id); err != nil {
		b.Fatal(err)
	}
	return row
}

// tags gives what is known of a registry's tags: name, chosen, gone.
func (b *bench) tags(id string) map[string]string {
	b.Helper()
	rows, _, err := b.Store.RegistryTags(b.Context(), "default", id, "", store.Page{Limit: 500})
	if err != nil {
		b.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range rows {
		s := "left out"
		if r.Selected {
			s = "chosen"
		}
		if r.GoneAt > 0 {
			s = "gone"
		}
		out[r.Repository+":"+r.Tag] = s
	}
	return out
}

// upstream is go-containerregistry's registry in the process, behind TLS.
type upstream struct {
	*httptest.Server
	t   *testing.T
	ca  string
	mu  sync.Mutex
	pre http.HandlerFunc // answers before the registry does, if it writes anything
}

func newUpstream(t *testing.T) *upstream {
	u := &upstream{t: t}
	reg := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	u.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		pre := u.pre
		u.mu.Unlock()
		if pre != nil {
			rec := &once{ResponseWriter: w}
			if pre(rec, r); rec.wrote {
				return
			}
		}
		reg.ServeHTTP(w, r)
	}))
	t.Cleanup(u.Close)
	u.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: u.Certificate().Raw}))
	return u
}

type once struct {
	http.ResponseWriter
	wrote bool
}

func (o *once) WriteHeader(s int) { o.wrote = true; o.ResponseWriter.WriteHeader(s) }
func (o *once) Write(b []byte) (int, error) {
	o.wrote = true
	return o.ResponseWriter.Write(b)
}

func (u *upstream) before(f http.HandlerFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.pre = f
}

func (u *upstream) push(ref string, img v1.Image) v1.Hash {
	u.t.Helper()
	n, err := name.ParseReference(strings.TrimPrefix(u.URL, "https://") + "/" + ref)
	if err != nil {
		u.t.Fatal(err)
	}
	if err := remote.Write(n, img, remote.WithTransport(u.Client().Transport)); err != nil {
		u.t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		u.t.Fatal(err)
	}
	return d
}

// image makes one of an age in days.
func image(t *testing.T, days int) v1.Image {
	t.Helper()
	img, err := random.Image(64, 1)
	if err == nil {
		img, err = mutate.CreatedAt(img, v1.Time{Time: time.Now().AddDate(0, 0, -days)})
	}
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func (u *upstream) spec() spec.Spec {
	return spec.Spec{Type: spec.Generic, Address: u.URL, TLS: spec.TLS{CA: u.ca}}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// TestSync holds what is found, chosen, enqueued and gone over several looks.
func TestSync(t *testing.T) { testSync(t, storetest.SQLite(t)) }

func testSync(t *testing.T, address string) {
	b, u := newBench(t, address), newUpstream(t)
	u.push("shop/web:1", image(t, 1))
	u.push("shop/web:2", image(t, 1))
	u.push("shop/web:old", image(t, 400))
	u.push("shop/web:1-debug", image(t, 1))
	u.push("test/web:1", image(t, 1))
	s := u.spec()
	s.Select = spec.Select{
		Repositories: spec.Patterns{Include: []string{"shop/**"}}, Tags: spec.Patterns{Exclude: []string{"*-debug"}}, MaxAgeDays: 30,
	}
	row := b.add(Draft{Name: "own", Spec: s})
	if row.NextSync == 0 {
		t.Error("a new registry is not looked through")
	}
	got := b.sync(row.ID)
	same(t, "first look", b.queue.take(), []string{"schedule shop/web:1", "schedule shop/web:2"})
	if got.SyncState != StateOK || got.Repositories != 1 || got.Tags != 2 || got.Enqueued != 2 || got.NextSync != 0 {
		t.Errorf("%+v", got.RegistrySync)
	}
	b.sync(row.ID)
	same(t, "second look", b.queue.take(), nil)

	// A tag that names another image is scanned, one that went is gone, and the
	// other repository is known by name.
	moved := u.push("shop/web:2", image(t, 2))
	ref, _ := name.ParseReference(strings.TrimPrefix(u.URL, "https://") + "/shop/web:1")
	if err := remote.Delete(ref, remote.WithTransport(u.Client().Transport)); err != nil {
		t.Fatal(err)
	}
	b.sync(row.ID)
	same(t, "third look", b.queue.take(), []string{"schedule shop/web:2"})
	if tags := b.tags(row.ID); tags["shop/web:1"] != "gone" || tags["shop/web:2"] != "chosen" || tags["shop/web:old"] != "left out" || len(tags) != 3 {
		t.Error(tags)
	}
	known, err := b.Store.KnownTags(t.Context(), "default", row.ID, "shop/web")
	if err != nil || known["2"].Digest != moved.String() {
		t.Error(known["2"].Digest, err)
	}
	hits, err := b.Search(t.Context(), row, "TEST")
	if err != nil || len(hits) != 1 || hits[0].Repository != "test/web" || hits[0].Selected {
		t.Error(hits, err)
	}
}

// TestSelect holds newest, platforms, maximum and rescan.
func TestSelect(t *testing.T) {
	b, u := newBench(t, storetest.SQLite(t)), newUpstream(t)
	for i := range 5 {
		u.push(fmt.Sprintf("app:v%d", i), image(t, 10-i))
	}
	index := v1.ImageIndex(empty.Index)
	for _, p := range []string{"amd64", "arm64", "unknown"} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image(t, 0), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: p}}})
	}
	ref, _ := name.ParseReference(strings.TrimPrefix(u.URL, "https://") + "/many:1")
	if err := remote.WriteIndex(ref, index, remote.WithTransport(u.Client().Transport)); err != nil {
		t.Fatal(err)
	}
	s := u.spec()
	s.Select = spec.Select{Newest: 2, Repositories: spec.Patterns{Include: []string{"app"}}}
	s.Schedule = spec.Schedule{Every: "1h", Rescan: true}
	newest := b.add(Draft{Name: "newest", Spec: s})
	b.sync(newest.ID)
	same(t, "newest", b.queue.take(), []string{"schedule app:v3", "schedule app:v4"})
	again := b.sync(newest.ID)
	same(t, "rescan", b.queue.take(), []string{"rescan app:v3", "rescan app:v4"})
	if d := store.Time(again.NextSync).Sub(store.Time(again.SyncedAt)); d != time.Hour {
		t.Error("next look in", d)
	}

	s = u.spec()
	s.Select = spec.Select{Architectures: []string{"linux/amd64", "linux/arm64"}}
	arch := b.add(Draft{Name: "arch", Spec: s})
	b.sync(arch.ID)
	same(t, "platforms", b.queue.take(), []string{"schedule many:1 linux/amd64", "schedule many:1 linux/arm64"})

	s = u.spec()
	s.Select = spec.Select{Maximum: 3}
	most := b.sync(b.add(Draft{Name: "most", Spec: s}).ID)
	if len(b.queue.take()) != 3 || most.SyncState != StatePartial || most.SyncKind != string(TooMuch) {
		t.Errorf("%+v", most.RegistrySync)
	}
}

// TestProblems holds what a person is told of each thing that can be wrong.
func TestProblems(t *testing.T) {
	b, u := newBench(t, storetest.SQLite(t)), newUpstream(t)
	u.push("app:1", image(t, 0))
	page := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>hello</html>")
	}))
	defer page.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	trusted := u.spec()
	for _, c := range []struct {
		what string
		spec spec.Spec
		pre  http.HandlerFunc
		kind Kind
		say  string
	}{
		{"works", trusted, nil, "", ""},
		{"no such name", spec.Spec{Type: spec.Generic, Address: "https://nobody.invalid"}, nil, DNS, "name is not known"},
		{"nobody there", spec.Spec{Type: spec.Generic, Address: "https://" + closed.Listener.Addr().String()}, nil, Unreachable, "nobody answers"},
		{"unknown CA", spec.Spec{Type: spec.Generic, Address: u.URL}, nil, BadTLS, "nobody who is trusted signed"},
		{"other name", spec.Spec{Type: spec.Generic, Address: strings.Replace(u.URL, "127.0.0.1", "localhost", 1), TLS: spec.TLS{CA: u.ca}}, nil, BadTLS, "another name"},
		{"no TLS", spec.Spec{Type: spec.Generic, Address: "https://" + plain.Listener.Addr().String()}, nil, BadTLS, "no TLS"},
		{"web page", spec.Spec{Type: spec.Generic, Address: page.URL, TLS: spec.TLS{Insecure: true}}, nil, NotRegistry, "web page"},
		{"other server", spec.Spec{Type: spec.Generic, Address: plain.URL, TLS: spec.TLS{Insecure: true}}, nil, NotRegistry, "404"},
		{"401", trusted, status(401, "WWW-Authenticate", `Basic realm="x"`), Unauthorized, "401"},
		{"403", trusted, status(403), Forbidden, "403"},
		{"429", trusted, status(429, "Retry-After", "3600"), RateLimited, "ends at"},
		{"metadata", spec.Spec{Type: spec.Generic, Address: "http://169.254.169.254", TLS: spec.TLS{Insecure: true}}, nil, Refused, "--registry-network"},
		{"token elsewhere", withBasic(trusted), status(401, "WWW-Authenticate", `Bearer realm="https://token.example.test/token",service="x"`), Elsewhere, "token.example.test"},
	} {
		u.before(c.pre)
		got := b.Test(t.Context(), c.spec, spec.Secrets{spec.Password: "secret-word"})
		if got.OK != (c.kind == "") || got.Kind != c.kind || !strings.Contains(got.Message, c.say) {
			t.Errorf("%s: %+v", c.what, got)
		}
		if strings.Contains(got.Message, "secret-word") {
			t.Errorf("%s: the answer shows the password", c.what)
		}
		if c.what == "429" && (got.Reset == nil || time.Until(*got.Reset) < 50*time.Minute) {
			t.Errorf("reset %v", got.Reset)
		}
	}
}

func withBasic(s spec.Spec) spec.Spec {
	s.Auth = spec.Auth{Method: spec.Basic, Username: "me"}
	return s
}

// TestRateLimitedSync holds that a look that meets the rate limit goes on when
// it ends, and that what it did not see is not taken for gone.
func TestRateLimitedSync(t *testing.T) {
	b, u := newBench(t, storetest.SQLite(t)), newUpstream(t)
	u.push("a:1", image(t, 0))
	u.push("b:1", image(t, 0))
	row := b.add(Draft{Name: "own", Spec: u.spec()})
	b.sync(row.ID)
	b.queue.take()
	asked := 0
	u.before(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/b/") {
			if asked++; asked == 1 {
				w.Header().Set("Retry-After", "0") // waited for
				w.WriteHeader(429)
			}
		}
	})
	if got := b.sync(row.ID); got.SyncState != StateOK {
		t.Errorf("%+v", got.RegistrySync)
	}
	u.before(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/b/") {
			w.Header().Set("Retry-After", "1800")
			w.WriteHeader(429)
		}
	})
	got := b.sync(row.ID)
	if got.SyncState != StatePartial || got.SyncKind != string(RateLimited) || got.Gone != 0 || got.Tags != 2 {
		t.Errorf("%+v", got.RegistrySync)
	}
	if d := time.Until(store.Time(got.NextSync)); d < 25*time.Minute || d > 30*time.Minute {
		t.Error("next look in", d)
	}
	u.before(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	if got := b.sync(row.ID); got.SyncState != StateFailed || got.Gone != 0 {
		t.Errorf("%+v", got.RegistrySync)
	}
}

// TestSecretsStay holds that kept secrets serve only where they were meant for.
func TestSecretsStay(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	s := withBasic(spec.Spec{Type: spec.Generic, Address: "https://one.test"})
	row := b.add(Draft{Name: "own", Spec: s, Credentials: spec.Secrets{spec.Password: "word"}})
	if strings.Contains(string(row.Sealed), "word") || strings.Contains(row.Document, "word") || len(row.Sealed) == 0 {
		t.Error("the password is not sealed")
	}
	described, _, err := b.Row(t.Context(), row, Draft{Description: "new", Spec: s})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Open(t.Context(), described); err != nil || got[spec.Password] != "word" {
		t.Error(got, err)
	}
	unchanged, _, err := b.Row(t.Context(), row, Draft{Spec: s, Credentials: spec.Secrets{spec.Password: "word"}})
	if err != nil || !Same(row, unchanged) {
		t.Error("the same password is a change", err)
	}
	for what, change := range map[string]func(*spec.Spec){
		"address": func(s *spec.Spec) { s.Address = "https://evil.test" }, "insecure": func(s *spec.Spec) { s.TLS.Insecure = true },
		"authHosts": func(s *spec.Spec) { s.AuthHosts = []string{"evil.test"} }, "CA": func(s *spec.Spec) { s.TLS.CA = newUpstream(t).ca },
	} {
		other := s
		change(&other)
		var list spec.Errors
		if _, _, err := b.Row(t.Context(), row, Draft{Spec: other}); !errors.As(err, &list) {
			t.Errorf("another %s takes the kept password along: %v", what, err)
		}
	}
	row.ID = NewID()
	if _, err := b.Open(t.Context(), row); err == nil {
		t.Error("secrets open under another registry's name")
	}
}

func TestForbidden(t *testing.T) {
	for address, good := range map[string]bool{
		"10.1.2.3": true, "192.168.1.1": true, "203.0.113.7": true, "2001:db8::1": true, "fd12::1": true,
		"127.0.0.1": false, "::1": false, "::ffff:127.0.0.1": false, "169.254.169.254": false, "::ffff:169.254.169.254": false, "fe80::1": false, "fd00:ec2::254": false,
		"100.100.100.200": false, "168.63.129.16": false, "0.0.0.0": false, "::": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false, "64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false,
	} {
		if err := forbidden(netip.MustParseAddr(address), nil); (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := forbidden(netip.MustParseAddr("127.0.0.1"), loopback); err != nil {
		t.Error(err)
	}
}

// TestRun holds that a due registry is looked through once by several servers.
func TestRun(t *testing.T) {
	b, u := newBench(t, storetest.SQLite(t)), newUpstream(t)
	u.push("app:1", image(t, 0))
	b.add(Draft{Name: "own", Spec: u.spec()})
	ctx, cancel := context.WithCancel(t.Context())
	var runs sync.WaitGroup
	for range 3 {
		other := New(b.Config)
		runs.Go(func() { other.Run(ctx) })
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		row, err := b.Store.Registry(t.Context(), "default", "own")
		if err != nil || time.Now().After(end) {
			t.Fatal("never looked through", err)
		}
		if row.SyncState == StateOK {
			break
		}
	}
	cancel()
	runs.Wait()
	same(t, "enqueued", b.queue.take(), []string{"schedule app:1"})
}
