package attach

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/workload"
)

// Bounds of the files.
const (
	MaxConfig = 1 << 20
	MaxBundle = 8 << 20
	maxKeys   = 16
)

// Version of the configuration format that this enforcer reads.
const Version = 1

// Baggage is what the image carries.
type Baggage struct {
	Embedded workload.Embedded
	Keys     []ed25519.PublicKey // that may sign bundles
	Bundle   []byte              // signed, not verified yet; nil: there is none
}

// Load reads the baggage of the image. Without a configuration (the enforcer
// is used outside a wrapped image) the error is fs.ErrNotExist.
func Load(dir string) (*Baggage, error) {
	b := &Baggage{}
	raw, err := read(filepath.Join(dir, filepath.Base(workload.ConfigPath)), MaxConfig)
	if err != nil {
		return nil, fmt.Errorf("cannot read the embedded configuration: %w", err)
	}
	if b.Embedded, err = parse(raw); err != nil {
		return nil, err
	}
	if b.Keys, err = keys(b.Embedded.BundleKeys); err != nil {
		return nil, err
	}
	b.Bundle, err = read(filepath.Join(dir, filepath.Base(workload.BundlePath)), MaxBundle)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read the embedded bundle: %w", err)
	}
	return b, nil
}

// Verdicts reads the signed verdicts about the source image that lie in the
// folder, not verified; nil where there are none, or more than anybody signs.
func Verdicts(dir string) []byte {
	b, err := read(filepath.Join(dir, filepath.Base(workload.VerdictPath)), attest.MaxBytes)
	if err != nil {
		return nil
	}
	return b
}

// Manifest begins to read a drift manifest, beside what its caller does
// meanwhile: file, or where that is "" the one that lies in dir, of which there
// may be none (nil). The function that it gives waits for the manifest.
func Manifest(dir, file string) func() (*drift.Manifest, error) {
	path := file
	if path == "" {
		path = filepath.Join(dir, filepath.Base(workload.ManifestPath))
	}
	wait := sync.OnceValues(func() (*drift.Manifest, error) {
		m, err := drift.Open(path)
		if file == "" && errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot open the drift manifest %s: %w", path, err)
		}
		return m, nil
	})
	go wait()
	return wait
}

// parse reads the configuration. Unknown keys are errors: the layer and the
// enforcer in it were made together.
func parse(raw []byte) (workload.Embedded, error) {
	var e workload.Embedded
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("cannot read the embedded configuration: %w", err)
	}
	if e.Version != Version {
		return e, fmt.Errorf("cannot read the embedded configuration: version %d, this enforcer reads %d", e.Version, Version)
	}
	switch e.OnNoPolicy {
	case "", workload.NoPolicyAudit, workload.NoPolicyRefuse:
	default:
		return e, fmt.Errorf("cannot read the embedded configuration: onNoPolicy %.40q is neither %s nor %s", e.OnNoPolicy, workload.NoPolicyAudit, workload.NoPolicyRefuse)
	}
	if e.Gateway != "" && e.CAPEM == "" {
		return e, errors.New("cannot read the embedded configuration: a gateway without its CA (caPEM)")
	}
	return e, nil
}

func keys(list []string) ([]ed25519.PublicKey, error) {
	if len(list) > maxKeys {
		return nil, fmt.Errorf("cannot read the embedded configuration: %d bundle keys, at most %d", len(list), maxKeys)
	}
	var out []ed25519.PublicKey
	for i, s := range list {
		k, err := base64.StdEncoding.DecodeString(s)
		if err != nil || len(k) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("cannot read the embedded configuration: bundle key %d is not a base64 Ed25519 public key", i)
		}
		out = append(out, ed25519.PublicKey(k))
	}
	return out, nil
}

// read reads a regular file of at most limit bytes.
func read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return b, nil
}
