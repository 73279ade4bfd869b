package registries

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Kind says what is wrong with a registry, for people to act upon.
type Kind string

// Kinds of problems.
const (
	DNS          Kind = "dns"             // the name is not known
	Unreachable  Kind = "unreachable"     // nobody answers there
	Timeout      Kind = "timeout"         //
	BadTLS       Kind = "tls"             // the certificate is not trusted, or there is no TLS
	Unauthorized Kind = "unauthorized"    // 401
	Forbidden    Kind = "forbidden"       // 403
	NotFound     Kind = "not-found"       // 404 of something that should be there
	NotRegistry  Kind = "not-a-registry"  // something else answers
	RateLimited  Kind = "rate-limited"    // 429
	Refused      Kind = "address-refused" // the address is one that this server does not call
	Elsewhere    Kind = "elsewhere"       // the credentials would go to another host
	TooMuch      Kind = "too-much"        // an answer, or the number of images, is too large
	Credentials  Kind = "credentials"     // they cannot be used as they are
	Failed       Kind = "failed"          // anything else
)

// Problem is an error about a registry that says what kind it is.
type Problem struct {
	Kind  Kind
	Reset time.Time // RateLimited: when to come back; zero: not said
	Err   error
}

func (p *Problem) Error() string { return p.Err.Error() }

// Unwrap gives what went wrong underneath.
func (p *Problem) Unwrap() error { return p.Err }

func problem(k Kind, format string, args ...any) *Problem {
	return &Problem{Kind: k, Err: fmt.Errorf(format, args...)}
}

// classify finds out what kind of problem an error is.
func classify(err error) *Problem {
	if err == nil {
		return nil
	}
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	wrap := func(k Kind, say string) *Problem { return &Problem{Kind: k, Err: fmt.Errorf("%s: %w", say, err)} }
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var status *transport.Error
	var network net.Error
	switch {
	case errors.As(err, &dns):
		return wrap(DNS, "the registry's name is not known")
	case errors.As(err, &host):
		return wrap(BadTLS, "the certificate is for another name")
	case errors.As(err, &unknown):
		return wrap(BadTLS, "nobody who is trusted signed the certificate; give the CA that did")
	case errors.As(err, &invalid), errors.As(err, &verify):
		return wrap(BadTLS, "the certificate is not valid")
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return wrap(BadTLS, "the registry speaks no TLS at this port")
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
		return wrap(BadTLS, "the registry refused the TLS connection; it may want a client certificate")
	case errors.As(err, &status):
		return ofStatus(status.StatusCode, err)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ECONNRESET):
		return wrap(Unreachable, "nobody answers at the registry's address")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return wrap(Timeout, "the registry did not answer in time")
	}
	return &Problem{Kind: Failed, Err: err}
}

// ofStatus is the problem that an HTTP status tells of.
func ofStatus(status int, err error) *Problem {
	switch status {
	case http.StatusUnauthorized:
		return &Problem{Kind: Unauthorized, Err: fmt.Errorf("the registry does not accept the credentials (401): %w", err)}
	case http.StatusForbidden:
		return &Problem{Kind: Forbidden, Err: fmt.Errorf("these credentials may not do this (403): %w", err)}
	case http.StatusNotFound:
		return &Problem{Kind: NotFound, Err: fmt.Errorf("the registry has no such thing (404): %w", err)}
	case http.StatusTooManyRequests:
		return &Problem{Kind: RateLimited, Err: fmt.Errorf("the registry's rate limit is reached (429): %w", err)}
	}
	return &Problem{Kind: Failed, Err: err}
}
