package cybercenter

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// PullOptions say whence and where to.
type PullOptions struct {
	Mirrors   []string // asked in this order; the first that answers and verifies is taken
	Path      string   // of the database
	Keys      []ed25519.PublicKey
	Downgrade bool // also an older one than is held
	Insecure  bool // plain HTTP; for tests
	// Progress, where there is one, is told how many bytes came.
	Progress func(int64)
}

// Pulled says what a pull did.
type Pulled struct {
	Promise  Promise  `json:"promise"`
	Mirror   string   `json:"mirror"`
	Changed  bool     `json:"changed"`
	Delta    bool     `json:"delta"` // only what had changed came
	Bytes    int64    `json:"bytes"` // that came, without the signature
	Resumed  int64    `json:"resumed,omitempty"`
	Warnings []string `json:"warnings,omitempty"` // mirrors that failed
}

// Pull brings the database at o.Path up to date. What is there stays until the
// new one is whole and verified.
func Pull(ctx context.Context, o PullOptions) (Pulled, error) {
	if len(o.Keys) == 0 {
		return Pulled{}, fmt.Errorf("cannot pull a vulnerability database: %w: none is named", ErrSignature)
	}
	var flaws []error
	var done Pulled
	for _, address := range o.Mirrors {
		p, err := pullFrom(ctx, o, address)
		if err == nil {
			p.Mirror, p.Warnings = address, done.Warnings
			return p, nil
		}
		err = fmt.Errorf("%s: %w", address, err)
		flaws, done.Warnings = append(flaws, err), append(done.Warnings, err.Error())
		if ctx.Err() != nil {
			break
		}
	}
	if len(flaws) == 0 {
		flaws = append(flaws, errors.New("no mirror is named"))
	}
	return Pulled{}, fmt.Errorf("cannot pull a vulnerability database: %w", errors.Join(flaws...))
}

func pullFrom(ctx context.Context, o PullOptions, address string) (Pulled, error) {
	m, err := newMirror(ctx, address, o.Insecure)
	if err != nil {
		return Pulled{}, err
	}
	sig, err := small(ctx, m, signatureFile, maxSignature)
	if err != nil {
		return Pulled{}, err
	}
	want, err := verify(sig, o.Keys)
	if err != nil {
		return Pulled{}, err
	}
	if want.Schema != vulndb.Schema {
		return Pulled{}, fmt.Errorf("%w: it has %d, this release reads %d", vulndb.ErrSchema, want.Schema, vulndb.Schema)
	}
	p := Pulled{Promise: want}
	held, err := VerifyFile(o.Path, o.Keys)
	switch {
	case err == nil && held.File == want.File:
		return p, nil
	case err == nil && want.Built.Before(held.Built) && !o.Downgrade:
		return p, fmt.Errorf("%w: it was built %s, the one held %s", ErrDowngrade, want.Built.Format("2006-01-02 15:04"), held.Built.Format("2006-01-02 15:04"))
	case err == nil:
		if err := o.delta(ctx, m, held, want, sig, &p); err == nil {
			p.Changed, p.Delta = true, true
			return p, nil
		} else if ctx.Err() != nil {
			return p, err
		}
		// Whatever was wrong with the delta, the whole is still to be had.
	case !errors.Is(err, fs.ErrNotExist):
		p.Warnings = append(p.Warnings, err.Error()) // what is held is no good: as if nothing were
	}
	p.Bytes = 0
	if err := o.whole(ctx, m, want, sig, &p); err != nil {
		return p, err
	}
	p.Changed = true
	return p, nil
}

// delta makes the new database of the one held.
func (o PullOptions) delta(ctx context.Context, m mirror, held, want Promise, sig []byte, p *Pulled) error {
	body, _, err := m.open(ctx, deltaFile(held.File), 0)
	if err != nil {
		return err
	}
	defer body.Close()
	z, err := unzstd(io.LimitReader(contextReader{ctx, &counter{body, &p.Bytes, o.Progress}}, maxDatabase))
	if err != nil {
		return err
	}
	defer z.Close()
	old, err := vulndb.Open(o.Path)
	if err != nil {
		return err
	}
	defer old.Close()
	temp := o.temp(want.File, ".new")
	defer os.Remove(temp)
	if err := old.Apply(io.LimitReader(z, maxDatabase), temp); err != nil {
		return err
	}
	return o.install(temp, want, sig)
}

// whole fetches all of it. What came before a break is kept, and the next pull
// goes on there.
func (o PullOptions) whole(ctx context.Context, m mirror, want Promise, sig []byte, p *Pulled) error {
	part := o.temp(want.File, ".part")
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	body, from, err := m.open(ctx, databaseFile, have)
	if err != nil {
		return err
	}
	defer body.Close()
	if from == 0 {
		have = 0
	}
	p.Resumed = have
	if err := f.Truncate(have); err != nil {
		return err
	}
	if _, err := f.Seek(have, io.SeekStart); err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(contextReader{ctx, &counter{body, &p.Bytes, o.Progress}}, maxDatabase-have))
	if err != nil {
		return fmt.Errorf("it broke off after %d bytes: %w", have+n, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	temp := o.temp(want.File, ".new")
	defer os.Remove(temp)
	err = unpack(ctx, f, temp, want.Size)
	if err == nil {
		err = o.install(temp, want, sig)
	}
	if err == nil || ctx.Err() == nil {
		// Used up, or no good: the next pull begins anew.
		os.Remove(part)
	}
	return err
}

// temp gives a name beside the database for something of one release.
func (o PullOptions) temp(file, ext string) string {
	return filepath.Join(filepath.Dir(o.Path), ".limpet-"+shortSum(file)+ext)
}

// install puts a database that holds what was promised in place. A reader that
// has the old one open keeps it. The signature goes first: where the two do not
// agree for a moment, or for ever after a crash, VerifyFile says so and the next
// pull mends it.
func (o PullOptions) install(temp string, want Promise, sig []byte) error {
	if err := want.holds(temp); err != nil {
		return err
	}
	if err := os.Chmod(temp, 0o644); err != nil {
		return err
	}
	if err := writeFile(o.Path+SignatureExt, sig); err != nil {
		return err
	}
	return os.Rename(temp, o.Path)
}

// counter counts what comes through.
type counter struct {
	r    io.Reader
	n    *int64
	tell func(int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	if c.tell != nil && n > 0 {
		c.tell(int64(n))
	}
	return n, err
}
