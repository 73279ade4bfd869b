//go:build docker

package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/crypto/bcrypt"
)

// distribution is Debian's docker-registry with TLS and htpasswd, which sends
// its notifications to us.
type distribution struct {
	host string // HOST:PORT
	ca   string
	http http.RoundTripper
}

func startDistribution(t *testing.T, hook, secret string, trust []byte) *distribution {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	k, _ := x509.MarshalPKCS8PrivateKey(key)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	hash, err := bcrypt.GenerateFromPassword([]byte("right word"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	_ = l.Close()
	for file, b := range map[string][]byte{
		"cert.pem": ca, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k}), "htpasswd": fmt.Appendf(nil, "me:%s\n", hash), "trust.pem": trust,
		"config.yml": fmt.Appendf(nil, `version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: %[1]s/data}, delete: {enabled: true}}
http: {addr: %[2]s, secret: x, tls: {certificate: %[1]s/cert.pem, key: %[1]s/key.pem}}
auth: {htpasswd: {realm: test, path: %[1]s/htpasswd}}
notifications: {endpoints: [{name: limpet, url: %[3]s, headers: {Authorization: [Bearer %[4]s]}, timeout: 10s, threshold: 5, backoff: 1s}]}
`, dir, host, hook, secret),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("docker-registry", "serve", filepath.Join(dir, "config.yml"))
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+filepath.Join(dir, "trust.pem"), "OTEL_TRACES_EXPORTER=none")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("docker-registry: %v: run make setup (Debian: apt-get install docker-registry)", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = log.Close() })
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	d := &distribution{host: host, ca: string(ca), http: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	eventually(t, "docker-registry answers", func() bool {
		res, err := (&http.Client{Transport: d.http}).Get("https://" + host + "/v2/")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusUnauthorized
	})
	return d
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: ", what)
		}
	}
}

func (d *distribution) push(t *testing.T, ref string) string {
	t.Helper()
	n, err := name.ParseReference(d.host + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(256, 2)
	if err == nil {
		err = remote.Write(n, img, remote.WithTransport(d.http), remote.WithAuth(&authn.Basic{Username: "me", Password: "right word"}))
	}
	if err != nil {
		t.Fatal(err)
	}
	h, _ := img.Digest()
	return h.String()
}

// TestRealRegistry is the whole way with a real registry: add, test, look
// through by schedule, and a push whose notification enqueues the new image.
func TestRealRegistry(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	// The address of the webhook is known before the registry that sends it is
	// started, and the registry's before it is added: first with another address.
	said := m{"type": "generic", "address": "https://127.0.0.1:1", "webhook": m{"sender": "distribution"}, "schedule": m{"every": "1h"}}
	var made registryView
	c.ok(200, "POST", "/api/v1/registries", m{"name": "real", "spec": said}).into(t, &made)
	trust := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
	d := startDistribution(t, s.url+"/api/v1/registries/"+made.ID+"/webhook", made.Webhook.Secret, trust)
	first := d.push(t, "shop/web:1")

	said["address"], said["tls"], said["auth"] = "https://"+d.host, m{"ca": d.ca}, m{"method": "basic", "username": "me"}
	try := func(password string, tls m) (got struct {
		OK           bool
		Kind         string
		Repositories []string
	}) {
		other := m{"type": "generic", "address": said["address"], "tls": tls, "auth": said["auth"]}
		c.ok(200, "POST", "/api/v1/registry-test", m{"spec": other, "credentials": m{"password": password}}).into(t, &got)
		return got
	}
	if got := try("wrong word", m{"ca": d.ca}); got.OK || got.Kind != "unauthorized" {
		t.Error("wrong password:", got)
	}
	if got := try("right word", m{}); got.OK || got.Kind != "tls" {
		t.Error("unknown CA:", got)
	}
	if got := try("right word", m{"ca": d.ca}); !got.OK || strings.Join(got.Repositories, ",") != "shop/web" {
		t.Error("right password:", got)
	}
	c.ok(200, "PUT", "/api/v1/registries/real", m{"spec": said, "credentials": m{"password": "right word"}}, "If-Match", "*")

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.api.Registries.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	queued := func(digest, reason string) func() bool {
		return func() bool {
			var jobs struct {
				Items []struct{ Reference, Reason string }
			}
			c.ok(200, "GET", "/api/v1/scan-jobs", nil).into(t, &jobs)
			for _, j := range jobs.Items {
				if strings.HasSuffix(j.Reference, "@"+digest) && (reason == "" || j.Reason == reason) {
					return true
				}
			}
			return false
		}
	}
	eventually(t, "the first image is queued", queued(first, ""))
	second := d.push(t, "shop/web:2")
	eventually(t, "the pushed image is queued by its notification", queued(second, "webhook"))
	access, err := s.api.Registries.Credentials(t.Context(), "default", made.ID)
	if err != nil || access.Auth.Password != "right word" || access.CA != d.ca {
		t.Error("a worker is not lent what it needs", err)
	}
}
