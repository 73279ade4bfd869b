package handler

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"connectrpc.com/connect"

	"github.com/limpet-security/limpet/internal/wire"
)

type kindCode struct {
	err  error
	code connect.Code
}

// codes is the Connect code that goes with each error of package wire.
var codes = []kindCode{
	{wire.ErrToken, connect.CodePermissionDenied},
	{wire.ErrIdentity, connect.CodeUnauthenticated},
	{wire.ErrSignature, connect.CodeUnauthenticated},
	{wire.ErrClock, connect.CodeUnauthenticated},
	{wire.ErrInvalid, connect.CodeInvalidArgument},
	{wire.ErrTooLarge, connect.CodeResourceExhausted},
	{wire.ErrBusy, connect.CodeResourceExhausted},
	{wire.ErrUnavailable, connect.CodeUnavailable},
}

// WriteError answers a request outside a Connect handler.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	_ = connect.NewErrorWriter().Write(w, r, Error(err))
}

// Error puts err on the wire. Errors that package wire does not know become
// ErrUnavailable without their text: it may hold what callers must not see.
func Error(err error) *connect.Error {
	e := &wire.Error{Kind: wire.ErrUnavailable, Message: "internal error"}
	if !errors.As(err, &e) {
		for _, c := range codes {
			if errors.Is(err, c.err) && c.err != wire.ErrUnavailable {
				e = &wire.Error{Kind: c.err, Message: err.Error()}
				break
			}
		}
	}
	i := slices.IndexFunc(codes, func(c kindCode) bool { return c.err == e.Kind })
	if i < 0 {
		return connect.NewError(connect.CodeInternal, errors.New("internal error"))
	}
	ce := connect.NewError(codes[i].code, errors.New(e.Text()))
	ce.Meta().Set(wire.HeaderReason, wire.Reason(e.Kind))
	if !e.ServerTime.IsZero() {
		ce.Meta().Set(wire.HeaderServerTime, strconv.FormatInt(e.ServerTime.UnixNano(), 10))
	}
	if e.RetryAfter > 0 {
		ce.Meta().Set(wire.HeaderRetryAfter, strconv.FormatInt(e.RetryAfter.Milliseconds(), 10))
	}
	return ce
}
