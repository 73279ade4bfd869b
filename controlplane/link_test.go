package controlplane_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane"
	"github.com/limpet-security/limpet/controlplane/gateway"
	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/uplink"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// linkServer is the environment variable that makes this test binary a server:
// its value is the Config as JSON. A server that is killed must be a process
// of its own.
const linkServer = "LIMPET_TEST_LINK_SERVER"

func init() {
	text := os.Getenv(linkServer)
	if text == "" {
		return
	}
	var c controlplane.Config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	c.JSON, c.Out, c.Version = true, os.Stdout, "test"
	c.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := controlplane.Run(context.Background(), c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// process is a control plane in a process of its own.
type process struct {
	t       *testing.T
	cfg     string
	cmd     *exec.Cmd
	started controlplane.Started
}

func freePort(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func startProcess(t *testing.T, more map[string]any) *process {
	settings := map[string]any{
		"Data": t.TempDir(), "Listen": freePort(t), "GatewayListen": freePort(t), "Names": []string{"127.0.0.1"}, "Heartbeat": 5 * time.Second,
	}
	maps.Copy(settings, more)
	cfg, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cfg: string(cfg)}
	p.start()
	t.Cleanup(p.kill)
	return p
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), linkServer+"="+p.cfg)
	p.cmd.Stderr = p.t.Output()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		p.t.Fatalf("the server did not start: %v", err)
	}
	var st controlplane.Started
	if err := json.Unmarshal(line, &st); err != nil {
		p.t.Fatalf("%v: %s", err, line)
	}
	if st.SetupCode == "" {
		st.SetupCode = p.started.SetupCode
	}
	p.started = st
}

// kill is kill -9.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// console is a signed-in administrator.
type console struct {
	t    *testing.T
	hc   *http.Client
	base string
	csrf string
}

func (p *process) signIn() *console {
	p.t.Helper()
	pem, err := os.ReadFile(p.started.CAFile)
	if err != nil {
		p.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	jar, _ := cookiejar.New(nil)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	p.t.Cleanup(tr.CloseIdleConnections)
	c := &console{t: p.t, hc: &http.Client{Transport: tr, Jar: jar, Timeout: 30 * time.Second}, base: "https://" + p.started.Listen + "/api/v1"}
	var s struct {
		CSRFToken string `json:"csrfToken"`
	}
	c.call("POST", "/setup", map[string]any{"code": p.started.SetupCode, "username": "admin", "password": "a long enough passphrase 7"}, &s)
	c.csrf = s.CSRFToken
	return c
}

func (c *console) do(method, path string, in any) []byte {
	c.t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			c.t.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-CSRF-Token", c.csrf)
	a, err := c.hc.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode > 299 {
		c.t.Fatalf("%s %s: %s %v %s", method, path, a.Status, err, b)
	}
	return b
}

func (c *console) call(method, path string, in, out any) {
	c.t.Helper()
	b := c.do(method, path, in)
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
}

// stored counts the events in the database by sequence number, those made by
// the uplink apart.
func (c *console) stored() (numbers map[int64]int, dropped int) {
	c.t.Helper()
	numbers = map[int64]int{}
	for line := range bytes.Lines(c.do("GET", "/events/export?format=json", nil)) {
		var e struct {
			Sequence json.Number `json:"sequence"`
			Kind     string      `json:"kind"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			c.t.Fatalf("%v in %s", err, line)
		}
		n, _ := e.Sequence.Int64()
		numbers[n]++
		if e.Kind == "dropped" {
			dropped++
		}
	}
	return numbers, dropped
}

// TestLink follows an enforcer through the real control plane: it enrols, is
// seen, is given policy changes within a second, and its events are in the
// database exactly once although the server is killed twice in the middle of
// the stream.
func TestLink(t *testing.T) {
	p := startProcess(t, nil)
	c := p.signIn()
	c.call("POST", "/groups", map[string]any{"name": "web", "mode": "audit"}, nil)
	var join struct{ Secret string }
	c.call("POST", "/groups/web/join-tokens", map[string]any{"ttlSeconds": 600, "maxUses": 1}, &join)

	pem, err := os.ReadFile(p.started.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	type arrival struct {
		b  *bundle.Bundle
		at time.Time
	}
	arrivals := make(chan arrival, 10)
	var have atomic.Pointer[bundle.Bundle]
	var who atomic.Pointer[uplink.Enrolled]
	u, err := uplink.New(uplink.Config{
		Gateway: p.started.GatewayAt, CAPEM: string(pem), Token: join.Secret, Kind: wire.KindMicro, Version: "1.0.0", Hostname: "box",
		Queue:      uplink.Limits{Events: 200_000, Bytes: 256 << 20, Linger: 20 * time.Millisecond},
		OnEnrolled: func(e uplink.Enrolled) { who.Store(&e) },
		OnBundle: func(data []byte) error {
			b, err := bundle.Verify(data, who.Load().BundleKeys)
			if err != nil {
				return err
			}
			have.Store(b)
			arrivals <- arrival{b, time.Now()}
			return nil
		},
		Status: func() *wirepb.HeartbeatRequest {
			m := &wirepb.HeartbeatRequest{Rung: "A1", Controls: []*wirepb.ControlStatus{{Control: "drift", State: "audit"}}}
			if b := have.Load(); b != nil {
				m.BundleEpoch, m.BundleNumber = b.Epoch, b.Number
			}
			return m
		},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := u.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	defer run.Wait()
	defer cancel()

	next := func() arrival {
		select {
		case a := <-arrivals:
			return a
		case <-time.After(20 * time.Second):
			t.Fatalf("no bundle: %+v", u.Stats())
			panic("not reached")
		}
	}
	if b := next().b; b.Group != "web" || b.GroupMode != "audit" || len(b.Policies) == 0 {
		t.Fatalf("first bundle: %+v", b)
	}
	var list struct {
		Items []struct {
			ID, State, Hostname string
			Bundle              struct{ Current bool }
		}
	}
	seen := func() bool {
		c.call("GET", "/enforcers?group=web", nil, &list)
		return len(list.Items) == 1 && list.Items[0].State == "connected" && list.Items[0].Bundle.Current
	}
	for end := time.Now().Add(10 * time.Second); !seen(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the enforcer is not shown with its bundle: %+v", list)
		}
	}

	// A change of the group's mode reaches the enforcer in less than a second.
	for _, mode := range []string{"enforce", "audit", "enforce"} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", c.base+"/groups/web", nil)
		a, err := c.hc.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		b, _ := json.Marshal(map[string]any{"mode": mode, "policies": []string{"default"}})
		r, _ = http.NewRequestWithContext(t.Context(), "PUT", c.base+"/groups/web", bytes.NewReader(b))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-CSRF-Token", c.csrf)
		r.Header.Set("If-Match", a.Header.Get("ETag"))
		start := time.Now()
		if a, err = c.hc.Do(r); err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(a.Body)
		a.Body.Close()
		if a.StatusCode != 200 {
			t.Fatalf("PUT group: %s %s", a.Status, text)
		}
		got := next()
		d := got.at.Sub(start)
		t.Logf("change to %s arrived after %v", mode, d)
		if string(got.b.GroupMode) != mode || d > time.Second {
			t.Errorf("bundle says %s after %v, want %s in less than a second", got.b.GroupMode, d, mode)
		}
	}

	// The server is killed twice while events stream in.
	const total = 6000
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range total {
			u.Record(&eventpb.Event{Kind: eventpb.Kind_KIND_EXEC, Verdict: eventpb.Verdict_VERDICT_DENY, Control: "drift", Reason: fmt.Sprint(i),
				Process: &eventpb.Process{Pid: int32(i), Exe: "/tmp/x", Args: []string{"x"}}})
			if i%10 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
	})
	before := uint64(0)
	for range 2 {
		for end := time.Now().Add(20 * time.Second); u.Stats().Acked <= before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("nothing is acknowledged: %+v", u.Stats())
			}
		}
		time.Sleep(30 * time.Millisecond)
		p.kill()
		acked := u.Stats().Acked
		before = acked
		p.start()
		numbers, _ := c.stored()
		if uint64(len(numbers)) < acked {
			t.Errorf("%d events were acknowledged, %d are there after kill -9", acked, len(numbers))
		}
		t.Logf("killed with %d acknowledged, %d stored", acked, len(numbers))
	}
	writer.Wait()
	flush, cancelFlush := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancelFlush()
	if err := u.Flush(flush); err != nil {
		t.Fatalf("%v: %+v", err, u.Stats())
	}
	numbers, dropped := c.stored()
	if len(numbers) != total || dropped != 0 {
		t.Errorf("%d events and %d reports of drops are stored, want %d and 0", len(numbers), dropped, total)
	}
	for i := int64(1); i <= total; i++ {
		if numbers[i] != 1 {
			t.Fatalf("sequence %d is stored %d times", i, numbers[i])
		}
	}

	// Revoked by a person: it is not heard any more, is not listed, and is shown
	// as revoked; a change of policy does not reach it.
	c.call("POST", "/revocations", map[string]any{"enforcerId": who.Load().EnforcerID, "reason": "key on a stolen disk"}, nil)
	var revoked struct {
		Items []struct{ EnforcerID, Hostname, Reason, RevokedBy string }
	}
	c.call("GET", "/revocations", nil, &revoked)
	if len(revoked.Items) != 1 || revoked.Items[0].EnforcerID != who.Load().EnforcerID || revoked.Items[0].Hostname != "box" || revoked.Items[0].RevokedBy != "admin" {
		t.Errorf("%+v", revoked)
	}
	if c.call("GET", "/enforcers?group=web", nil, &list); len(list.Items) != 0 {
		t.Errorf("a revoked enforcer is listed: %+v", list)
	}
	u.Record(&eventpb.Event{Kind: eventpb.Kind_KIND_EXEC, Control: "drift"})
	for end := time.Now().Add(10 * time.Second); !strings.Contains(u.Stats().LastError, "identity refused"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("a removed enforcer is still heard: %+v", u.Stats())
		}
	}
	if now, _ := c.stored(); len(now) != total {
		t.Errorf("%d events are stored after the revocation, want %d", len(now), total)
	}
	// Its token was used up.
	again, err := uplink.New(uplink.Config{Gateway: p.started.GatewayAt, CAPEM: string(pem), Token: join.Secret, Kind: wire.KindMicro})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "join token refused") {
		t.Errorf("a token that was used up: %v", err)
	}
}

// TestRemoteGateway runs a gateway apart from the server, with the files that
// the server wrote for it, and kills the server under it.
func TestRemoteGateway(t *testing.T) {
	control := freePort(t)
	data := t.TempDir()
	p := startProcess(t, map[string]any{"Data": data, "GatewayListen": "none", "ControlListen": control, "RemoteGateways": []string{"gw-1=127.0.0.1,gw.test"}})
	c := p.signIn()
	c.call("POST", "/groups", map[string]any{"name": "web", "mode": "audit"}, nil)
	var join struct{ Secret string }
	c.call("POST", "/groups/web/join-tokens", map[string]any{"ttlSeconds": 600}, &join)

	files := filepath.Join(data, "gateways", "gw-1")
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	defer run.Wait()
	defer cancel()
	ready := make(chan net.Addr, 1)
	run.Go(func() {
		if err := gateway.Run(ctx, gateway.RemoteConfig{
			Listen: "127.0.0.1:0", Upstream: "https://" + control, CAFile: filepath.Join(files, "ca.pem"),
			CertFile: filepath.Join(files, "tls.crt"), KeyFile: filepath.Join(files, "tls.key"),
			Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Ready: func(a net.Addr) { ready <- a },
		}); err != nil {
			t.Errorf("gateway: %v", err)
			close(ready)
		}
	})
	at, ok := <-ready
	if !ok {
		t.FailNow()
	}
	ca, err := os.ReadFile(filepath.Join(files, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := uplink.New(uplink.Config{Gateway: at.String(), CAPEM: string(ca), Token: join.Secret, Kind: wire.KindMicro})
	if err != nil {
		t.Fatal(err)
	}
	run.Go(func() {
		if err := u.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	record := func(n int) {
		for range n {
			u.Record(&eventpb.Event{Kind: eventpb.Kind_KIND_EXEC, Control: "drift"})
		}
	}
	flush := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		if err := u.Flush(ctx); err != nil {
			t.Fatalf("%v: %+v", err, u.Stats())
		}
	}
	record(1000)
	flush()
	p.kill()
	record(1000)
	time.Sleep(300 * time.Millisecond) // a call fails
	p.start()
	flush()
	numbers, _ := c.stored()
	if len(numbers) != 2000 {
		t.Errorf("%d events are stored, want 2000", len(numbers))
	}
}
