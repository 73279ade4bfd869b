package relay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/action"
)

// maxHead bounds one request to a proxy without its body.
const maxHead = 64 << 10

var (
	errUnread = errors.New("what is asked of the proxy cannot be read")
	errDenied = errors.New("what is asked of the proxy is denied")
)

// asked reads what a program asks of an HTTP or SOCKS proxy, and passes it on
// when it was allowed. It believes the program only as far as every proxy would
// understand the same: what could be read in two ways cannot be read.
type asked struct {
	from *bufio.Reader
	to   io.Writer
	wait func(time.Time) error // sets the deadline of from
	head []byte                // read and not passed on yet
	// ask is told where the program wants to go; false: it must not.
	ask func(host string, port uint16) bool
	// tunnel: a CONNECT was passed on. If the proxy refused it, more requests
	// follow; else what follows is no request to it.
	tunnel bool
}

// run carries one connection; an error other than those above is the
// connection's own.
func (p *asked) run() error {
	b, err := p.from.Peek(1)
	if err != nil {
		return err
	}
	switch b[0] {
	case 4:
		err = p.socks4()
	case 5:
		err = p.socks5()
	default:
		return p.http()
	}
	if err == nil {
		err = p.rest()
	}
	return err
}

// rest passes on everything from here.
func (p *asked) rest() error {
	if err := p.pass(); err != nil {
		return err
	}
	_, err := io.Copy(p.to, p.from)
	return err
}

// pass sends what was read and allowed.
func (p *asked) pass() error {
	_, err := p.to.Write(p.head)
	p.head = p.head[:0]
	return err
}

// take reads n bytes.
func (p *asked) take(n int) ([]byte, error) {
	at := len(p.head)
	p.head = append(p.head, make([]byte, n)...)
	_, err := io.ReadFull(p.from, p.head[at:])
	return p.head[at:], err
}

// text reads up to a zero byte.
func (p *asked) text() (string, error) {
	at := len(p.head)
	for range 256 {
		c, err := p.from.ReadByte()
		if err != nil {
			return "", err
		}
		if p.head = append(p.head, c); c == 0 {
			return string(p.head[at : len(p.head)-1]), nil
		}
	}
	return "", errUnread
}

func (p *asked) allowed(host string, port uint16) error {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(host); err != nil && strings.ContainsFunc(host, oddInName) {
		return errUnread
	}
	if !p.ask(host, port) {
		return errDenied
	}
	return nil
}

// oddInName finds what is read in two ways: to some a name ends at a zero byte, and
// some take a full stop of another alphabet for one.
func oddInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
}

// socks4 reads a request of SOCKS 4, or 4a, which has a name.
func (p *asked) socks4() error {
	b, err := p.take(8)
	if err != nil {
		return err
	}
	port, ip := uint16(b[2])<<8|uint16(b[3]), [4]byte(b[4:8])
	if b[1] != 1 { // CONNECT
		return errUnread
	}
	if _, err := p.text(); err != nil { // who asks
		return err
	}
	host := netip.AddrFrom4(ip).String()
	if ip[0]|ip[1]|ip[2] == 0 && ip[3] != 0 {
		if host, err = p.text(); err != nil {
			return err
		}
	}
	return p.allowed(host, port)
}

// socks5 reads RFC 1928, with names and passwords (RFC 1929).
func (p *asked) socks5() error {
	b, err := p.take(2)
	if err != nil {
		return err
	}
	methods, err := p.take(int(b[1]))
	const gss, password = 1, 2
	if err != nil {
		return err
	}
	if bytes.IndexByte(methods, gss) >= 0 {
		return errUnread // what follows could be encrypted
	}
	words := bytes.IndexByte(methods, password) >= 0
	for {
		if err := p.pass(); err != nil {
			return err
		}
		b, err := p.take(2)
		if err != nil {
			return err
		}
		if b[0] == 5 {
			return p.request5(b[1])
		}
		if b[0] != 1 || !words {
			return errUnread
		}
		words = false
		if _, err = p.take(int(b[1])); err == nil {
			if b, err = p.take(1); err == nil {
				_, err = p.take(int(b[0]))
			}
		}
		if err != nil {
			return err
		}
	}
}

func (p *asked) request5(command byte) error {
	b, err := p.take(2)
	if err != nil {
		return err
	}
	n, kind := 0, b[1]
	switch kind {
	case 1:
		n = 4
	case 4:
		n = 16
	case 3:
		l, err := p.take(1)
		if err != nil {
			return err
		}
		n = int(l[0])
	}
	if command != 1 || n == 0 { // CONNECT
		return errUnread
	}
	if b, err = p.take(n + 2); err != nil {
		return err
	}
	host, port := string(b[:n]), uint16(b[n])<<8|uint16(b[n+1])
	if kind != 3 {
		ip, _ := netip.AddrFromSlice(b[:n])
		host = ip.Unmap().String()
	}
	return p.allowed(host, port)
}

// http reads one request after the other.
func (p *asked) http() error {
	for {
		q, err := p.request()
		switch {
		case err == errRaw:
			return p.rest()
		case err != nil:
			return err
		case !p.tunnel || q.host != "":
			if err := p.allowed(q.host, q.port); err != nil {
				return err
			}
		}
		if err := p.pass(); err != nil {
			return err
		}
		if err := p.body(q); err != nil {
			return err
		}
		p.tunnel = p.tunnel || q.connect
	}
}

// line reads up to the end of a line, which it leaves out.
func (p *asked) line() (string, error) {
	at := len(p.head)
	for {
		b, err := p.from.ReadSlice('\n')
		p.head = append(p.head, b...)
		switch {
		case len(p.head) > maxHead:
			return "", errUnread
		case err == bufio.ErrBufferFull:
			continue
		case err != nil:
			return string(p.head[at:]), err
		}
		l := strings.TrimSuffix(string(p.head[at:len(p.head)-1]), "\r")
		if strings.ContainsAny(l, "\r\x00") {
			return l, errUnread
		}
		return l, nil
	}
}

// asking is one request.
type asking struct {
	connect, chunked bool
	host             string // "": it does not say in the way of a proxy
	port             uint16
	length           int64
}

// errRaw reports words in a tunnel that are no request.
var errRaw = errors.New("no request")

// request reads the next one, up to its body.
func (p *asked) request() (q asking, err error) {
	// Programs in a tunnel may wait for an answer in the middle of a line.
	if p.tunnel {
		if !p.begins() {
			return q, errRaw
		}
		_ = p.wait(time.Now().Add(wordsLimit))
		defer func() { _ = p.wait(time.Time{}) }()
	}
	first, err := p.line()
	for err == nil && first == "" { // RFC 9112, section 2.2
		first, err = p.line()
	}
	if err != nil && (err != io.EOF || first == "") {
		return q, err
	}
	// Proxies take words that are a request only to those who want to see one.
	if p.tunnel && !strings.Contains(first, "HTTP/1") && !strings.Contains(first, "://") {
		return q, errRaw
	}
	f := strings.Split(first, " ")
	if err != nil || len(f) != 3 || !strings.HasPrefix(f[2], "HTTP/1.") || f[0] == "" || f[1] == "" {
		return q, errUnread
	}
	origin := false
	if q.connect = f[0] == "CONNECT"; q.connect {
		q.host, q.port = hostPort(f[1], 0)
	} else if scheme, rest, ok := strings.Cut(f[1], "://"); ok {
		rest, _, _ = strings.Cut(rest, "/")
		rest, _, _ = strings.Cut(rest, "?")
		if strings.ContainsAny(rest, "#\\") {
			return q, errUnread
		}
		q.host, q.port = hostPort(rest[strings.LastIndexByte(rest, '@')+1:], schemePorts[strings.ToLower(scheme)])
	} else {
		origin = f[1][0] == '/' || f[1] == "*"
	}
	if !origin && q.port == 0 {
		return q, errUnread
	}
	if err := p.fields(&q); err != nil {
		return q, err
	}
	if q.host == "" && !p.tunnel {
		return q, errUnread
	}
	return q, nil
}

var schemePorts = map[string]uint16{"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}

// begins says whether what comes next could be a request.
func (p *asked) begins() bool {
	b, err := p.from.Peek(1)
	return err != nil || b[0] > ' ' && b[0] <= '~' || b[0] == '\r' || b[0] == '\n'
}

// fields reads those that say where a request goes, and where it ends.
func (p *asked) fields(q *asking) error {
	framed, hosts := 0, 0
	for {
		l, err := p.line()
		if err != nil || l == "" {
			return err
		}
		name, v, ok := strings.Cut(l, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return errUnread
		}
		v = strings.Trim(v, " \t")
		switch strings.ToLower(name) {
		case "content-length":
			framed++
			for _, c := range v {
				if c < '0' || c > '9' {
					return errUnread
				}
			}
			if q.length, err = strconv.ParseInt(v, 10, 64); err != nil {
				return errUnread
			}
		case "transfer-encoding":
			framed++
			if q.chunked = strings.EqualFold(v, "chunked"); !q.chunked {
				return errUnread
			}
		case "host":
			hosts++
			if p.tunnel || q.connect {
				continue
			}
			if q.host == "" {
				q.port = 80
			}
			host, port := hostPort(v, q.port)
			if q.host == "" {
				q.host, q.port = host, port
			}
			if port == 0 || port != q.port || !strings.EqualFold(host, q.host) {
				return errUnread // one proxy may go by this, another by that
			}
		}
		if framed > 1 || hosts > 1 || q.connect && (q.chunked || q.length > 0) {
			return errUnread
		}
	}
}

// body passes the body of a request on.
func (p *asked) body(q asking) error {
	if !q.chunked {
		_, err := io.CopyN(p.to, p.from, q.length)
		return err
	}
	for {
		l, err := p.line()
		if err != nil {
			return err
		}
		size, _, _ := strings.Cut(l, ";")
		n, err := strconv.ParseUint(strings.TrimRight(size, " \t"), 16, 62)
		if err != nil {
			return errUnread
		}
		if n == 0 {
			break
		}
		if err := p.pass(); err != nil {
			return err
		}
		if _, err := io.CopyN(p.to, p.from, int64(n)); err != nil {
			return err
		}
		if l, err := p.line(); err != nil {
			return err
		} else if l != "" {
			return errUnread
		}
	}
	for { // trailers
		l, err := p.line()
		if err != nil {
			return err
		}
		if l == "" {
			return p.pass()
		}
	}
}

// hostPort splits an authority; a port of 0 means that it cannot be read.
func hostPort(s string, port uint16) (string, uint16) {
	host := s
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		n, err := strconv.ParseUint(s[i+1:], 10, 16)
		if err != nil {
			return "", 0
		}
		host, port = s[:i], uint16(n)
	}
	if strings.HasPrefix(host, "[") {
		host = strings.TrimSuffix(host[1:], "]")
	}
	if host == "" || strings.ContainsAny(host, "[]/\\@%#? \t") {
		return "", 0
	}
	return host, port
}

// askProxy carries the program's side of a connection to a proxy. denied: it
// asked for what it must not have.
func (r *Relay) askProxy(in, out *net.TCPConn, t *Try) (denied bool) {
	judge := func(talk action.Talk) bool {
		talk.Proc, talk.Peer = t.proc, t.peer
		return r.judge(&talk)
	}
	p := asked{from: bufio.NewReader(in), to: out, wait: in.SetReadDeadline}
	p.ask = func(host string, port uint16) bool {
		talk := action.Talk{Protocol: action.TalkProxy, ServerName: host, Names: []string{host}, To: netip.AddrPortFrom(netip.Addr{}, port)}
		if ip, err := netip.ParseAddr(host); err == nil {
			ip = ip.Unmap().WithZone("")
			talk.ServerName, talk.Names, talk.To = "", r.names(ip), netip.AddrPortFrom(ip, port)
		} else if last := host[strings.LastIndexByte(host, '.')+1:]; last == "" || last[0] >= '0' && last[0] <= '9' {
			talk = action.Talk{Protocol: action.TalkUnread} // 2130706433 is an address to some
		}
		return judge(talk)
	}
	err := p.run()
	var late net.Error
	switch {
	case errors.Is(err, errDenied):
		return true
	case errors.Is(err, errUnread), errors.As(err, &late) && late.Timeout():
		if !judge(action.Talk{Protocol: action.TalkUnread}) {
			return true
		}
		_ = in.SetReadDeadline(time.Time{})
		err = p.rest()
	}
	if err != nil && err != io.EOF {
		reset(in)
		reset(out)
	}
	return false
}
