package registries

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
)

// Endpoints are where publishers' own services are: those of the clouds, unless
// a test or a mirror says otherwise.
type Endpoints struct {
	HubAPI      string // Docker Hub's API
	HubAuth     string // its token service
	GitHubAPI   string
	GoogleToken string // Google's OAuth token endpoint
	Entra       string // Microsoft's sign-in
	AWS         string // ECR, ECR Public and STS alike; "": where the SDK finds them
}

func (e Endpoints) filled() Endpoints {
	set := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	set(&e.HubAPI, "https://hub.docker.com")
	set(&e.HubAuth, "https://auth.docker.io")
	set(&e.GitHubAPI, "https://api.github.com")
	set(&e.GoogleToken, "https://oauth2.googleapis.com/token")
	set(&e.Entra, "https://login.microsoftonline.com")
	return e
}

// Network is what connections to registries stand on.
type Network struct {
	Allowed   []netip.Prefix // addresses that are called although they would be refused
	Ambient   bool           // the server's own cloud identity may be used
	Endpoints Endpoints
	Roots     *x509.CertPool // nil: the system's
	Agent     string         // User-Agent
}

// connection is one registry, ready to be asked.
type connection struct {
	Network
	spec    spec.Spec
	secrets spec.Secrets
	base    *url.URL
	reg     name.Registry
	guard   *guard
	plain   http.RoundTripper // without the guard of credentials: for SDKs that know where they sign in
	api     *http.Client      // publishers' APIs
	auth    authn.Authenticator
	puller  *remote.Puller
}

// connect prepares to ask a registry; nothing is sent yet but what signing in
// to a cloud takes.
func (n Network) connect(ctx context.Context, s spec.Spec, secrets spec.Secrets) (*connection, error) {
	n.Endpoints = n.Endpoints.filled()
	c := &connection{Network: n, spec: s, secrets: secrets}
	var err error
	if c.base, err = url.Parse(s.Base()); err != nil || c.base.Host == "" {
		return nil, problem(Failed, "address %q is not valid", s.Base())
	}
	opts := []name.Option{}
	if s.TLS.Insecure {
		opts = append(opts, name.Insecure)
	}
	if c.reg, err = name.NewRegistry(c.base.Host, opts...); err != nil {
		return nil, problem(Failed, "address %q: %w", s.Base(), err)
	}
	config, err := tlsConfig(s, secrets, n.Roots)
	if err != nil {
		return nil, err
	}
	c.plain = &http.Transport{
		DialContext: dialer(n.Allowed).DialContext, TLSClientConfig: config, TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: callTimeout,
		MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 256 << 10, ForceAttemptHTTP2: true,
	}
	c.guard = &guard{next: c.plain, scheme: c.base.Scheme, hosts: c.authHosts(), agent: n.Agent, sleep: pause}
	c.api = &http.Client{Transport: c.guard, CheckRedirect: stay, Timeout: 5 * callTimeout}
	if c.auth, err = c.signIn(ctx); err != nil {
		return nil, err
	}
	c.puller, err = remote.NewPuller(c.remote()...)
	return c, err
}

// close lets go of idle connections.
func (c *connection) close() {
	if t, ok := c.plain.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

func (c *connection) remote() []remote.Option {
	return []remote.Option{
		remote.WithAuth(c.auth), remote.WithTransport(c.guard), remote.WithJobs(2), remote.WithUserAgent(c.Agent), remote.WithPageSize(500),
		remote.WithRetryBackoff(remote.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Steps: 2}),
	}
}

// authHosts lists the hosts that may be sent the registry's credentials.
func (c *connection) authHosts() map[string]bool {
	hosts := map[string]bool{hostOf(c.base): true}
	add := func(addresses ...string) {
		for _, a := range addresses {
			if !strings.Contains(a, "://") {
				a = "https://" + a
			}
			if u, err := url.Parse(a); err == nil && u.Host != "" {
				hosts[hostOf(u)] = true
			}
		}
	}
	e := c.Endpoints
	switch c.spec.Type {
	case spec.DockerHub:
		add(e.HubAPI, e.HubAuth, "registry-1.docker.io", "index.docker.io")
	case spec.GHCR:
		add(e.GitHubAPI)
	case spec.GAR, spec.GCR:
		add(e.GoogleToken)
	case spec.ACR:
		add(e.Entra)
	}
	if c.spec.APIAddress != "" {
		add(c.spec.APIAddress)
	}
	add(c.spec.AuthHosts...)
	return hosts
}

func tlsConfig(s spec.Spec, secrets spec.Secrets, roots *x509.CertPool) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, InsecureSkipVerify: s.TLS.Insecure} //nolint:gosec // said so in form, list and API
	if s.TLS.CA != "" {
		pool := roots
		if pool == nil {
			var err error
			if pool, err = x509.SystemCertPool(); err != nil {
				pool = x509.NewCertPool()
			}
		}
		pool = pool.Clone()
		if !pool.AppendCertsFromPEM([]byte(s.TLS.CA)) {
			return nil, problem(Credentials, "the CA holds no certificate")
		}
		config.RootCAs = pool
	}
	if s.TLS.ClientCertificate != "" {
		pair, err := tls.X509KeyPair([]byte(s.TLS.ClientCertificate), []byte(secrets[spec.ClientKey]))
		if err != nil {
			return nil, problem(Credentials, "the client certificate and its key are no pair")
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// getJSON asks a publisher's API. sign puts the credentials on the request; the
// answer's header says where the next page is.
func (c *connection) getJSON(ctx context.Context, address string, sign func(*http.Request), into any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, problem(Failed, "cannot ask %s: %w", c.base.Host, err)
	}
	if sign != nil {
		sign(req)
	}
	return c.call(req, into)
}

// call makes a request and reads its answer as JSON.
func (c *connection) call(req *http.Request, into any) (http.Header, error) {
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.Agent)
	res, err := c.api.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return nil, ofStatus(res.StatusCode, fmt.Errorf("%s answered %s", req.URL.Host+req.URL.Path, res.Status))
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return nil, fmt.Errorf("cannot read the answer of %s: %w", req.URL.Host+req.URL.Path, err)
	}
	return res.Header, nil
}

// basic signs with user name and password.
func (c *connection) basic(r *http.Request) {
	if c.spec.Method() == spec.Basic {
		r.SetBasicAuth(c.spec.Auth.Username, c.secrets[spec.Password])
	}
	if c.spec.Method() == spec.Bearer {
		r.Header.Set("Authorization", "Bearer "+c.secrets[spec.Token])
	}
}

// bearer signs with a token.
func bearer(token string) func(*http.Request) {
	return func(r *http.Request) {
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
	}
}

// at makes an address below another.
func at(base string, query url.Values, parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	a := strings.TrimRight(base, "/") + "/" + strings.Join(parts, "/")
	if len(query) > 0 {
		a += "?" + query.Encode()
	}
	return a
}

// limit bounds calls in time.
func limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 5*callTimeout)
}
