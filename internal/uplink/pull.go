package uplink

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// Pauses between polls.
const (
	pollWait     = 50 * time.Second
	pollSlack    = 20 * time.Second // beyond pollWait until a call is given up
	pollSpacing  = time.Second      // between polls that were answered with nothing
	refusedPause = 5 * time.Minute  // longest pause after a bundle that was not accepted
)

// pulls keeps a long poll open and hands over what comes.
func (u *Uplink) pulls(ctx context.Context) {
	lost := backoff{min: time.Second, max: time.Minute}
	bad := backoff{min: time.Second, max: refusedPause}
	var last [32]byte // digest of the last bundle that was accepted
	for ctx.Err() == nil {
		start := time.Now()
		data, err := u.pull(ctx)
		var wait time.Duration
		switch {
		case errors.Is(err, errNotFresh):
			u.cfg.Logger.Error("a bundle was refused", "error", err)
			wait = bad.next(nil)
		case err != nil:
			if errors.Is(err, wire.ErrIdentity) {
				u.poke()
			}
			wait = lost.next(err)
		case len(data) == 0:
			lost.reset()
			if time.Since(start) < pollSpacing { // answered without waiting, e.g. by a gateway that stops
				wait = jitter(pollSpacing)
			}
		default:
			lost.reset()
			sum := sha256.Sum256(data)
			if sum == last {
				wait = bad.next(nil) // the status does not say yet that it is in force
				break
			}
			if err := u.cfg.OnBundle(data); err != nil {
				u.cfg.Logger.Error("a bundle was refused", "error", err)
				wait = bad.next(nil)
				break
			}
			last = sum
			bad.reset()
			u.poke() // tell that it is in force
		}
		if wait > 0 && !pause(ctx, wait) {
			return
		}
	}
}

var errNotFresh = errors.New("the answer is not for this request")

// pull makes one long poll. The bundle it gives is proven to answer this very
// request; its own signature is for OnBundle to check.
func (u *Uplink) pull(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, pollWait+pollSlack)
	defer cancel()
	st := u.status()
	nonce := make([]byte, wire.NonceSize)
	rand.Read(nonce)
	a, err := u.gw.PullBundle(ctx, &wirepb.PullBundleRequest{
		HaveEpoch: st.BundleEpoch, HaveNumber: st.BundleNumber, Nonce: nonce, WaitSeconds: uint32(pollWait / time.Second),
	})
	if u.note(err) != nil {
		return nil, err
	}
	if len(a.Bundle) == 0 {
		return nil, nil
	}
	if len(a.Bundle) > wire.MaxBundle {
		return nil, fmt.Errorf("%w: bundle has %d bytes, at most %d", errNotFresh, len(a.Bundle), wire.MaxBundle)
	}
	if err := bundle.VerifyFresh(nonce, a.Bundle, a.Freshness, u.bundleKeys()); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotFresh, err)
	}
	return a.Bundle, nil
}

// bundleKeys are those of the image, or else those of enrolment.
func (u *Uplink) bundleKeys() []ed25519.PublicKey {
	if len(u.cfg.BundleKeys) > 0 {
		return u.cfg.BundleKeys
	}
	if i := u.ident.Load(); i != nil {
		return i.bundleKeys
	}
	return nil
}
