package wire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// TestStrangeAnswers: whatever stands in the gateway's place, a caller gets an
// error of this package, bounded in size, and never a message.
func TestStrangeAnswers(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 64 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   error
	}{
		"a proxy's page": {func(w http.ResponseWriter) { w.WriteHeader(502); _, _ = w.Write([]byte("<html>bad gateway")) }, ErrUnavailable},
		"a redirect":     {func(w http.ResponseWriter) { w.Header().Set("Location", "https://elsewhere.test/"); w.WriteHeader(302) }, ErrUnavailable},
		"another type": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("login"))
		}, ErrUnavailable},
		"no message":         {func(w http.ResponseWriter) { proto200(w); _, _ = w.Write([]byte("\xff\xff\xff")) }, ErrUnavailable},
		"a bomb":             {func(w http.ResponseWriter) { proto200(w, "gzip"); _, _ = w.Write(bomb.Bytes()) }, ErrUnavailable},
		"no gzip":            {func(w http.ResponseWriter) { proto200(w, "gzip"); _, _ = w.Write([]byte("plain")) }, ErrUnavailable},
		"a strange encoding": {func(w http.ResponseWriter) { proto200(w, "br"); _, _ = w.Write([]byte("plain")) }, ErrUnavailable},
		"more than fits": {func(w http.ResponseWriter) {
			proto200(w)
			for range MaxMessage>>20 + 1 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		}, ErrUnavailable},
		"an unknown reason": {func(w http.ResponseWriter) { w.Header().Set(HeaderReason, "new"); w.WriteHeader(400) }, ErrUnavailable},
		"a reason": {func(w http.ResponseWriter) {
			w.Header().Set(HeaderReason, "busy")
			w.Header().Set(HeaderRetryAfter, "9223372036854775807")
			w.WriteHeader(429)
			_, _ = w.Write([]byte(`{"message":"` + strings.Repeat("x", 2*MaxText) + `"}`))
		}, ErrBusy},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { c.answer(w) }))
		hc := s.Client()
		hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		got, err := NewGatewayClient(hc, s.URL).Heartbeat(t.Context(), &wirepb.HeartbeatRequest{})
		s.Close()
		if got != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
			continue
		}
		if len(err.Error()) > 2*MaxText || RetryAfter(err) > MaxRetryAfter || RetryAfter(err) < 0 {
			t.Errorf("%s: %d bytes of error, again after %v", name, len(err.Error()), RetryAfter(err))
		}
		if Permanent(err) {
			t.Errorf("%s is taken for permanent: %v", name, err)
		}
	}
	hc := &http.Client{Timeout: time.Second}
	if _, err := NewGatewayClient(hc, "http://127.0.0.1:1").Heartbeat(t.Context(), &wirepb.HeartbeatRequest{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
}

func proto200(w http.ResponseWriter, encoding ...string) {
	w.Header().Set("Content-Type", contentType)
	if len(encoding) > 0 {
		w.Header().Set("Content-Encoding", encoding[0])
	}
}
