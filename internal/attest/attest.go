package attest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Types that stand in statements and envelopes.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PayloadType   = "application/vnd.in-toto+json"
)

// Bounds.
const (
	MaxBytes      = 4 << 20 // of an envelope
	MaxSignatures = 16
	MaxSubjects   = 1024
)

// What can be wrong with an envelope. Match with errors.Is.
var (
	ErrMalformed = errors.New("not a signed statement")
	ErrUntrusted = errors.New("no trusted key has signed it")
)

// Statement is what is said (Predicate, of a kind) about artefacts.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// Subject is an artefact, by digest: "sha256" to 64 hexadecimal digits.
type Subject struct {
	Name   string            `json:"name,omitempty"`
	Digest map[string]string `json:"digest"`
}

// About says that a subject has the digest "sha256:...".
func (s *Statement) About(digest string) bool {
	for _, sub := range s.Subject {
		for algorithm, hex := range sub.Digest {
			if hex != "" && algorithm+":"+hex == digest {
				return true
			}
		}
	}
	return false
}

type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     []byte      `json:"payload"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// KeyID names a public key: the SHA-256 of its bytes, in hexadecimal digits.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:])
}

// Sign gives the envelope of a statement; Type is filled in.
func Sign(s Statement, key ed25519.PrivateKey) ([]byte, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("cannot sign statement: the key has %d bytes", len(key))
	}
	s.Type = StatementType
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("cannot sign statement: %w", err)
	}
	payload, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("cannot sign statement: %w", err)
	}
	data, err := json.Marshal(envelope{PayloadType: PayloadType, Payload: payload, Signatures: []signature{{
		KeyID: KeyID(key.Public().(ed25519.PublicKey)), Sig: ed25519.Sign(key, preAuth(PayloadType, payload)),
	}}})
	if err != nil {
		return nil, fmt.Errorf("cannot sign statement: %w", err)
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("cannot sign statement: %d bytes are more than %d", len(data), MaxBytes)
	}
	return data, nil
}

// Verify gives the statement of an envelope that one of the keys has signed,
// and the key's KeyID.
func Verify(data []byte, keys []ed25519.PublicKey) (*Statement, string, error) {
	var signer string
	s, err := VerifyWith(data, func(message, sig []byte) bool {
		for _, key := range keys {
			if len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, sig) {
				signer = KeyID(key)
				return true
			}
		}
		return false
	})
	return s, signer, err
}

// VerifyWith gives the statement of an envelope for one of whose signatures
// valid says true. The key identifiers of an envelope are hints that anybody can
// write: they are not looked at.
func VerifyWith(data []byte, valid func(message, sig []byte) bool) (*Statement, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes are more than %d", ErrMalformed, len(data), MaxBytes)
	}
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if e.PayloadType != PayloadType || len(e.Signatures) == 0 || len(e.Signatures) > MaxSignatures {
		return nil, fmt.Errorf("%w: payload type %q with %d signatures", ErrMalformed, e.PayloadType, len(e.Signatures))
	}
	text := preAuth(e.PayloadType, e.Payload)
	if !slices.ContainsFunc(e.Signatures, func(g signature) bool { return valid(text, g.Sig) }) {
		return nil, ErrUntrusted
	}
	var s Statement
	dec := json.NewDecoder(bytes.NewReader(e.Payload))
	if err := dec.Decode(&s); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return &s, nil
}

func (s *Statement) check() error {
	if s.Type != StatementType || s.PredicateType == "" || len(s.Subject) == 0 || len(s.Subject) > MaxSubjects {
		return fmt.Errorf("%w: type %q, predicate %q, %d subjects", ErrMalformed, s.Type, s.PredicateType, len(s.Subject))
	}
	for _, sub := range s.Subject {
		if len(sub.Digest) == 0 {
			return fmt.Errorf("%w: a subject has no digest", ErrMalformed)
		}
	}
	return nil
}

// preAuth is DSSE's pre-authentication encoding: what is signed.
func preAuth(payloadType string, payload []byte) []byte {
	b := append([]byte("DSSEv1 "), strconv.Itoa(len(payloadType))...)
	b = append(append(append(b, ' '), payloadType...), ' ')
	b = append(strconv.AppendInt(b, int64(len(payload)), 10), ' ')
	return append(b, payload...)
}
