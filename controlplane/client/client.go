package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/version"
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 256 << 20 // a report is the largest

// ErrNotFound reports that the server has no such object.
var ErrNotFound = errors.New("not found")

// Config says which server, and as whom.
type Config struct {
	Server string // https://host:port
	Token  string // API token
	CAFile string // PEM file of the CA to trust; "" for the system's
}

// Client calls one server. It is safe for concurrent use.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New checks the configuration. It opens no connection.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("cannot call server %q: want https://host:port, as the server prints it when it starts", c.Server)
	}
	if c.Token == "" {
		return nil, errors.New("cannot call server: no API token (make one in the console under Settings)")
	}
	tc := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("cannot read CA: %w", err)
		}
		tc.RootCAs = x509.NewCertPool()
		if !tc.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("cannot read CA: %s holds no certificate", c.CAFile)
		}
	}
	return &Client{
		base: "https://" + u.Host + "/api/v1", token: c.Token,
		http: &http.Client{
			Timeout:   time.Minute,
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: tc, ForceAttemptHTTP2: true},
			// A redirect would take the token elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Problem is an error that the server explained (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Location string          `json:"location"`
		Message  string          `json:"message"`
		Value    json.RawMessage `json:"value"`
	} `json:"errors"`
	foreign bool // it is no problem that the console wrote
}

func (p *Problem) Error() string {
	s := p.Detail
	if s == "" {
		s = p.Title
	}
	switch {
	case p.Status == http.StatusUnauthorized:
		s = "the server does not take the API token: it is wrong, was ended or has expired; make another in the console under Settings"
	case p.foreign:
		s = fmt.Sprintf("the server answers %s, not as a console does: is --server the console's address, and not the gateway's or another's?", s)
	}
	for _, e := range p.Errors {
		var at struct{ Line, Column int }
		_ = json.Unmarshal(e.Value, &at)
		s += "\n  "
		if at.Line > 0 {
			s += fmt.Sprintf("line %d, column %d: ", at.Line, at.Column)
		}
		s += strings.TrimPrefix(e.Location+": ", ": ") + e.Message
	}
	return s
}

// Unwrap lets errors.Is find ErrNotFound.
func (p *Problem) Unwrap() error {
	if p.Status == http.StatusNotFound {
		return ErrNotFound
	}
	return nil
}

// Raw is a body of Do that is sent as it is.
type Raw []byte

// Do calls the API. path begins below /api/v1; in and out may be nil. match
// is the ETag that is changed, "" for none. It gives the ETag of the answer.
func (c *Client) Do(ctx context.Context, method, path, match string, in, out any) (etag string, err error) {
	var body io.Reader
	kind := "application/json"
	if raw, ok := in.(Raw); ok {
		body, kind = bytes.NewReader(raw), "application/octet-stream"
	} else if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return "", fmt.Errorf("cannot write request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return "", fmt.Errorf("cannot write request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "limpet/"+version.Version)
	if in != nil {
		req.Header.Set("Content-Type", kind)
	}
	if match != "" {
		req.Header.Set("If-Match", match)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return "", unreached(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return "", fmt.Errorf("cannot read answer: %w", err)
	}
	if len(b) > maxAnswer {
		return "", fmt.Errorf("cannot read answer: it has more than %d bytes", maxAnswer)
	}
	if res.StatusCode >= 300 {
		p := &Problem{Status: res.StatusCode, Title: res.Status}
		p.foreign = json.Unmarshal(b, p) != nil // a proxy's answer
		p.Status = res.StatusCode
		return "", p
	}
	if out != nil && len(b) > 0 {
		if err := json.Unmarshal(b, out); err != nil {
			return "", fmt.Errorf("cannot read answer: %w", err)
		}
	}
	return res.Header.Get("ETag"), nil
}

// unreached says what to do about a server that cannot be called.
func unreached(err error) error {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		plain     tls.RecordHeaderError
		dns       *net.DNSError
		address   *net.OpError
	)
	what := ""
	switch {
	case errors.As(err, &authority):
		what = "; name the server's CA with --ca-file (the server keeps it in its data folder as ca.pem)"
	case errors.As(err, &name):
		what = "; the server's certificate has other names: call it by one of them, or start it with --name"
	case errors.As(err, &plain):
		what = "; what answers there speaks no TLS: is it the right port?"
	case errors.As(err, &dns):
		what = "; is the name right?"
	case errors.As(err, &address) && address.Op == "dial":
		what = "; is the server running, and is --server its address?"
	}
	return fmt.Errorf("cannot reach server: %w%s", err, what)
}

// All reads every page of a list and gives its items one by one.
func (c *Client) All(ctx context.Context, path string, item func(json.RawMessage) error) error {
	return c.Each(ctx, path, nil, item)
}

// Each is All with a query that narrows the list.
func (c *Client) Each(ctx context.Context, path string, query url.Values, item func(json.RawMessage) error) error {
	for cursor := ""; ; {
		var page struct {
			Items      []json.RawMessage `json:"items"`
			NextCursor string            `json:"nextCursor"`
		}
		q := url.Values{"limit": {"500"}}
		maps.Copy(q, query)
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		if _, err := c.Do(ctx, http.MethodGet, path+"?"+q.Encode(), "", nil, &page); err != nil {
			return err
		}
		for _, it := range page.Items {
			if err := item(it); err != nil {
				return err
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			return nil
		}
	}
}
