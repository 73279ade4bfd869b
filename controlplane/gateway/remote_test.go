package gateway_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/limpet-security/limpet/controlplane/gateway"
	"github.com/limpet-security/limpet/internal/uplink"
)

// TestRemote runs a gateway apart from the control plane, over mutual TLS, with
// its certificate in files.
func TestRemote(t *testing.T) {
	ctl := newControl(t)
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ctl.ca.SignGatewayCSR(csr, "gw-1", []string{"127.0.0.1"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}

	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	upTLS, err := ctl.ca.ServerTLS("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	ml, err := net.Listen("tcp", "127.0.0.1:0") // a free port for metrics
	if err != nil {
		t.Fatal(err)
	}
	metrics := ml.Addr().String()
	ml.Close()

	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	wg.Go(func() {
		if err := gateway.ServeControl(ctx, up, upTLS, ctl.ca.Certificate(), ctl); err != nil {
			t.Errorf("ServeControl: %v", err)
		}
	})
	ready := make(chan net.Addr, 1)
	wg.Go(func() {
		if err := gateway.Run(ctx, gateway.RemoteConfig{
			Listen: "127.0.0.1:0", MetricsListen: metrics, Upstream: "https://" + up.Addr().String(),
			CAFile:   write("ca.pem", "CERTIFICATE", ctl.ca.Certificate().Raw),
			CertFile: write("gw.pem", "CERTIFICATE", cert.Raw), KeyFile: write("gw.key", "PRIVATE KEY", keyDER),
			Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Ready: func(a net.Addr) { ready <- a },
		}); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	bundles := make(chan string, 1)
	u := link(t, &server{t: t, ca: ctl.ca, addr: (<-ready).String()}, func(c *uplink.Config) {
		c.OnBundle = func(b []byte) error { bundles <- string(b); return nil }
	})
	wait(t, "enrolment", func() bool { return u.Stats().Enrolled })
	ctl.publish([]byte("policy"))
	if b := <-bundles; b != "policy" {
		t.Errorf("bundle %q", b)
	}
	for i := range 3000 {
		u.Record(event(i))
	}
	if err := u.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := ctl.figures(); got != 3000 {
		t.Errorf("control plane has %d events", got)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	a, err := (&http.Client{Transport: tr}).Get("http://" + metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if !strings.Contains(string(text), "limpet_gateway_events_total 3000") {
		t.Errorf("metrics: %s", text)
	}

	// An enforcer must not be able to speak to the control plane's listener.
	hc := stranger(t, &server{ca: ctl.ca})
	if st, text := do(t, hc, "POST", "https://"+up.Addr().String()+"/limpet.wire.v1.Control/PushEvents", protobuf, nil); st != 0 {
		t.Errorf("without a client certificate: %d %s", st, text)
	}
}

// TestLinksNoDatabase: the exposed binary can reach neither the store nor the
// keys, because it does not contain the code.
func TestLinksNoDatabase(t *testing.T) {
	for _, pkg := range []string{"./cmd/limpet-gateway", "."} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for dep := range strings.Lines(string(out)) {
			dep = strings.TrimSpace(dep)
			for _, bad := range []string{"database/sql", "modernc.org/", "github.com/jackc/", "github.com/uptrace/bun", "github.com/pressly/goose",
				"github.com/hashicorp/vault", "github.com/gin-gonic", "limpet/controlplane/store", "limpet/controlplane/authority", "limpet/internal/uplink"} {
				if strings.Contains(dep, bad) {
					t.Errorf("%s links %s", pkg, dep)
				}
			}
		}
	}
}
