package sensitive

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"regexp"
	"strings"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// githubChecksum verifies the last six characters of a GitHub or npm token:
// the CRC-32 of the 30 before them, in base 62
// (https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/).
func githubChecksum(secret []byte) Structure {
	body := secret[4:]
	sum := crc32.ChecksumIEEE(body[:30])
	var want [6]byte
	for i := 5; i >= 0; i-- {
		want[i] = base62[sum%62]
		sum /= 62
	}
	if !bytes.Equal(want[:], body[30:]) {
		return Weak
	}
	return Plausible
}

// jwt decodes header and claims. A token without a key (alg none) or that
// only names its algorithm in an example is weak.
func jwt(secret []byte) Structure {
	parts := bytes.Split(secret, []byte("."))
	if len(parts) != 3 {
		return Wrong
	}
	var header struct{ Alg string }
	var claims map[string]any
	for i, into := range []any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(string(parts[i]))
		if err != nil || json.Unmarshal(raw, into) != nil {
			return Wrong
		}
	}
	switch {
	case header.Alg == "":
		return Wrong
	case strings.EqualFold(header.Alg, "none"), claims["name"] == "John Doe": // the token of jwt.io
		return Weak
	}
	return Plausible
}

// unquoted is what source code has around a line of a block: quotes, and a plus
// beside one. A plus elsewhere is base64.
var unquoted = regexp.MustCompile(`^(?:\+\s*)?["']+|["']+[\s,\\]*\+?$`)

// body gives the base64 of a PEM block without its headers.
func body(block []byte) []byte {
	var out []byte
	block = bytes.ReplaceAll(bytes.ReplaceAll(block, []byte(`\n`), []byte("\n")), []byte(`\r`), nil)
	for line := range bytes.Lines(block) {
		line = unquoted.ReplaceAll(bytes.Trim(line, " \t\r\n,\\"), nil)
		if len(line) == 0 || bytes.ContainsAny(line, ": -") {
			continue
		}
		out = append(out, line...)
	}
	return out
}

// pemKey decodes the block; what cannot be a key is wrong, what is encrypted weak.
func pemKey(secret []byte) Structure {
	head, rest, _ := bytes.Cut(secret, []byte("-----"))
	raw, err := base64.StdEncoding.DecodeString(string(body(rest)))
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(string(body(rest)), "="))
	}
	switch {
	case err != nil || len(raw) < 32:
		return Wrong
	case bytes.Contains(head, []byte("ENCRYPTED")), bytes.Contains(rest, []byte("ENCRYPTED")):
		return Weak
	case bytes.HasPrefix(head, []byte("OPENSSH")):
		return opensshKey(raw)
	case raw[0] != 0x30: // DER: a sequence
		return Wrong
	}
	return Plausible
}

// opensshKey reads the name of the cipher (PROTOCOL.key of OpenSSH).
func opensshKey(raw []byte) Structure {
	rest, ok := bytes.CutPrefix(raw, []byte("openssh-key-v1\x00"))
	if !ok || len(rest) < 4 {
		return Wrong
	}
	n := int(binary.BigEndian.Uint32(rest))
	if n > 64 || 4+n > len(rest) {
		return Wrong
	}
	if string(rest[4:4+n]) != "none" {
		return Weak
	}
	return Plausible
}

func pgpKey(secret []byte) Structure {
	_, rest, _ := bytes.Cut(secret, []byte("-----"))
	text := body(rest)
	if i := bytes.LastIndexByte(text, '='); i >= 0 && len(text)-i == 5 { // the checksum's line
		text = text[:i]
	}
	raw, err := base64.StdEncoding.DecodeString(string(text))
	// The first packet is a secret key: tag 5 in the old or the new format.
	if err != nil || len(raw) < 100 || raw[0]&0xfc != 0x94 && raw[0] != 0xc5 {
		return Wrong
	}
	return Plausible
}

func puttyKey(secret []byte) Structure {
	if bytes.Contains(secret, []byte("Encryption: none")) {
		return Plausible
	}
	return Weak
}

var variable = regexp.MustCompile(`^(?:\$[\w({]|%[\w(]|<|\{|@\w+@$|#\{)`)

// urlPassword refuses what stands for a password in documentation and templates.
func urlPassword(secret []byte) Structure {
	s := strings.ToLower(string(secret))
	if variable.MatchString(s) || placeholder(s) {
		return Wrong
	}
	switch s {
	case "password", "passwd", "pass", "pwd", "pw", "user", "username", "secret", "port", "token", "passw0rd", "p@ssw0rd", "mypass", "mypassword", "credentials", "auth":
		return Weak
	}
	return Plausible
}
