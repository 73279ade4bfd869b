package handler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
	"github.com/limpet-security/limpet/internal/wire/wirepb/wirepbconnect"
)

// gateway answers as its fields say.
type gateway struct {
	wirepbconnect.UnimplementedGatewayHandler
	err  error
	pull func(context.Context, *connect.Request[wirepb.PullBundleRequest]) []byte
}

func (g *gateway) PullBundle(ctx context.Context, r *connect.Request[wirepb.PullBundleRequest]) (*connect.Response[wirepb.PullBundleResponse], error) {
	if g.err != nil {
		return nil, Error(g.err)
	}
	return connect.NewResponse(&wirepb.PullBundleResponse{Bundle: g.pull(ctx, r)}), nil
}

// client is our own client of a gateway behind Connect's own handler.
func client(t *testing.T, g *gateway) *wire.GatewayClient {
	path, h := wirepbconnect.NewGatewayHandler(g, Options()...)
	mux := http.NewServeMux()
	mux.Handle(path, h)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return wire.NewGatewayClient(s.Client(), s.URL+"/")
}

// TestErrorsCross: what one side says, the other side hears.
func TestErrorsCross(t *testing.T) {
	at := time.Unix(0, 1234567890123456789)
	g := &gateway{}
	c := client(t, g)
	hear := func(err error) error {
		g.err = err
		_, got := c.PullBundle(t.Context(), &wirepb.PullBundleRequest{})
		return got
	}
	for _, k := range codes {
		got := hear(fmt.Errorf("around it: %w", &wire.Error{Kind: k.err, Message: "why", ServerTime: at, RetryAfter: 1500 * time.Millisecond}))
		if !errors.Is(got, k.err) || wire.Reason(got) != wire.Reason(k.err) || got.Error() != k.err.Error()+": why" {
			t.Errorf("%v became %v", k.err, got)
		}
		if g, ok := wire.ServerTime(got); !ok || !g.Equal(at) {
			t.Errorf("%v: server time became %v", k.err, g)
		}
		if d := wire.RetryAfter(got); d != 1500*time.Millisecond {
			t.Errorf("%v: retry after became %v", k.err, d)
		}
	}
	for _, secret := range []error{errors.New("pq: password authentication failed for user limpet"), fmt.Errorf("%w: dial 10.0.0.7", wire.ErrUnavailable)} {
		got := hear(secret)
		if !errors.Is(got, wire.ErrUnavailable) || got.Error() != "control plane is away: internal error" {
			t.Errorf("an internal error became %v", got)
		}
	}
}

// TestMessagesCross sends messages of many sizes, which are compressed on the
// way when they are long, and time limits.
func TestMessagesCross(t *testing.T) {
	encodings := map[string]int{}
	g := &gateway{pull: func(ctx context.Context, r *connect.Request[wirepb.PullBundleRequest]) []byte {
		encodings[r.Header().Get("Content-Encoding")]++
		if r.Header().Get("Connect-Protocol-Version") != "1" {
			t.Error("the request does not say which protocol it is")
		}
		if at, ok := ctx.Deadline(); !ok || time.Until(at) > time.Hour {
			t.Errorf("the time limit became %v, %v", at, ok)
		}
		return r.Msg.Nonce
	}}
	c := client(t, g)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for _, n := range []int{0, 1, 100, 1000, 1100, 3000} {
		for _, b := range [][]byte{bytes.Repeat([]byte("a"), n), noise(n)} {
			got, err := c.PullBundle(ctx, &wirepb.PullBundleRequest{Nonce: b})
			if err != nil || !bytes.Equal(got.Bundle, b) {
				t.Fatalf("%d bytes: %v", n, err)
			}
		}
	}
	if encodings["gzip"] != 4 || encodings[""] != 8 {
		t.Errorf("compressed: %v", encodings)
	}
	// A long answer, compressed and not.
	for _, b := range [][]byte{bytes.Repeat([]byte("a"), 1<<20), noise(1 << 20)} {
		g.pull = func(context.Context, *connect.Request[wirepb.PullBundleRequest]) []byte { return b }
		got, err := c.PullBundle(ctx, &wirepb.PullBundleRequest{})
		if err != nil || !bytes.Equal(got.Bundle, b) {
			t.Fatalf("a long answer: %v", err)
		}
	}
	if _, err := c.PullBundle(ctx, &wirepb.PullBundleRequest{Nonce: make([]byte, wire.MaxMessage)}); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("a request that is too long: %v", err)
	}
}

// TestWaitEnds: a caller that gives up is told so, and one whose time is over
// hears that the control plane is away.
func TestWaitEnds(t *testing.T) {
	over := make(chan struct{})
	c := client(t, &gateway{pull: func(context.Context, *connect.Request[wirepb.PullBundleRequest]) []byte {
		<-over
		return nil
	}})
	defer close(over) // before the server is closed
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := c.PullBundle(ctx, &wirepb.PullBundleRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.PullBundle(ctx, &wirepb.PullBundleRequest{}); !errors.Is(err, wire.ErrUnavailable) {
		t.Errorf("over: %v", err)
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// TestZstdIsTaken: enforcers before 0.2 compress with zstd.
func TestZstdIsTaken(t *testing.T) {
	path, h := wirepbconnect.NewGatewayHandler(&gateway{pull: func(_ context.Context, r *connect.Request[wirepb.PullBundleRequest]) []byte { return r.Msg.Nonce }}, Options()...)
	mux := http.NewServeMux()
	mux.Handle(path, h)
	s := httptest.NewServer(mux)
	defer s.Close()
	old := wirepbconnect.NewGatewayClient(s.Client(), s.URL, connect.WithAcceptCompression(zstdName, newDecoder, newEncoder), connect.WithSendCompression(zstdName))
	want := strings.Repeat("long ", 500)
	got, err := old.PullBundle(t.Context(), connect.NewRequest(&wirepb.PullBundleRequest{Nonce: []byte(want)}))
	if err != nil || string(got.Msg.Bundle) != want {
		t.Fatal(err)
	}
}
