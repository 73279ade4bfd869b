package controlplane

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/controlplane/client"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// serveEnv makes this test binary a server instead: TestMain serves the data
// folder it names. So a test can kill a real process.
const serveEnv = "LIMPET_TEST_SERVE"

func TestMain(m *testing.M) {
	if spec := os.Getenv(serveEnv); spec != "" {
		var c Config
		if err := json.Unmarshal([]byte(spec), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		c.JSON = true
		if err := Run(context.Background(), c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// running is a server in this process.
type running struct {
	Started
	data string
	stop func() error
}

// run starts a server and stops it when the test ends.
func run(t *testing.T, c Config) *running {
	t.Helper()
	if c.Data == "" {
		c.Data = t.TempDir()
	}
	c.Listen, c.GatewayListen, c.Names = "127.0.0.1:0", "127.0.0.1:0", []string{"127.0.0.1"}
	c.Out, c.Log, c.Version = io.Discard, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), "test"
	ready := make(chan Started, 1)
	c.Ready = func(s Started) { ready <- s }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, c) }()
	r := &running{data: c.Data}
	var stopped bool
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	select {
	case r.Started = <-ready:
	case err := <-ended:
		stopped = true
		cancel()
		t.Fatalf("server did not start: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("server did not start")
	}
	return r
}

func ca(t *testing.T, data string) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(data, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("ca.pem holds no certificate")
	}
	return pool
}

// administrator gives an administrator's client, by a token made in the data folder.
func administrator(t testing.TB, data, database, console string) *client.Client {
	t.Helper()
	token, err := CreateToken(t.Context(), TokenRequest{Data: data, Database: database, Name: fmt.Sprint("test-", time.Now().UnixNano()), Roles: []string{"administrator"}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Server: console, Token: token, CAFile: filepath.Join(data, "ca.pem")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func call(t testing.TB, c *client.Client, method, path string, in, out any) {
	t.Helper()
	if _, err := c.Do(t.Context(), method, path, "", in, out); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// joinToken makes a group and a token for it.
func joinToken(t *testing.T, c *client.Client, group string) string {
	t.Helper()
	call(t, c, "POST", "/groups", map[string]any{"name": group, "policies": []string{}}, nil)
	var j struct{ Secret string }
	call(t, c, "POST", "/groups/"+group+"/join-tokens", map[string]any{}, &j)
	return j.Secret
}

// enforcer speaks the wire by hand: it sees each acknowledgement.
type enforcer struct {
	*wire.GatewayClient
	id string
}

func enroll(t *testing.T, gateway string, roots *x509.CertPool, token string) *enforcer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	base := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(base.CloseIdleConnections)
	res, err := wire.NewGatewayClient(&http.Client{Transport: base}, gateway).Enroll(t.Context(), &wirepb.EnrollRequest{
		Token: token, Csr: csr, Kind: wire.KindMicro, Hostname: "host", Version: "test", Workload: &eventpb.Workload{Image: "nginx:1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	signer := &wire.Signer{Key: key, Certificate: res.Certificate}
	return &enforcer{
		GatewayClient: wire.NewGatewayClient(&http.Client{Transport: &wire.SigningTransport{Signer: func() *wire.Signer { return signer }, Base: base}}, gateway),
		id:            res.EnforcerId,
	}
}

// batch makes events first..last of a boot.
func batch(boot string, first, last uint64) *wirepb.PushEventsRequest {
	m := &wirepb.PushEventsRequest{BootId: boot}
	for n := first; n <= last; n++ {
		id, _ := uuid.NewV7()
		m.Events = append(m.Events, &eventpb.Event{
			Id: id.String(), BootId: boot, Sequence: n, ObservedAtNs: time.Now().UnixNano(), Kind: eventpb.Kind_KIND_EXEC,
			Verdict: eventpb.Verdict_VERDICT_DENY, Mode: eventpb.Mode_MODE_ENFORCE, Control: "drift", Rule: "not-in-image", Policy: "default", Count: 1,
			Process: &eventpb.Process{Pid: 1, Exe: "/bin/sh", Args: []string{"sh", "-c", "/tmp/x"}},
			Object:  &eventpb.Event_File{File: &eventpb.FileObject{Path: "/tmp/x", Origin: "drifted"}},
		})
	}
	return m
}

func TestServerEndToEnd(t *testing.T) {
	r := run(t, Config{Heartbeat: time.Second})
	if r.SetupCode == "" || !strings.HasPrefix(r.Console, "https://127.0.0.1:") {
		t.Fatalf("%+v", r.Started)
	}
	c := administrator(t, r.data, "", r.Console)
	e := enroll(t, r.Gateway, ca(t, r.data), joinToken(t, c, "web"))

	// A bundle at once, then one by long poll as soon as the group changes.
	pull := &wirepb.PullBundleRequest{Nonce: make([]byte, wire.NonceSize)}
	b, err := e.PullBundle(t.Context(), pull)
	if err != nil || len(b.Bundle) == 0 {
		t.Fatalf("no bundle: %v", err)
	}
	var embed struct{ BundleEpoch, BundleNumber uint64 }
	call(t, c, "GET", "/groups/web/embed", nil, &embed)
	pull.HaveEpoch, pull.HaveNumber, pull.WaitSeconds = embed.BundleEpoch, embed.BundleNumber, 50
	arrived := make(chan time.Time, 1)
	go func() {
		if b, err := e.PullBundle(context.WithoutCancel(t.Context()), pull); err != nil || len(b.Bundle) == 0 {
			t.Errorf("long poll: %v", err)
		}
		arrived <- time.Now()
	}()
	time.Sleep(300 * time.Millisecond) // let the poll arrive; it would be answered either way
	changed := time.Now()
	if _, err := c.Do(t.Context(), "PUT", "/groups/web", "*", map[string]any{"mode": "enforce"}, nil); err != nil {
		t.Fatal(err)
	}
	if took := (<-arrived).Sub(changed); took > 2*time.Second {
		t.Errorf("a change took %v to arrive", took)
	}

	boot := uuid.NewString()
	if _, err := e.Heartbeat(t.Context(), &wirepb.HeartbeatRequest{
		BootId: boot, SentAtNs: time.Now().UnixNano(), Version: "test", Rung: "A1", BundleEpoch: embed.BundleEpoch, BundleNumber: embed.BundleNumber,
		Controls: []*wirepb.ControlStatus{{Control: "drift", State: "enforced"}},
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // sent twice, stored once
		ack, err := e.PushEvents(t.Context(), batch(boot, 1, 250))
		if err != nil || ack.AckedSequence != 250 {
			t.Fatalf("acked %v, %v", ack, err)
		}
	}
	if got := sequences(t, c, e.id); len(got) != 250 {
		t.Errorf("%d events stored, want 250", len(got))
	}
	await(t, "a heartbeat's status", func() bool {
		var v struct {
			State    string
			Rung     string
			Bundle   struct{ Current bool }
			Controls []struct{ Control, State string }
		}
		call(t, c, "GET", "/enforcers/"+e.id, nil, &v)
		return v.State == "connected" && v.Rung == "A1" && len(v.Controls) == 1 && !v.Bundle.Current
	})

	// A removed enforcer is refused at once, and stays removed.
	call(t, c, "DELETE", "/enforcers/"+e.id, nil, nil)
	if _, err := e.PushEvents(t.Context(), batch(boot, 251, 251)); err == nil || wire.Reason(err) != "identity" {
		t.Errorf("a removed enforcer pushed events: %v", err)
	}
	if _, err := e.Heartbeat(t.Context(), &wirepb.HeartbeatRequest{BootId: boot}); err == nil || wire.Reason(err) != "identity" {
		t.Errorf("a removed enforcer's heartbeat: %v", err)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// sequences gives how often each sequence of an enforcer is stored.
func sequences(t *testing.T, c *client.Client, id string) map[uint64]int {
	t.Helper()
	got := map[uint64]int{}
	cursor := ""
	for {
		var page struct {
			Items      []struct{ Sequence uint64 }
			NextCursor string
		}
		call(t, c, "GET", "/events?limit=500&enforcer="+id+"&cursor="+cursor, nil, &page)
		for _, e := range page.Items {
			got[e.Sequence]++
		}
		if cursor = page.NextCursor; cursor == "" {
			return got
		}
	}
}

func await(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	r := run(t, Config{})
	err := Run(t.Context(), Config{Data: r.data, Listen: "127.0.0.1:0", GatewayListen: "127.0.0.1:0", Out: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server on the same folder: %v", err)
	}
}

func TestBackupAndRestore(t *testing.T) {
	first := run(t, Config{})
	c := administrator(t, first.data, "", first.Console)
	token := joinToken(t, c, "web")
	e := enroll(t, first.Gateway, ca(t, first.data), token)
	if _, err := e.PushEvents(t.Context(), batch(uuid.NewString(), 1, 10)); err != nil {
		t.Fatal(err)
	}
	var was struct {
		BundleEpoch uint64
		BundleKeys  []string
		CAPEM       string
	}
	call(t, c, "GET", "/groups/web/embed", nil, &was)

	file := filepath.Join(t.TempDir(), "backup")
	if _, err := Backup(t.Context(), BackupRequest{Data: first.data, File: file}); err != nil { // while the server runs
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), BackupRequest{Data: first.data, File: file}); err == nil {
		t.Error("a backup was overwritten")
	}
	key := filepath.Join(first.data, "master.key")
	if text, _ := os.ReadFile(key); fileHolds(t, file, text) {
		t.Error("the backup holds the master key unasked")
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}

	data := filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(t.Context(), RestoreRequest{Data: data, File: file}); err == nil {
		t.Error("restored without the master key")
	}
	if _, err := Restore(t.Context(), RestoreRequest{Data: data, File: file, FromMasterKey: key}); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), RestoreRequest{Data: data, File: file}); err == nil {
		t.Error("restored over an install")
	}
	second := run(t, Config{Data: data})
	c = administrator(t, data, "", second.Console)
	var now struct {
		BundleEpoch uint64
		BundleKeys  []string
		CAPEM       string
	}
	call(t, c, "GET", "/groups/web/embed", nil, &now)
	if now.BundleEpoch <= was.BundleEpoch {
		t.Errorf("epoch %d after restore, was %d", now.BundleEpoch, was.BundleEpoch)
	}
	if now.CAPEM != was.CAPEM || len(now.BundleKeys) != 1 || now.BundleKeys[0] != was.BundleKeys[0] {
		t.Error("restored install has other keys")
	}
	if got := sequences(t, c, e.id); len(got) != 10 {
		t.Errorf("%d events after restore", len(got))
	}
	enroll(t, second.Gateway, ca(t, data), token) // the join token still works
}

func fileHolds(t *testing.T, name string, part []byte) bool {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(b, bytes.TrimSpace(part))
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
