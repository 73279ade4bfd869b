package relay

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/action"
)

// maxWords is how much of what a program says first is looked at.
const maxWords = 4096

// Ports are those that mining pools use and little else does.
var Ports = []uint16{3333, 3334, 3335, 3336, 4444, 5555, 5556, 5588, 6666, 7777, 8888, 9999, 10128, 10343, 13333, 14433, 14444, 20535, 20580, 33333, 45560, 45700}

// Looked says whether connections to a port are looked into.
func Looked(port uint16) bool {
	_, ok := slices.BinarySearch(Ports, port)
	return ok
}

// methods of stratum (Bitcoin's and its relatives', Ethereum's).
var methods = []string{"mining.subscribe", "mining.authorize", "mining.configure", "mining.extranonce.subscribe", "mining.hello", "mining.submit",
	"eth_submitLogin", "eth_login", "eth_getWork", "eth_submitWork"}

// read says what b, the beginning of what a program says, is. more: it may be
// something, but is not whole yet.
func read(b []byte) (t action.Talk, more bool) {
	b = b[:min(len(b), maxWords)]
	trimmed := bytes.TrimLeft(b, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return t, len(b) < 64
	case trimmed[0] == '{' || trimmed[0] == '[':
		return readJSON(trimmed, len(b) < maxWords)
	case b[0] == 22:
		return readHello(b)
	}
	return t, false
}

// readJSON looks for a call of stratum in one object, or in a batch. What is
// cut off at maxWords is searched for the method's name alone.
func readJSON(b []byte, room bool) (t action.Talk, more bool) {
	type call struct {
		Method string
		Params json.RawMessage
	}
	var calls []call
	d := json.NewDecoder(bytes.NewReader(b))
	var err error
	if b[0] == '[' {
		err = d.Decode(&calls)
	} else {
		var c call
		if err = d.Decode(&c); err == nil {
			calls = []call{c}
		}
	}
	if err != nil {
		if _, wrong := err.(*json.SyntaxError); wrong && !strings.Contains(err.Error(), "unexpected end") {
			return t, false
		}
		if room {
			return t, true
		}
		for _, m := range methods {
			if bytes.Contains(b, []byte(`"`+m+`"`)) {
				return action.Talk{Protocol: action.TalkStratum, Method: m}, false
			}
		}
		return t, false
	}
	for _, c := range calls {
		if slices.Contains(methods, c.Method) || c.Method == "login" && monero(c.Params) {
			return action.Talk{Protocol: action.TalkStratum, Method: c.Method}, false
		}
	}
	return t, false
}

// monero says whether parameters of "login" are a miner's: a wallet as login,
// and who mines or how.
func monero(params json.RawMessage) bool {
	var p struct {
		Login string
		Pass  *string
		Agent *string
		Algo  []string
	}
	return json.Unmarshal(params, &p) == nil && p.Login != "" && (p.Agent != nil || p.Algo != nil || p.Pass != nil)
}

// readHello finds the server's name in a TLS ClientHello (RFC 8446, 6066).
func readHello(b []byte) (t action.Talk, more bool) {
	// record: type, version, length; handshake: type, length (3)
	if len(b) < 5 {
		return t, true
	}
	if b[1] != 3 || b[2] > 4 {
		return t, false
	}
	length := int(b[3])<<8 | int(b[4])
	if len(b) < 5+length && len(b) < maxWords {
		return t, true
	}
	r := reader{b: b[5:min(len(b), 5+length)], ok: true}
	if r.u8() != 1 {
		return t, false
	}
	t.Protocol = action.TalkTLS
	r.skip(3 + 2 + 32)         // length, version, random
	r.skip(int(r.u8()))        // session id
	r.skip(int(r.u16()))       // cipher suites
	r.skip(int(r.u8()))        // compression
	_ = r.u16()                // length of extensions
	for r.ok && len(r.b) > 0 { // each: type, length
		typ, n := r.u16(), int(r.u16())
		body := r.take(n)
		if typ != 0 || !r.ok {
			continue
		}
		e := reader{b: body, ok: true}
		_ = e.u16() // length of the list
		if e.u8() != 0 {
			break
		}
		if name := e.take(int(e.u16())); e.ok {
			t.ServerName = strings.ToLower(strings.TrimSuffix(string(name), "."))
		}
		break
	}
	return t, false
}

// reader takes big-endian numbers off a slice; ok turns false at its end.
type reader struct {
	b  []byte
	ok bool
}

func (r *reader) take(n int) []byte {
	if !r.ok || n > len(r.b) {
		r.ok = false
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) skip(n int) { r.take(n) }

func (r *reader) u8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return uint16(b[0])<<8 | uint16(b[1])
	}
	return 0
}
