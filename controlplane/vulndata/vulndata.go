package vulndata

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/cybercenter"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// DefaultInterval is the time between two pulls.
const DefaultInterval = 6 * time.Hour

const (
	lookEvery  = time.Minute      // how often the file is looked at
	retryAfter = 15 * time.Minute // after a pull that failed
	pullTime   = time.Hour        // of one pull; what came is kept for the next
)

// ErrNoSource is of a server that was not told where to pull from.
var ErrNoSource = errors.New("this server was not told where to pull a vulnerability database from: start it with --vuln-db-from and --vuln-db-key, or run limpet db pull beside it")

// Config says what to keep.
type Config struct {
	Store    *store.Store
	Path     string   // of the database; "": there is none
	Mirrors  []string // asked in this order; none: nothing is pulled
	Keys     []ed25519.PublicKey
	Interval time.Duration // [DefaultInterval]
	State    string        // file that remembers the last attempt; "": nothing does
	Log      *slog.Logger
}

// Service keeps one database. Its methods may be called side by side.
type Service struct {
	Config
	asked chan string   // who asked for a pull
	came  chan struct{} // a pull has brought another file

	mu    sync.Mutex
	known known // guarded by mu
	held  held  // guarded by mu
	busy  struct{ updating, matching bool }
	next  time.Time
}

// New makes a service; Run makes it work.
func New(c Config) *Service {
	if c.Interval <= 0 {
		c.Interval = DefaultInterval
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{Config: c, asked: make(chan string, 1), came: make(chan struct{}, 1)}
	if err := s.recall(); err != nil {
		s.Log.Warn("cannot read what was known of the vulnerability database", "error", err)
	}
	return s
}

// Run pulls and matches until ctx ends.
func (s *Service) Run(ctx context.Context) {
	if s.Path == "" {
		return
	}
	var all sync.WaitGroup
	if len(s.Mirrors) > 0 {
		all.Go(func() { s.pulls(ctx) })
	}
	s.matches(ctx)
	all.Wait()
}

// Update asks for a pull now, in the name of somebody. Who asks while one waits
// is served by that one.
func (s *Service) Update(by string) error {
	if len(s.Mirrors) == 0 {
		return ErrNoSource
	}
	s.mu.Lock()
	s.busy.updating = true // at once, so that whoever asked sees it
	s.mu.Unlock()
	select {
	case s.asked <- by:
	default:
	}
	return nil
}

func (s *Service) pulls(ctx context.Context) {
	for first := true; ; first = false {
		timer := time.NewTimer(s.wait(time.Now(), first))
		by := ""
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case by = <-s.asked:
			timer.Stop()
		}
		s.Pull(ctx, by)
	}
}

// wait says how long the next pull has time, from what is known of the last one:
// a server that is started again does not pull again at once, unless that failed.
func (s *Service) wait(now time.Time, first bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = now
	_, err := os.Stat(s.Path)
	if a := s.known.Attempt; a != nil && (err == nil && !a.Outcome.failed() || !first) {
		every := s.Interval
		if a.Outcome.failed() {
			every = min(every, retryAfter)
		}
		if at := a.At.Add(every); at.After(now) && at.Before(now.Add(every+time.Minute)) {
			s.next = at
		}
	}
	return s.next.Sub(now)
}

// Pull brings the database up to date, once, and notes what came of it.
func (s *Service) Pull(ctx context.Context, by string) {
	s.mu.Lock()
	s.busy.updating = true
	s.mu.Unlock()
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, pullTime)
	p, err := cybercenter.Pull(limited, cybercenter.PullOptions{Mirrors: s.Mirrors, Path: s.Path, Keys: s.Keys})
	cancel()
	a := s.attempt(p, err, by, began)
	s.mu.Lock()
	s.busy.updating = false
	if ctx.Err() == nil { // a server that stops did not fail
		s.known.note(a)
		s.remember()
	}
	s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.Log.WarnContext(ctx, "cannot update the vulnerability database; the one held stays", "outcome", a.Outcome, "error", a.Error)
	case p.Changed:
		s.Log.InfoContext(ctx, "vulnerability database updated", "built", p.Promise.Built, "delta", p.Delta, "bytes", p.Bytes, "mirror", a.Mirror)
		select {
		case s.came <- struct{}{}:
		default:
		}
	}
}

func (s *Service) matches(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	missing := false
	for {
		err := s.Match(ctx)
		switch gone := errors.Is(err, fs.ErrNotExist); {
		case gone && !missing:
			s.Log.InfoContext(ctx, "no vulnerability database yet: kept reports stay as they were scanned; fetch one with limpet db pull, or start with --vuln-db-from", "file", s.Path)
			missing = true
		case !gone:
			missing = false
			if err != nil && ctx.Err() == nil {
				s.Log.ErrorContext(ctx, "cannot match kept reports again", "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-s.came:
		case <-ctx.Done():
			return
		}
	}
}

// Match looks at the file as it is now and matches the kept reports with it: only
// those that were matched with another one are asked for, so that nothing is done
// where it is the same.
func (s *Service) Match(ctx context.Context) error {
	if err := s.look(); err != nil {
		return err
	}
	db, err := vulndb.Open(s.Path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	s.setMatching(true)
	defer s.setMatching(false)
	began := time.Now()
	n, err := inventory.Rematch(ctx, s.Store, db, s.Log)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	if s.known.matched(db.Meta(), n, err, time.Now()) {
		s.remember()
	}
	s.mu.Unlock()
	if n.Total() > 0 {
		s.Log.InfoContext(ctx, "kept reports matched again", "count", n.Total(), "database", db.Database().Digest, "took", time.Since(began).Round(time.Millisecond))
	}
	return err
}

func (s *Service) setMatching(on bool) {
	s.mu.Lock()
	s.busy.matching = on
	s.mu.Unlock()
}

// Status is how everything stands for a tenant.
func (s *Service) Status(t tenant.ID) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Path: s.Path, Updating: s.busy.updating, Matching: s.busy.matching, Interval: s.Interval, Held: s.held.database, Problem: s.held.problem}
	for _, m := range s.Mirrors {
		st.Mirrors = append(st.Mirrors, hide(m))
	}
	if len(s.Mirrors) > 0 {
		st.Next = s.next
	}
	if a := s.known.Attempt; a != nil {
		c := *a
		st.Attempt = &c
	}
	st.Good, st.Failures = s.known.Good, s.known.Failures
	if m := s.known.Matched; m != nil {
		st.Matched = &MatchedReports{Digest: m.Digest, Built: m.Built, At: m.At, Reports: m.Reports[t], Error: m.Error}
	}
	return st
}
