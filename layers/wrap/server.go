package wrap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/workload"
)

const (
	embedTimeout   = 30 * time.Second
	maxTokenBytes  = 4096
	maxCAFileBytes = 1 << 20
)

// Server says where a group's identity comes from.
type Server struct {
	URL       string // https://host:port of the control plane
	TokenFile string // holds an API token
	CAFile    string // PEM; "": the system's
	Group     string
	UserAgent string
}

// Identity fetches GET /api/v1/groups/{group}/embed and checks that an
// enforcer could start with the answer.
func (s Server) Identity(ctx context.Context) (Identity, error) {
	id, err := s.fetch(ctx)
	if err != nil {
		return Identity{}, fmt.Errorf("cannot fetch group %q from %s: %w", s.Group, s.URL, err)
	}
	return id, nil
}

func (s Server) fetch(ctx context.Context) (Identity, error) {
	base, err := url.Parse(s.URL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return Identity{}, errors.New("the server's URL is not https://host:port")
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) {
		return Identity{}, errors.New("an API token is sent over https only")
	}
	token, err := readToken(s.TokenFile)
	if err != nil {
		return Identity{}, err
	}
	client, err := s.client()
	if err != nil {
		return Identity{}, err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, embedTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("api/v1/groups", url.PathEscape(s.Group), "embed").String(), nil)
	if err != nil {
		return Identity{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", s.UserAgent)
	resp, err := client.Do(req)
	if err != nil {
		return Identity{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxEmbedBytes+1))
	if err != nil {
		return Identity{}, err
	}
	if len(body) > MaxEmbedBytes {
		return Identity{}, fmt.Errorf("an answer of more than %d bytes: %w", MaxEmbedBytes, ErrEmbed)
	}
	if resp.StatusCode != http.StatusOK {
		return Identity{}, problem(resp.Status, body)
	}
	return parseEmbed(body)
}

func loopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

func (s Server) client() (*http.Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		pem, err := readSmall(s.CAFile, maxCAFileBytes)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", s.CAFile)
		}
		t.TLSClientConfig.RootCAs = pool
	}
	return &http.Client{
		Transport: t,
		// A redirect would carry the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func readToken(path string) (string, error) {
	raw, err := readSmall(path, maxTokenBytes)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(raw))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("%s does not hold one API token", path)
	}
	return token, nil
}

func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return b, nil
}

// problem reads an application/problem+json answer.
func problem(status string, body []byte) error {
	var p struct{ Title, Detail string }
	_ = json.Unmarshal(body, &p)
	if p.Detail == "" {
		p.Detail = p.Title
	}
	return fmt.Errorf("the server answers %s: %.300q", status, p.Detail)
}

// parseEmbed reads the answer: workload.Embedded and the signed bundle in
// base64.
func parseEmbed(body []byte) (Identity, error) {
	var answer struct {
		workload.Embedded
		Bundle []byte `json:"bundle"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrEmbed, err)
	}
	id := Identity{Embedded: answer.Embedded, Bundle: answer.Bundle}
	if id.Embedded.Gateway == "" || len(id.Embedded.BundleKeys) == 0 {
		return Identity{}, fmt.Errorf("it names no gateway or no bundle key: %w", ErrEmbed)
	}
	return id, id.validate()
}
