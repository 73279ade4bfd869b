package relay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// asking gives where a program asked to go, what was passed on, and how it
// ended. What names "evil" is denied.
func ask(r io.Reader) (where, passed string, err error) {
	var out bytes.Buffer
	p := asked{from: bufio.NewReader(r), to: &out, wait: func(time.Time) error { return nil }}
	p.ask = func(host string, port uint16) bool {
		where += fmt.Sprintf("%s:%d ", host, port)
		return !strings.Contains(host, "evil")
	}
	err = p.run()
	return strings.TrimSpace(where), out.String(), err
}

// Each conversation with a proxy: where it asks to go, and whether everything
// that it says may reach the proxy.
var conversations = []struct{ name, say, where, end string }{
	{"connect", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n\x16\x03\x01", "a.test:443", ""},
	{"connect denied", "CONNECT EVIL.test.:443 HTTP/1.1\r\n\r\nGET", "evil.test:443", "denied"},
	{"connect by address", "CONNECT [fd00::1]:22 HTTP/1.0\r\n\r\nSSH-2.0-x\r\n", "fd00::1:22", ""},
	{"connect without a port", "CONNECT a.test HTTP/1.1\r\n\r\n", "", "unread"},
	{"after a refusal", "CONNECT a.test:443 HTTP/1.1\r\n\r\nCONNECT evil:443 HTTP/1.1\r\n\r\n", "a.test:443 evil:443", "denied"},
	{"after a refusal and a request", "CONNECT a.test:443 HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\nHost: z\r\nContent-Length: 3\r\n\r\nabcGET http://evil/ HTTP/1.1\r\n\r\n", "a.test:443 evil:80", "denied"},
	{"after a refusal, by HTTP/0.9", "CONNECT a.test:443 HTTP/1.1\r\n\r\nGET http://evil/\r\n", "a.test:443", "unread"},
	{"after a refusal, with two spaces", "CONNECT a.test:443 HTTP/1.1\r\n\r\nCONNECT  evil:443 HTTP/1.1\r\n\r\n", "a.test:443", "unread"},
	{"plain HTTP in a tunnel", "CONNECT a.test:80 HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test:80", ""},
	{"HTTP/2 in a tunnel", "CONNECT a.test:80 HTTP/1.1\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00", "a.test:80", ""},
	{"mail in a tunnel", "CONNECT a.test:25 HTTP/1.1\r\n\r\nEHLO x\r\n", "a.test:25", ""},
	{"absolute", "GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test:80", ""},
	{"absolute with a port", "GET http://u:p@a.test:8080/x?y=http://evil HTTP/1.1\r\nHost: a.test:8080\r\n\r\n", "a.test:8080", ""},
	{"two requests", "POST http://a.test/x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhelloGET ftp://b.test HTTP/1.1\r\n\r\n", "a.test:80 b.test:21", ""},
	{"the second is denied", "GET http://a.test/x HTTP/1.1\r\n\r\nGET http://evil/ HTTP/1.1\r\n\r\n", "a.test:80 evil:80", "denied"},
	{"empty lines before it", "\n\r\nGET http://a.test/x HTTP/1.1\r\n\r\n\r\nGET http://b.test/ HTTP/1.1\r\n\r\n", "a.test:80 b.test:80", ""},
	{"by its Host alone", "GET /x HTTP/1.1\r\nHost: evil:81\r\n\r\n", "evil:81", "denied"},
	{"another Host", "GET http://a.test/x HTTP/1.1\r\nHost: evil\r\n\r\n", "", "unread"},
	{"no Host", "GET /x HTTP/1.1\r\n\r\n", "", "unread"},
	{"a user that looks like a host", "GET http://a.test@evil/ HTTP/1.1\r\n\r\n", "evil:80", "denied"},
	{"a fragment that looks like a user", "GET http://evil#@a.test/ HTTP/1.1\r\n\r\n", "", "unread"},
	{"two lengths", "POST http://a.test/ HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "", "unread"},
	{"a length with a sign", "POST http://a.test/ HTTP/1.1\r\nContent-Length: +5\r\n\r\n", "", "unread"},
	{"a folded field", "POST http://a.test/ HTTP/1.1\r\nX: y\r\n Content-Length: 5\r\n\r\n", "", "unread"},
	{"a field with a space", "POST http://a.test/ HTTP/1.1\r\nContent-Length : 5\r\n\r\n", "", "unread"},
	{"a bare carriage return", "GET http://a.test/ HTTP/1.1\r\nX: y\rHost: evil\r\n\r\n", "", "unread"},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", "unread"},
	{"TLS", "\x16\x03\x01\x00\x05hello", "", "unread"},
	{"a chunk that does not end", "POST http://a.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", "a.test:80", "unread"},
	{"SOCKS 4", "\x04\x01\x00\x50\x0a\x01\x02\x03me\x00GET /", "10.1.2.3:80", ""},
	{"SOCKS 4a", "\x04\x01\x01\xbb\x00\x00\x00\x01me\x00evil.test\x00", "evil.test:443", "denied"},
	{"SOCKS 4 BIND", "\x04\x02\x00\x50\x0a\x01\x02\x03me\x00", "", "unread"},
	{"SOCKS 5", "\x05\x01\x00\x05\x01\x00\x03\x06a.test\x01\xbb\x16\x03", "a.test:443", ""},
	{"SOCKS 5 with a password", "\x05\x02\x00\x02\x01\x02me\x02pw\x05\x01\x00\x01\x0a\x01\x02\x03\x00\x50x", "10.1.2.3:80", ""},
	{"SOCKS 5 to IPv6", "\x05\x01\x00\x05\x01\x00\x04" + strings.Repeat("\x00", 10) + "\xff\xff\x0a\x00\x00\x01\x00\x50", "10.0.0.1:80", ""},
	{"SOCKS 5 denied", "\x05\x01\x00\x05\x01\x00\x03\x04evil\x01\xbb", "evil:443", "denied"},
	{"SOCKS 5, a name that ends in the middle", "\x05\x01\x00\x05\x01\x00\x03\x0bevil\x00.a.test\x01\xbb", "", "unread"},
	{"connect to a name in another alphabet", "CONNECT evil\u3002a.test:443 HTTP/1.1\r\n\r\n", "", "unread"},
	{"a Host with another port", "GET http://a.test/x HTTP/1.1\r\nHost: a.test:22\r\n\r\n", "", "unread"},
	{"a Host without the port of its scheme", "GET https://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test:443", ""},
	{"SOCKS 5 UDP", "\x05\x01\x00\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00", "", "unread"},
	{"SOCKS 5 with GSSAPI", "\x05\x02\x00\x01\x05\x01\x00\x03\x04evil\x01\xbb", "", "unread"},
	{"a password that nobody offered", "\x05\x01\x00\x01\x02me\x02pw\x05\x01\x00\x03\x04evil\x01\xbb", "", "unread"},
}

func TestAskProxy(t *testing.T) {
	for _, c := range conversations {
		want := map[string]error{"": nil, "denied": errDenied, "unread": errUnread}[c.end]
		for _, r := range []io.Reader{strings.NewReader(c.say), iotest.OneByteReader(strings.NewReader(c.say))} {
			where, passed, err := ask(r)
			if err == io.EOF {
				err = nil
			}
			if where != c.where || !errors.Is(err, want) || want == nil && (err != nil || passed != c.say) {
				t.Errorf("%s: %q, %v, passed on %q", c.name, where, err, passed)
			}
			if want != nil && strings.Contains(passed, "evil") {
				t.Errorf("%s: passed on %q", c.name, passed)
			}
		}
	}
	if _, _, err := ask(strings.NewReader("GET http://a.test/ HTTP/1.1\r\nX: " + strings.Repeat("x", maxHead))); !errors.Is(err, errUnread) {
		t.Error("a head without end:", err)
	}
}

func FuzzAskProxy(f *testing.F) {
	for _, c := range conversations {
		f.Add([]byte(c.say))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		where, passed, _ := ask(bytes.NewReader(b))
		if !bytes.HasPrefix(b, []byte(passed)) {
			t.Errorf("%q was passed on of %q", passed, b)
		}
		if where == "" && len(passed) > 600 {
			t.Errorf("%d bytes were passed on before anything was asked", len(passed))
		}
	})
}

// proxyJudge denies what asks a proxy for "evil", and what cannot be read.
type proxyJudge struct{ judge }

func (j *proxyJudge) Proxy(*action.Connect) bool { return true }
func (j *proxyJudge) Talk(a *action.Talk) intercept.Answer {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.said = append(j.said, *a)
	if a.ServerName == "evil" || a.Protocol == action.TalkUnread {
		return intercept.Answer{Errno: 1}
	}
	return intercept.Allow
}

// What reaches a proxy through a relay is what was allowed.
func TestCarryToProxy(t *testing.T) {
	j := &proxyJudge{}
	r := New(Config{Judge: j, Names: func(netip.Addr) []string { return []string{"n.test"} }})
	defer r.Close()
	if proxy, yes := r.Wants(&action.Connect{Peer: netip.MustParseAddrPort("127.0.0.1:3128")}); !proxy || !yes {
		t.Fatal("a proxy on loopback is not looked at")
	}
	for _, tt := range []struct{ say, back, name string }{
		{"CONNECT 10.0.0.1:22 HTTP/1.1\r\n\r\nhello", "hiCONNECT 10.0.0.1:22 HTTP/1.1\r\n\r\nhello", "n.test"},
		{"CONNECT evil:22 HTTP/1.1\r\n\r\n", "", "evil"},
		{"CONNECT 2130706433:22 HTTP/1.1\r\n\r\n", "", ""},
	} {
		c := carriedAs(t, r, true)
		_, _ = c.Write([]byte(tt.say))
		if tt.back != "" {
			_ = c.(*net.TCPConn).CloseWrite()
		}
		got, err := io.ReadAll(c)
		if tt.back != "" && (err != nil || string(got) != tt.back) || tt.back == "" && err == nil {
			t.Errorf("%q: %q, %v", tt.say, got, err)
		}
		c.Close()
		j.mu.Lock()
		last := j.said[len(j.said)-1]
		j.mu.Unlock()
		if strings.Join(last.Names, "") != tt.name || !last.Peer.IsValid() {
			t.Errorf("%q: %+v", tt.say, last)
		}
	}
}
