package worker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/scanner"
	"github.com/limpet-security/limpet/scanner/inspect"
	"github.com/limpet-security/limpet/scanner/licences"
	"github.com/limpet-security/limpet/scanner/malware"
	"github.com/limpet-security/limpet/scanner/misconfig"
	"github.com/limpet-security/limpet/scanner/sensitive"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// Images scans images of registries with everything there is: packages,
// secrets, malware, licences and misconfiguration.
type Images struct {
	CacheDir string // layers that were read; "": none are kept
	TempDir  string // "": the system's
	Database string // file whose malware signatures are used, where there is one

	mu         sync.Mutex
	inspectors []inspect.Inspector // guarded by mu
	of         time.Time           // when the database changed that they were made of
}

// Scan is a Scanner.
func (s *Images) Scan(ctx context.Context, j *Job, progress func(Progress)) (*finding.Report, error) {
	if err := CheckReference(j.Reference); err != nil {
		return nil, err
	}
	inspectors, err := s.prepare()
	if err != nil {
		return nil, err
	}
	o := scanner.Options{
		Kind: finding.KindImage, Signatures: true, Source: j.Reference, Platform: j.Platform, Insecure: j.Insecure, Inspectors: inspectors,
		CacheDir: s.CacheDir, TempDir: s.TempDir, Image: image.Options{UserAgent: "limpet/" + version.Version},
		Progress: func(p scanner.Progress) { progress(Progress(p)) },
	}
	if o.Image.Keychain, o.Image.Transport, err = j.Access.Use(j.Reference); err != nil {
		return nil, err
	}
	return scanner.Scan(ctx, o)
}

// prepare makes the inspectors, anew when the database has changed.
func (s *Images) prepare() ([]inspect.Inspector, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var changed time.Time
	if st, err := os.Stat(s.Database); err == nil {
		changed = st.ModTime()
	}
	if s.inspectors != nil && changed.Equal(s.of) {
		return s.inspectors, nil
	}
	var db *vulndb.DB
	if !changed.IsZero() {
		var err error
		if db, err = vulndb.Open(s.Database); err != nil {
			return nil, err
		}
		defer func() { _ = db.Close() }()
	}
	secrets, err1 := sensitive.All(sensitive.Options{})
	bad, err2 := malware.OfDatabase(db)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("cannot prepare scanner: %w", err)
	}
	s.inspectors = append(append(append(secrets, bad...), licences.All()...), misconfig.All()...)
	s.of = changed
	return s.inspectors, nil
}

// Use gives what reads a registry with what was lent. What is lent goes to the
// host of the reference alone; where nothing is, this machine's own means are used.
func (a *Access) Use(reference string) (authn.Keychain, http.RoundTripper, error) {
	var transport http.RoundTripper
	if a.Insecure || a.CA != "" || a.Cert != "" {
		t, ok := remote.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, nil, errors.New("cannot reach registry: the transport is not HTTP's")
		}
		t = t.Clone()
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: a.Insecure} //nolint:gosec // a person said so of this registry
		if a.CA != "" {
			pool, err := x509.SystemCertPool()
			if err != nil {
				pool = x509.NewCertPool()
			}
			if !pool.AppendCertsFromPEM([]byte(a.CA)) {
				return nil, nil, errors.New("cannot reach registry: its CA holds no certificate")
			}
			t.TLSClientConfig.RootCAs = pool
		}
		if a.Cert != "" {
			pair, err := tls.X509KeyPair([]byte(a.Cert), []byte(a.Key))
			if err != nil {
				return nil, nil, errors.New("cannot reach registry: the certificate to show and its key are no pair")
			}
			t.TLSClientConfig.Certificates = []tls.Certificate{pair}
		}
		transport = t
	}
	if a.Auth == nil {
		return nil, transport, nil
	}
	p, err := image.ParsePlace(reference, a.Insecure)
	if err != nil {
		return nil, nil, err
	}
	return lentTo{p.Ref.Context().RegistryStr(), authn.FromConfig(*a.Auth)}, transport, nil
}

// lentTo is a keychain of one host.
type lentTo struct {
	host string
	auth authn.Authenticator
}

func (l lentTo) Resolve(r authn.Resource) (authn.Authenticator, error) {
	if strings.EqualFold(r.RegistryStr(), l.host) {
		return l.auth, nil
	}
	return authn.Anonymous, nil
}

// permanent says that another attempt would fail as well.
func permanent(err error) bool {
	return errors.Is(err, ErrReference) || errors.Is(err, scanner.ErrPlatform) || errors.Is(err, image.ErrUnsupported)
}
