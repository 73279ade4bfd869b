package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"time"
)

// client speaks to the control plane's API as a browser would: a session
// cookie and a CSRF token, over TLS from the install's own CA.
type client struct {
	base string
	http *http.Client
	csrf string
}

func newClient(base, caFile string) (*client, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", caFile)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &client{base: base, http: &http.Client{
		Timeout: 30 * time.Second, Jar: jar,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
	}}, nil
}

// do sends in as JSON and reads out. ifMatch, if not empty, is sent as If-Match;
// the ETag of the answer is returned.
func (c *client) do(ctx context.Context, method, path, ifMatch string, in, out any) (etag string, err error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return "", err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.csrf != "" {
		req.Header.Set("X-CSRF-Token", c.csrf)
	}
	if ifMatch != "" {
		req.Header.Set("If-Match", ifMatch)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return "", err
	}
	if resp.StatusCode >= 300 {
		return "", fmt.Errorf("%s %s: %s: %.500s", method, path, resp.Status, b)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			return "", fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	return resp.Header.Get("ETag"), nil
}

// signUp creates the administrator with the one-time code and signs in.
func (c *client) signUp(ctx context.Context, code, user, password string) error {
	in := map[string]any{"code": code, "username": user, "password": password}
	if _, err := c.do(ctx, "POST", "/setup", "", in, nil); err != nil {
		return err
	}
	var s struct {
		CSRFToken string `json:"csrfToken"`
	}
	if _, err := c.do(ctx, "GET", "/session", "", nil, &s); err != nil {
		return err
	}
	c.csrf = s.CSRFToken
	return nil
}

// poll asks until ok says yes, at most for limit.
func poll(ctx context.Context, limit, every time.Duration, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		done, err := ok()
		if done {
			return nil
		}
		if err != nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if last != nil {
				return fmt.Errorf("after %v: %w", limit, last)
			}
			return fmt.Errorf("nothing after %v", limit)
		case <-time.After(every):
		}
	}
}
