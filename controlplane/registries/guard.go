package registries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Bounds of calls to a registry.
const (
	maxAnswer   = 8 << 20          // bytes of one answer
	callTimeout = 60 * time.Second // of one call
	maxPause    = 60 * time.Second // that a rate limit is waited for within a call
	maxRetries  = 3
	maxRedirect = 5
)

// metadata are addresses at which clouds tell a machine its own credentials,
// where they are not link-local: Amazon's over IPv6, Alibaba's, Azure's.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"), netip.MustParsePrefix("100.100.100.200/32"), netip.MustParsePrefix("168.63.129.16/32"),
}

// forbidden says why an address is none that a registry may have; nil if it
// may. Private networks are where many registries stand, so they are allowed;
// this machine's own addresses on loopback are not, nor is what only the
// machine can reach.
func forbidden(a netip.Addr, allowed []netip.Prefix) error {
	a = a.Unmap()
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	if slices.ContainsFunc(allowed, in) {
		return nil
	}
	what := ""
	switch {
	case a.IsLoopback():
		what = "this machine itself"
	case a.IsLinkLocalUnicast(), a.IsLinkLocalMulticast(), slices.ContainsFunc(metadata, in):
		what = "link-local, or a cloud's metadata service"
	case a.IsUnspecified(), a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}), a.Is4() && a.As4()[0] == 0:
		what = "no host's"
	case nat64.Contains(a):
		b := a.As16()
		return forbidden(netip.AddrFrom4([4]byte(b[12:])), allowed)
	default:
		return nil
	}
	return problem(Refused, "the registry's address %s is %s; the server's administrator may allow it with --registry-network", a, what)
}

// nat64 leads to IPv4 addresses.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// dialer connects to addresses that are not forbidden. The check is made on
// the address that is really connected to, after names were resolved.
func dialer(allowed []netip.Prefix) *net.Dialer {
	return &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return problem(Refused, "the registry's address %q is none", address)
		}
		return forbidden(at.Addr(), allowed)
	}}
}

// guard is the transport of every call for one registry.
type guard struct {
	next   http.RoundTripper
	scheme string          // the only one that is spoken
	hosts  map[string]bool // that may be sent credentials
	agent  string
	rate   atomic.Pointer[Rate]
	sleep  func(context.Context, time.Duration) error
}

// Rate is what a registry said of its rate limit.
type Rate struct {
	Limit     int `json:"limit,omitempty"`
	Remaining int `json:"remaining"`
}

func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != g.scheme && r.URL.Scheme != "https" {
		return nil, problem(BadTLS, "the call to %s would not be encrypted", r.URL.Host)
	}
	if carries(r) && !g.hosts[hostOf(r.URL)] {
		return nil, problem(Elsewhere, "the registry asks to send its credentials to %s, which is another host: name it under authHosts if it is the registry's", r.URL.Host)
	}
	for try := 0; ; try++ {
		res, err := g.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		g.note(res.Header)
		if res.StatusCode != http.StatusTooManyRequests {
			res.Body = &bounded{ReadCloser: res.Body, left: maxAnswer, host: r.URL.Host}
			return res, nil
		}
		_ = res.Body.Close()
		now := time.Now()
		reset := resetTime(res.Header, now)
		pause := reset.Sub(now)
		if reset.IsZero() {
			pause = time.Second << try
		}
		if try >= maxRetries || pause > maxPause || r.Body != nil && r.Body != http.NoBody {
			p := problem(RateLimited, "%s's rate limit is reached (429)", r.URL.Host)
			if p.Reset = reset; !reset.IsZero() {
				p.Err = fmt.Errorf("%w; it ends at %s", p.Err, reset.UTC().Format(time.RFC3339))
			}
			return nil, p
		}
		if err := g.sleep(r.Context(), max(pause, 100*time.Millisecond)); err != nil {
			return nil, err
		}
	}
}

// carries says whether a request holds credentials: in a header, or in a form.
func carries(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || r.Header.Get("Private-Token") != "" || r.Method == http.MethodPost
}

func hostOf(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" || port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http" {
		return host
	}
	return net.JoinHostPort(host, port)
}

// note remembers what an answer says of the rate limit (draft-ietf-httpapi-
// ratelimit-headers, as Docker Hub sends it: "100;w=21600").
func (g *guard) note(h http.Header) {
	number := func(name string) (int, bool) {
		v, _, _ := strings.Cut(h.Get(name), ";")
		n, err := strconv.Atoi(strings.TrimSpace(v))
		return n, err == nil
	}
	for _, prefix := range []string{"Ratelimit-", "X-Ratelimit-"} {
		if left, ok := number(prefix + "Remaining"); ok {
			limit, _ := number(prefix + "Limit")
			g.rate.Store(&Rate{Limit: limit, Remaining: left})
			return
		}
	}
}

// resetTime reads when a rate limit ends: Retry-After (RFC 9110, section
// 10.2.3), or the seconds or Unix time of the common headers; zero if nothing
// is said.
func resetTime(h http.Header, now time.Time) time.Time {
	const far = 7 * 24 * time.Hour // beyond it is a mistake
	for _, name := range []string{"Retry-After", "X-Retry-After", "Ratelimit-Reset", "X-Ratelimit-Reset"} {
		v := strings.TrimSpace(h.Get(name))
		if v == "" {
			continue
		}
		at, err := http.ParseTime(v)
		if n, numeric := strconv.ParseInt(v, 10, 64); numeric == nil {
			if err = nil; n > 1_000_000_000 {
				at = time.Unix(n, 0)
			} else {
				at = now.Add(time.Duration(min(max(n, 0), 1<<30)) * time.Second)
			}
		}
		if err == nil && at.Sub(now) < far {
			return at
		}
	}
	return time.Time{}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bounded ends an answer that is too long with an error.
type bounded struct {
	io.ReadCloser
	left int64
	host string
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, err := b.ReadCloser.Read(one[:]); n == 0 && errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		return 0, problem(TooMuch, "an answer of %s has more than %d bytes", b.host, maxAnswer)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// stay refuses redirects that leave the host: what is asked there would be
// told to somebody else.
func stay(next *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirect {
		return errors.New("too many redirects")
	}
	if hostOf(next.URL) != hostOf(via[0].URL) {
		return problem(Elsewhere, "%s redirects to another host, %s", via[0].URL.Host, next.URL.Host)
	}
	return nil
}
