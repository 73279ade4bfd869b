package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Keeper holds the last good bundle. It is safe for concurrent use.
type Keeper struct {
	Tenant string              // that every bundle must name
	Group  string              // that every bundle must name
	Keys   []ed25519.PublicKey // that may sign
	Path   string              // file of the last good bundle; "" keeps it in memory only

	mu      sync.Mutex
	current *Bundle
	raw     []byte
	sum     [32]byte
}

// Current gives the bundle in force, or nil. It must not be changed.
func (k *Keeper) Current() *Bundle {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current
}

// Raw gives the envelope of the bundle in force, or nil.
func (k *Keeper) Raw() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.raw
}

// Have gives the epoch and number of the bundle in force, or zeros.
func (k *Keeper) Have() (epoch, number uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current == nil {
		return 0, 0
	}
	return k.current.Epoch, k.current.Number
}

// Accept takes a bundle into force and saves it. It refuses one that is
// malformed, not signed by a trusted key, for another tenant or group,
// expired, older than the one in force, or the same again; the one in force
// then stays. If only saving fails, the bundle is in force and the error is
// of type *SaveError.
func (k *Keeper) Accept(data []byte, now time.Time) (*Bundle, error) {
	b, err := k.verify(data)
	if err != nil {
		return nil, err
	}
	if b.Expired(now) {
		return nil, fmt.Errorf("cannot accept bundle %d.%d: %w at %s", b.Epoch, b.Number, ErrExpired, b.Expires.Format(time.RFC3339))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	sum := sha256.Sum256(data)
	if c := k.current; c != nil && !b.Newer(c) {
		kind := ErrDowngrade
		if b.Epoch == c.Epoch && b.Number == c.Number {
			kind = ErrReplay
			if sum != k.sum {
				return nil, fmt.Errorf("cannot accept bundle %d.%d: %w, with another content", b.Epoch, b.Number, ErrReplay)
			}
		}
		return nil, fmt.Errorf("cannot accept bundle %d.%d: %w (%d.%d)", b.Epoch, b.Number, kind, c.Epoch, c.Number)
	}
	k.current, k.raw, k.sum = b, bytes.Clone(data), sum
	if err := k.save(); err != nil {
		return b, &SaveError{err}
	}
	return b, nil
}

func (k *Keeper) verify(data []byte) (*Bundle, error) {
	b, err := Verify(data, k.Keys)
	if err != nil {
		return nil, err
	}
	if b.Tenant != k.Tenant || b.Group != k.Group {
		return nil, fmt.Errorf("cannot accept bundle: %w: %.80q/%.80q, not %.80q/%.80q", ErrAudience, b.Tenant, b.Group, k.Tenant, k.Group)
	}
	return b, nil
}

// SaveError says that a bundle is in force but could not be saved.
type SaveError struct{ Err error }

func (e *SaveError) Error() string { return "cannot save bundle: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *SaveError) Unwrap() error { return e.Err }

// Load takes the saved bundle into force. A bundle that has expired since is
// taken too, because the last good one is kept while the control plane is
// away: the error then wraps ErrExpired and the bundle is not nil. If nothing
// was saved the error wraps fs.ErrNotExist.
func (k *Keeper) Load(now time.Time) (*Bundle, error) {
	if k.Path == "" {
		return nil, fmt.Errorf("cannot load bundle: %w", fs.ErrNotExist)
	}
	data, err := readBounded(k.Path)
	if err != nil {
		return nil, fmt.Errorf("cannot load bundle: %w", err)
	}
	b, err := k.verify(data)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != nil && !b.Newer(k.current) {
		return k.current, nil
	}
	k.current, k.raw, k.sum = b, data, sha256.Sum256(data)
	if b.Expired(now) {
		return b, fmt.Errorf("loaded bundle %d.%d: %w at %s", b.Epoch, b.Number, ErrExpired, b.Expires.Format(time.RFC3339))
	}
	return b, nil
}

// save needs k.mu. The file is replaced in one step.
func (k *Keeper) save() error {
	if k.Path == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(k.Path), ".bundle-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it has been renamed
	if _, err = f.Write(k.raw); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), k.Path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(k.Path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err == nil && len(data) > MaxBytes {
		err = fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxBytes)
	}
	return data, err
}
