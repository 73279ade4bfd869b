package authority

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Master is the master key in a file: the default Wrapper.
type Master struct {
	key [32]byte
	id  string
}

// masterPrefix starts the file; the rest is the key in base64.
const masterPrefix = "limpet-master-key-1:"

// LoadMaster reads the master key from a file, or makes one there (mode 0600,
// folder 0700) if there is no file. It refuses a file that others may read.
// Whoever has this file and the database has every key of the install; a
// backup needs both and should keep them apart.
func LoadMaster(path string) (*Master, error) {
	m, err := readMaster(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("cannot make folder of master key: %w", err)
	}
	var key [32]byte
	rand.Read(key[:])
	tmp, err := os.CreateTemp(filepath.Dir(path), ".master-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("cannot write master key: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(masterPrefix + base64.StdEncoding.EncodeToString(key[:]) + "\n")
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, fmt.Errorf("cannot write master key: %w", err)
	}
	// Link refuses to replace: of two servers that start at once both use the
	// first one's key.
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("cannot write master key: %w", err)
	}
	return readMaster(path)
}

func readMaster(path string) (*Master, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open master key: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read master key: %w", err)
	}
	if !st.Mode().IsRegular() || st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("cannot use master key %s: mode is %v, want a regular file of mode 0600", path, st.Mode())
	}
	b, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return nil, fmt.Errorf("cannot read master key: %w", err)
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(string(b)), masterPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) != 32 {
		return nil, fmt.Errorf("cannot use master key %s: not a file that limpet wrote", path)
	}
	return NewMaster([32]byte(key)), nil
}

// NewMaster uses a key that the caller holds.
func NewMaster(key [32]byte) *Master {
	sum := sha256.Sum256(append([]byte("limpet master key id\x00"), key[:]...))
	return &Master{key: key, id: "file:" + hex.EncodeToString(sum[:8])}
}

// KeyID is "file:" and eight bytes of a digest of the key, in hex.
func (m *Master) KeyID() string { return m.id }

// Wrap encrypts a data key with AES-256-GCM under the master key.
func (m *Master) Wrap(_ context.Context, dataKey []byte) ([]byte, error) {
	nonce := make([]byte, 12)
	rand.Read(nonce)
	return gcm(m.key[:]).Seal(nonce, nonce, dataKey, []byte(m.id)), nil
}

// Unwrap decrypts what Wrap gave under the same master key.
func (m *Master) Unwrap(_ context.Context, keyID string, wrapped []byte) ([]byte, error) {
	if keyID != m.id {
		return nil, fmt.Errorf("sealed under master key %.80q, this one is %q", keyID, m.id)
	}
	if len(wrapped) < 12 {
		return nil, errors.New("wrapped key is cut short")
	}
	dek, err := gcm(m.key[:]).Open(nil, wrapped[:12], wrapped[12:], []byte(m.id))
	if err != nil {
		return nil, errors.New("wrapped key is damaged")
	}
	return dek, nil
}

// String keeps the key out of logs.
func (m *Master) String() string { return "master key " + m.id }

// GoString keeps the key out of %#v.
func (m *Master) GoString() string { return m.String() }
