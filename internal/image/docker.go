package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// docker speaks the few calls of the Docker Engine API that images need. It
// finds the daemon as docker does: DOCKER_HOST (unix, tcp, http, https),
// DOCKER_TLS_VERIFY and DOCKER_CERT_PATH. Paths carry no API version, so that
// the daemon's own is used, old or new.
type docker struct {
	http *http.Client
	base string
}

const defaultDockerHost = "unix:///var/run/docker.sock"

func newDocker() (*docker, error) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = defaultDockerHost
	}
	u, err := url.Parse(host)
	if err != nil {
		return nil, fmt.Errorf("cannot read DOCKER_HOST: %w", err)
	}
	t := &http.Transport{ResponseHeaderTimeout: 30 * time.Minute, DisableCompression: true}
	base := ""
	switch u.Scheme {
	case "unix":
		var dialer net.Dialer
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", u.Path)
		}
		base = "http://docker"
	case "tcp", "http", "https":
		base = "http://" + u.Host
		if u.Scheme == "https" || os.Getenv("DOCKER_TLS_VERIFY") != "" {
			base = "https://" + u.Host
			if t.TLSClientConfig, err = dockerTLS(os.Getenv("DOCKER_CERT_PATH")); err != nil {
				return nil, err
			}
		}
	default:
		return nil, fmt.Errorf("DOCKER_HOST with scheme %.20q: %w", u.Scheme, ErrUnsupported)
	}
	return &docker{http: &http.Client{Transport: t}, base: base}, nil
}

func dockerTLS(dir string) (*tls.Config, error) {
	if dir == "" {
		return nil, nil
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the daemon's CA: %w", err)
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the daemon's client certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Join(dir, "ca.pem"))
	}
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}, nil
}

func (d *docker) close() { d.http.CloseIdleConnections() }

// do sends one request; any status but 2xx is an error with the daemon's
// message. The caller closes the body.
func (d *docker) do(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, d.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-tar")
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the Docker daemon: %w; is Docker running, and may you call it? DOCKER_HOST names another", err)
	}
	if resp.StatusCode/100 == 2 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var said struct {
		Message string `json:"message"`
	}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	_ = json.Unmarshal(b, &said)
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("the Docker daemon says %.300q (docker pull it, or leave docker:// out to read it from its registry): %w", said.Message, ErrNotFound)
	}
	return nil, fmt.Errorf("the Docker daemon answers %s: %.300q", resp.Status, said.Message)
}

func (d *docker) get(ctx context.Context, path string, into any) error {
	body, err := d.do(ctx, "GET", path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	b, err := readBounded(body, MaxDaemonReply, "the daemon's answer")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("cannot read the daemon's answer: %w", err)
	}
	return nil
}
