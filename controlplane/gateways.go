package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/limpet-security/limpet/controlplane/authority"
	"github.com/limpet-security/limpet/controlplane/gateway"
	"github.com/limpet-security/limpet/internal/wire"
)

// Gateways that run elsewhere (limpet-gateway) call ControlListen with a client
// certificate of this install's CA. The server writes certificate and key of
// each one named in Config.RemoteGateways into Data/gateways/NAME, from where
// they are carried to the gateway's machine, and replaces them when a third of
// their life is left; a gateway that sees the new files uses them at once.
const (
	gatewayFolder = "gateways"
	gatewayCert   = "tls.crt"
	gatewayKey    = "tls.key"
	gatewayCA     = "ca.pem"
	gatewayLook   = 12 * time.Hour
)

// parseRemoteGateway reads NAME=HOST[,HOST...].
func parseRemoteGateway(s string) (name string, hosts []string, err error) {
	name, list, ok := strings.Cut(s, "=")
	for h := range strings.SplitSeq(list, ",") {
		if h = strings.TrimSpace(h); h != "" {
			hosts = append(hosts, h)
		}
	}
	if !ok || name == "" || len(hosts) == 0 {
		return "", nil, fmt.Errorf("cannot use remote gateway %q: want NAME=HOST[,HOST...]", s)
	}
	return name, hosts, nil
}

// serveGateways answers gateways that run elsewhere until ctx ends.
func (s *server) serveGateways(ctx context.Context, tc *tls.Config) error {
	ln, err := net.Listen("tcp", s.ControlListen)
	if err != nil {
		return fmt.Errorf("cannot listen for gateways: %w", err)
	}
	return gateway.ServeControl(ctx, ln, tc, s.authority.Certificate(), s.ingest)
}

// gatewayCertificates writes what is missing or near its end.
func (s *server) gatewayCertificates(now time.Time) error {
	var errs []error
	for _, g := range s.RemoteGateways {
		name, hosts, err := parseRemoteGateway(g)
		if err == nil {
			err = s.gatewayCertificate(name, hosts, now)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// keepGatewayCertificates does the same from time to time until ctx ends.
func (s *server) keepGatewayCertificates(ctx context.Context) {
	t := time.NewTicker(gatewayLook)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			if err := s.gatewayCertificates(now); err != nil {
				s.Log.Error("cannot replace a gateway's certificate", "error", err)
			}
		}
	}
}

func (s *server) gatewayCertificate(name string, hosts []string, now time.Time) error {
	if _, err := wire.GatewayURI(name); err != nil { // before it becomes a path
		return err
	}
	dir := filepath.Join(s.Data, gatewayFolder, name)
	if fits(filepath.Join(dir, gatewayCert), hosts, now) {
		return nil
	}
	issued, err := s.authority.IssueGateway(name, hosts)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot make folder of gateway %q: %w", name, err)
	}
	// The key first: a gateway that reads in between sees a pair that does not
	// fit and keeps the old one.
	for _, f := range []struct {
		name string
		data []byte
	}{{gatewayCA, s.authority.CAPEM()}, {gatewayKey, issued.KeyPEM}, {gatewayCert, issued.CertificatePEM}} {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path+".new", f.data, 0o600); err != nil {
			return fmt.Errorf("cannot write files of gateway %q: %w", name, err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			return fmt.Errorf("cannot write files of gateway %q: %w", name, err)
		}
	}
	s.Log.Info("certificate of a gateway written", "gateway", name, "folder", dir)
	return nil
}

// fits says that the certificate in a file is good for these hosts for more
// than a third of its life.
func fits(path string, hosts []string, now time.Time) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	p, _ := pem.Decode(b)
	if p == nil {
		return false
	}
	c, err := x509.ParseCertificate(p.Bytes)
	if err != nil || now.After(c.NotAfter.Add(-authority.GatewayLifetime/3)) {
		return false
	}
	for _, h := range hosts {
		if c.VerifyHostname(h) != nil {
			return false
		}
	}
	return true
}
