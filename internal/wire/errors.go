package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"
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

// reasons is the name of each error on the wire (header Limpet-Error) and the
// Connect code that goes with it.
var reasons = []struct {
	name string
	code connect.Code
	err  error
}{
	{"token", connect.CodePermissionDenied, ErrToken},
	{"identity", connect.CodeUnauthenticated, ErrIdentity},
	{"signature", connect.CodeUnauthenticated, ErrSignature},
	{"clock", connect.CodeUnauthenticated, ErrClock},
	{"invalid", connect.CodeInvalidArgument, ErrInvalid},
	{"too-large", connect.CodeResourceExhausted, ErrTooLarge},
	{"busy", connect.CodeResourceExhausted, ErrBusy},
	{"unavailable", connect.CodeUnavailable, ErrUnavailable},
}

// Metadata of an error answer.
const (
	headerReason     = "Limpet-Error"       // name in reasons
	headerServerTime = "Limpet-Time"        // UTC nanoseconds since 1970, with ErrClock
	headerRetryAfter = "Limpet-Retry-After" // milliseconds, with ErrBusy
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

// WriteError answers a request outside a Connect handler.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	_ = connect.NewErrorWriter().Write(w, r, ToConnect(err))
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

// ToConnect puts err on the wire. Errors that this package does not know
// become ErrUnavailable without their text: it may hold what callers must not see.
func ToConnect(err error) *connect.Error {
	var ce *connect.Error
	e := &Error{Kind: ErrUnavailable, Message: "internal error"}
	if !errors.As(err, &e) {
		for _, r := range reasons {
			if errors.Is(err, r.err) && r.err != ErrUnavailable {
				e = &Error{Kind: r.err, Message: err.Error()}
				break
			}
		}
	}
	for _, r := range reasons {
		if r.err != e.Kind {
			continue
		}
		ce = connect.NewError(r.code, errors.New(clip(e.Message, MaxText)))
		ce.Meta().Set(headerReason, r.name)
		break
	}
	if ce == nil {
		ce = connect.NewError(connect.CodeInternal, errors.New("internal error"))
	}
	if !e.ServerTime.IsZero() {
		ce.Meta().Set(headerServerTime, strconv.FormatInt(e.ServerTime.UnixNano(), 10))
	}
	if e.RetryAfter > 0 {
		ce.Meta().Set(headerRetryAfter, strconv.FormatInt(e.RetryAfter.Milliseconds(), 10))
	}
	return ce
}

// fromConnect reads what ToConnect wrote. Anything else that went wrong on the
// way (no connection, a proxy's own answer, a deadline) is ErrUnavailable.
func fromConnect(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	var ce *connect.Error
	if !errors.As(err, &ce) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	name := ce.Meta().Get(headerReason)
	for _, r := range reasons {
		if r.name != name {
			continue
		}
		e := &Error{Kind: r.err, Message: clip(ce.Message(), MaxText)}
		if ns, err := strconv.ParseInt(ce.Meta().Get(headerServerTime), 10, 64); err == nil {
			e.ServerTime = time.Unix(0, ns)
		}
		if ms, err := strconv.ParseInt(ce.Meta().Get(headerRetryAfter), 10, 64); err == nil && ms > 0 {
			e.RetryAfter = min(time.Duration(ms)*time.Millisecond, MaxRetryAfter)
		}
		return e
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
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
