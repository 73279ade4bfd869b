package authority

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/wire"
)

type memKeys struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (k *memKeys) LoadKey(_ context.Context, tenant, name string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b, ok := k.m[tenant+"/"+name]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNoKey, name)
}

func (k *memKeys) SaveKey(_ context.Context, tenant, name string, b []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.m[tenant+"/"+name]; ok {
		return fmt.Errorf("%w: %s", ErrKeyExists, name)
	}
	if k.m == nil {
		k.m = map[string][]byte{}
	}
	k.m[tenant+"/"+name] = b
	return nil
}

var key1 = NewMaster([32]byte{1})

func open1(t testing.TB, k KeyStore) *Authority {
	t.Helper()
	a, err := Open(t.Context(), k, key1)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestOpenTwice: what the first start makes, the second finds, and two at once
// agree.
func TestOpenTwice(t *testing.T) {
	var keys memKeys
	all := make([]*Authority, 8)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			a, err := Open(t.Context(), &keys, key1)
			if err != nil {
				t.Error(err)
			}
			all[i] = a
		})
	}
	wg.Wait()
	b0, err := all[0].BundleKey(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range all {
		if !a.Certificate().Equal(all[0].Certificate()) {
			t.Errorf("%d has another CA", i)
		}
		if b, err := a.BundleKey(t.Context(), "default"); err != nil || !b.Equal(b0) {
			t.Errorf("%d has another bundle key (%v)", i, err)
		}
	}
	if b, err := all[0].BundleKey(t.Context(), "other"); err != nil || b.Equal(b0) {
		t.Errorf("another tenant has the same bundle key (%v)", err)
	}
	for name, b := range keys.m {
		if bytes.Contains(b, []byte("PRIVATE KEY")) || bytes.Contains(b, b0.Seed()) {
			t.Errorf("%s is stored in the clear", name)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	var keys memKeys
	open1(t, &keys)
	if _, err := Open(t.Context(), &keys, NewMaster([32]byte{2})); !errors.Is(err, ErrSealed) || !strings.Contains(err.Error(), "master key") {
		t.Errorf("another master key: %v", err)
	}
	keys.m["default/bundle"] = keys.m["/ca"] // moved to another name
	if _, err := open1(t, &keys).BundleKey(t.Context(), "default"); !errors.Is(err, ErrSealed) {
		t.Errorf("value of another name: %v", err)
	}
	keys.m["/ca"] = append([]byte(nil), keys.m["/ca"]...)
	keys.m["/ca"][len(keys.m["/ca"])-1] ^= 1
	if _, err := Open(t.Context(), &keys, key1); !errors.Is(err, ErrSealed) {
		t.Errorf("damaged value: %v", err)
	}
}

func TestSeal(t *testing.T) {
	a := open1(t, &memKeys{})
	s, err := a.Seal(t.Context(), "t", "registry/x", []byte("password"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(s, []byte("password")) || !bytes.Contains(s, []byte(key1.KeyID())) {
		t.Errorf("sealed: %q", s)
	}
	if p, err := a.Open(t.Context(), "t", "registry/x", s); err != nil || string(p) != "password" {
		t.Errorf("%q, %v", p, err)
	}
	for _, other := range [][2]string{{"t", "registry/y"}, {"u", "registry/x"}, {"", "tregistry/x"}, {"tr", "egistry/x"}} {
		if _, err := a.Open(t.Context(), other[0], other[1], s); !errors.Is(err, ErrSealed) {
			t.Errorf("opened as %v: %v", other, err)
		}
	}
	for i := range s {
		c := bytes.Clone(s)
		c[i] ^= 0x40
		if p, err := a.Open(t.Context(), "t", "registry/x", c); !errors.Is(err, ErrSealed) {
			t.Fatalf("byte %d changed: %q, %v", i, p, err)
		}
		if _, err := a.Open(t.Context(), "t", "registry/x", s[:i]); !errors.Is(err, ErrSealed) {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	good, err := seal(f.Context(), key1, "t", "n", []byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{1, 255})
	f.Add([]byte{1, 0, 255, 255, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		// Every process of a fuzzer seals an x of its own.
		if p, err := open(t.Context(), key1, "t", "n", b); err == nil && string(p) != "x" {
			t.Fatal("opened what nobody sealed")
		}
	})
}

func request(t testing.TB, key any) []byte {
	t.Helper()
	b, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "root", Organization: []string{"evil"}}, DNSNames: []string{"evil.example"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSignCSR(t *testing.T) {
	a := open1(t, &memKeys{})
	id := wire.Identity{Tenant: "default", Kind: wire.KindMicro, ID: "019a-1", Group: "web servers"}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	for name, key := range map[string]any{"ed25519": ed, "p256": p256} {
		c, err := a.SignCSR(request(t, key), id, 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := wire.IdentityOf(c); err != nil || got != id {
			t.Errorf("%s: identity %+v, %v", name, got, err)
		}
		if len(c.DNSNames) > 0 || c.Subject.CommonName != id.ID || c.IsCA || len(c.ExtKeyUsage) != 1 {
			t.Errorf("%s: the request's names were taken: %v %v", name, c.Subject, c.DNSNames)
		}
		if d := time.Until(c.NotAfter); d > EnforcerLifetime || d < EnforcerLifetime-time.Minute {
			t.Errorf("%s: lives %v", name, d)
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: a.Roots(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: a.Roots(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
			t.Errorf("%s: an enforcer's certificate can be a server's", name)
		}
	}
	bad := request(t, ed)
	bad[len(bad)-1] ^= 1
	for name, csr := range map[string][]byte{"p384": request(t, p384), "rsa": request(t, rsaKey), "garbage": []byte("x"), "none": nil,
		"forged": bad, "huge": make([]byte, wire.MaxCSR+1)} {
		if _, err := a.SignCSR(csr, id, 0); !errors.Is(err, ErrRequest) || !errors.Is(err, wire.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []wire.Identity{{}, {Tenant: "a/b", Kind: wire.KindMicro, ID: "1"}, {Tenant: "a", Kind: "x", ID: "1"}, {Tenant: "a", Kind: wire.KindMicro, ID: ".."}} {
		if _, err := a.SignCSR(request(t, ed), id, 0); err == nil {
			t.Errorf("signed for %+v", id)
		}
	}
}

func TestServerTLS(t *testing.T) {
	a := open1(t, &memKeys{})
	now := time.Now()
	a.now = func() time.Time { return now }
	tc, err := a.ServerTLS("console.test", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	first, _ := tc.GetCertificate(nil)
	for _, name := range []string{"console.test", "127.0.0.1"} {
		if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: a.Roots(), DNSName: name}); err != nil {
			t.Error(err)
		}
	}
	now = now.Add(ServerLifetime / 2)
	if c, _ := tc.GetCertificate(nil); c != first {
		t.Error("replaced too early")
	}
	now = now.Add(ServerLifetime / 4)
	if c, _ := tc.GetCertificate(nil); c == first {
		t.Error("not replaced in time")
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", tc)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if c, err := ln.Accept(); err == nil {
			_ = c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Second}, "tcp", ln.Addr().String(), &tls.Config{RootCAs: a.Roots(), Time: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestSignGatewayCSR(t *testing.T) {
	a := open1(t, &memKeys{})
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	c, err := a.SignGatewayCSR(request(t, ed), "gw-1", []string{"gw.test", "10.0.0.1"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := wire.GatewayOf(c); err != nil || n != "gw-1" || len(c.DNSNames) != 1 || len(c.IPAddresses) != 1 {
		t.Errorf("%q, %v, %v", n, err, c.DNSNames)
	}
	if _, err := wire.IdentityOf(c); err == nil {
		t.Error("a gateway's certificate names an enforcer")
	}
	if _, err := a.SignGatewayCSR(request(t, ed), "a/b", nil, 0); err == nil {
		t.Error("signed for a bad name")
	}
}

func TestLoadMaster(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	path := filepath.Join(dir, "master.key")
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			m, err := LoadMaster(path)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = m.KeyID()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("several master keys: %v", ids)
		}
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st.Mode(), err)
	}
	m, _ := LoadMaster(path)
	text := fmt.Sprintf("%v %+v %#v %s", m, m, m, m)
	if strings.Contains(text, fmt.Sprint(m.key[:4])) || !strings.Contains(text, m.id) {
		t.Errorf("prints as %s", text)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadMaster(path); err == nil || !strings.Contains(err.Error(), "0600") {
		t.Errorf("readable by others: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadMaster(path); err == nil {
		t.Error("took a file that is no master key")
	}
}
