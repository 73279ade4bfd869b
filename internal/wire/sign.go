package wire

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of a signed request.
const (
	HeaderCertificate = "Limpet-Certificate" // DER of the enforcer's certificate, standard base64
	HeaderSignature   = "Limpet-Signature"   // v=1,ts=<ms since 1970>,nonce=<base64>,sig=<base64>
)

// maxSignatureHeader bounds the text of HeaderSignature.
const maxSignatureHeader = 512

// Signer signs requests with an enrolled key.
type Signer struct {
	Key         crypto.Signer // Ed25519 or ECDSA P-256
	Certificate []byte        // DER
	Now         func() time.Time
}

// Sign sets the two headers for a request with this body as it will be sent
// (after compression).
func (s *Signer) Sign(h http.Header, method, path string, body []byte) error {
	nonce := make([]byte, NonceSize)
	rand.Read(nonce)
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	sig := signature{ms: now().UnixMilli(), nonce: nonce}
	msg := sig.message(h, method, path, body, s.Certificate)
	var err error
	switch s.Key.Public().(type) {
	case ed25519.PublicKey:
		sig.value, err = s.Key.Sign(rand.Reader, msg, crypto.Hash(0))
	case *ecdsa.PublicKey:
		d := sha256.Sum256(msg)
		sig.value, err = s.Key.Sign(rand.Reader, d[:], crypto.SHA256)
	default:
		err = fmt.Errorf("key is a %T", s.Key.Public())
	}
	if err != nil {
		return fmt.Errorf("cannot sign request: %w", err)
	}
	h.Set(HeaderCertificate, base64.StdEncoding.EncodeToString(s.Certificate))
	h.Set(HeaderSignature, sig.String())
	return nil
}

// signature is the parsed HeaderSignature.
type signature struct {
	ms    int64
	nonce []byte
	value []byte
}

func (s signature) String() string {
	return fmt.Sprintf("v=1,ts=%d,nonce=%s,sig=%s", s.ms,
		base64.StdEncoding.EncodeToString(s.nonce), base64.StdEncoding.EncodeToString(s.value))
}

func (s signature) time() time.Time { return time.UnixMilli(s.ms) }

// parseSignature reads what String wrote, in that order and nothing else.
func parseSignature(text string) (signature, error) {
	bad := Errorf(ErrSignature, "header %s cannot be read", HeaderSignature)
	if len(text) > maxSignatureHeader {
		return signature{}, bad
	}
	parts := strings.Split(text, ",")
	if len(parts) != 4 || parts[0] != "v=1" {
		return signature{}, bad
	}
	ts, ok1 := strings.CutPrefix(parts[1], "ts=")
	n, ok2 := strings.CutPrefix(parts[2], "nonce=")
	v, ok3 := strings.CutPrefix(parts[3], "sig=")
	ms, err := strconv.ParseInt(ts, 10, 64)
	if !ok1 || !ok2 || !ok3 || err != nil || ms <= 0 || ms > 1<<52 {
		return signature{}, bad
	}
	strict := base64.StdEncoding.Strict()
	nonce, err := strict.DecodeString(n)
	if err != nil || len(nonce) != NonceSize {
		return signature{}, bad
	}
	value, err := strict.DecodeString(v)
	if err != nil || len(value) == 0 || len(value) > 128 {
		return signature{}, bad
	}
	return signature{ms: ms, nonce: nonce, value: value}, nil
}

// message is what is signed: one part a line, so that no two requests give the
// same bytes (no part can hold a line break; digests stand for the rest).
func (s signature) message(h http.Header, method, path string, body, cert []byte) []byte {
	bd, cd := sha256.Sum256(body), sha256.Sum256(cert)
	var b bytes.Buffer
	for _, part := range []string{
		"limpet.wire.v1 request",
		method,
		procedure(path),
		h.Get("Content-Type"),
		h.Get("Content-Encoding"),
		hex.EncodeToString(bd[:]),
		hex.EncodeToString(cd[:]),
		strconv.FormatInt(s.ms, 10),
		hex.EncodeToString(s.nonce),
	} {
		b.WriteString(part)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// procedure is the last two segments of a path: a load balancer may take away
// a prefix, but not change what is called.
func procedure(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return path
	}
	return path[strings.LastIndexByte(path[:i], '/')+1:]
}

// SigningTransport signs every request before Base sends it.
type SigningTransport struct {
	Base   http.RoundTripper
	Signer func() *Signer // nil result: the request goes out unsigned (Enroll)
}

// RoundTrip reads the body, signs, and sends.
func (t *SigningTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	s := t.Signer()
	if s == nil {
		return t.Base.RoundTrip(r)
	}
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(io.LimitReader(r.Body, MaxMessage+1))
		r.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("cannot read request to sign: %w", err)
		}
		if len(body) > MaxMessage {
			return nil, Errorf(ErrTooLarge, "request exceeds %d bytes", MaxMessage)
		}
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.ContentLength = int64(len(body))
	if err := s.Sign(r.Header, r.Method, r.URL.Path, body); err != nil {
		return nil, err
	}
	return t.Base.RoundTrip(r)
}
