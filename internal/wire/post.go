package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/internal/version"
)

// compressMin is the size in bytes from which compression pays.
const compressMin = 1024

// caller makes unary calls of the Connect protocol (connectrpc.com/docs/protocol):
// one POST of one binary message. It is all of that protocol that a client of
// ours needs; the library, with its streams, JSON and gRPC, would be a
// fortieth of the enforcer's binary.
type caller struct {
	hc   *http.Client
	base string // https://host:port[/prefix], without a slash at the end
}

func newCaller(hc *http.Client, base string) caller {
	return caller{hc, strings.TrimRight(base, "/")}
}

// call sends q to a procedure ("/service/Method") and reads the answer into a.
func (c caller) call(ctx context.Context, procedure string, q, a proto.Message) error {
	b, err := proto.Marshal(q)
	if err != nil {
		return Errorf(ErrInvalid, "cannot encode the request: %v", err)
	}
	if len(b) > MaxMessage {
		return Errorf(ErrTooLarge, "request exceeds %d bytes", MaxMessage)
	}
	packed := len(b) >= compressMin
	if packed {
		b = pack(b)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+procedure, bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Connect-Protocol-Version", "1")
	r.Header.Set("Accept-Encoding", encoding)
	r.Header.Set("User-Agent", "limpet/"+version.Version)
	if packed {
		r.Header.Set("Content-Encoding", encoding)
	}
	if t, ok := ctx.Deadline(); ok {
		r.Header.Set("Connect-Timeout-Ms", strconv.FormatInt(max(time.Until(t).Milliseconds(), 1), 10))
	}
	res, err := c.hc.Do(r)
	if err != nil {
		return sendError(err)
	}
	defer res.Body.Close()
	b, err = body(res)
	switch {
	case err != nil:
		return sendError(err)
	case res.StatusCode != http.StatusOK:
		return refusal(res, b)
	case res.Header.Get("Content-Type") != contentType:
		return fmt.Errorf("%w: the answer is of type %q", ErrUnavailable, clip(res.Header.Get("Content-Type"), 100))
	}
	if err := proto.Unmarshal(b, a); err != nil {
		return fmt.Errorf("%w: cannot read the answer: %w", ErrUnavailable, err)
	}
	return nil
}

const (
	contentType = "application/proto"
	encoding    = "gzip"
)

// writers holds compressors: each is about a megabyte.
var writers = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}

func pack(b []byte) []byte {
	var out bytes.Buffer
	w := writers.Get().(*gzip.Writer)
	defer writers.Put(w)
	w.Reset(&out)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// body reads an answer of at most MaxMessage bytes, unpacked.
func body(res *http.Response) ([]byte, error) {
	b, err := bounded(res.Body)
	if err != nil {
		return nil, err
	}
	switch e := res.Header.Get("Content-Encoding"); {
	case e == "" || e == "identity" || len(b) == 0:
		return b, nil
	case e != encoding:
		return nil, fmt.Errorf("the answer is encoded as %q", clip(e, 100))
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("cannot unpack the answer: %w", err)
	}
	return bounded(z)
}

func bounded(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxMessage+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the answer: %w", err)
	}
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("the answer exceeds %d bytes", MaxMessage)
	}
	return b, nil
}

// sendError is what went wrong on the way: ErrUnavailable, unless the caller
// itself gave up or an error of this package says more.
func sendError(err error) error {
	var e *Error
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &e):
		return e
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// refusal reads an error answer. One that names no reason of this package (of
// a proxy, for instance) is ErrUnavailable.
func refusal(res *http.Response, b []byte) error {
	var text struct{ Message string }
	_ = json.Unmarshal(b, &text)
	kind := kindOf(res.Header.Get(HeaderReason))
	if kind == nil {
		return fmt.Errorf("%w: the gateway answers %s: %s", ErrUnavailable, clip(res.Status, 100), clip(text.Message, MaxText))
	}
	e := &Error{Kind: kind, Message: clip(text.Message, MaxText)}
	if ns, err := strconv.ParseInt(res.Header.Get(HeaderServerTime), 10, 64); err == nil {
		e.ServerTime = time.Unix(0, ns)
	}
	if ms, err := strconv.ParseInt(res.Header.Get(HeaderRetryAfter), 10, 64); err == nil && ms > 0 {
		e.RetryAfter = time.Duration(min(ms, MaxRetryAfter.Milliseconds())) * time.Millisecond
	}
	return e
}
