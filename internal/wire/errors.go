package wire

import (
	"errors"
	"fmt"
	"time"
)

// Errors that cross the line. errors.Is finds them on both sides.
var (
	ErrToken       = errors.New("join token refused")     // permanent: unknown, expired or used up
	ErrIdentity    = errors.New("identity refused")       // permanent: unknown, revoked or expired beyond renewal
	ErrSignature   = errors.New("signature refused")      // permanent: forged, replayed or malformed
	ErrClock       = errors.New("clock differs too much") // transient: ServerTime tells the gateway's time
	ErrInvalid     = errors.New("invalid request")        // permanent for this very message
	ErrTooLarge    = errors.New("message too large")      // permanent for this very message
	ErrBusy        = errors.New("too many requests")      // transient: RetryAfter tells when
	ErrUnavailable = errors.New("control plane is away")  // transient
)

// reasons is the name of each error on the wire (header Limpet-Error).
var reasons = []struct {
	name string
	err  error
}{
	{"token", ErrToken},
	{"identity", ErrIdentity},
	{"signature", ErrSignature},
	{"clock", ErrClock},
	{"invalid", ErrInvalid},
	{"too-large", ErrTooLarge},
	{"busy", ErrBusy},
	{"unavailable", ErrUnavailable},
}

// kindOf is the error with a name; nil for a name that is not known.
func kindOf(name string) error {
	for _, r := range reasons {
		if r.name == name {
			return r.err
		}
	}
	return nil
}

// Metadata of an error answer.
const (
	HeaderReason     = "Limpet-Error"       // name in reasons
	HeaderServerTime = "Limpet-Time"        // UTC nanoseconds since 1970, with ErrClock
	HeaderRetryAfter = "Limpet-Retry-After" // milliseconds, with ErrBusy
)

// Error is an error of this package with what the other side needs to act.
type Error struct {
	Kind       error         // one of the Err values
	Message    string        // for a person; holds no secret
	ServerTime time.Time     // with ErrClock: the gateway's clock
	RetryAfter time.Duration // with ErrBusy: not before
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Kind.Error()
	}
	return e.Kind.Error() + ": " + e.Message
}

// Text is the Message as it crosses the line.
func (e *Error) Text() string { return clip(e.Message, MaxText) }

// Unwrap gives the Kind to errors.Is.
func (e *Error) Unwrap() error { return e.Kind }

// Errorf makes an error of one of the kinds above. The message is shown to the
// caller, so it must hold no secret.
func Errorf(kind error, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Permanent says that sending the same again cannot succeed.
func Permanent(err error) bool {
	for _, k := range []error{ErrToken, ErrIdentity, ErrSignature, ErrInvalid, ErrTooLarge} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}

// Reason is the name of err's kind, for metrics: "token", "busy" and so on, "ok"
// for nil, "unavailable" for what this package does not know.
func Reason(err error) string {
	if err == nil {
		return "ok"
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "unavailable"
}

// ServerTime is the gateway's clock, if err told it (ErrClock).
func ServerTime(err error) (time.Time, bool) {
	var e *Error
	if errors.As(err, &e) && !e.ServerTime.IsZero() {
		return e.ServerTime, true
	}
	return time.Time{}, false
}

// RetryAfter is how long err asks to wait (ErrBusy), or 0.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}
