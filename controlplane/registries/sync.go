package registries

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
)

// How registries are looked through.
const (
	lookEvery    = 5 * time.Second  // for registries that are due
	atOnce       = 2                // registries in one server
	leaseFor     = 3 * time.Minute  // that a server has one for, and says anew
	leaseRenew   = 30 * time.Second //
	maxFailures  = 20               // repositories in a row that cannot be read
	deliveryKept = 30 * 24 * time.Hour
	retryFailed  = 15 * time.Minute // a registry that failed is tried again, at the latest at its next time
)

// States of a registry's last sync.
const (
	StateOK      = "ok"
	StatePartial = "partial" // some of it could not be read, or was left out
	StateFailed  = "failed"
)

// Run looks through registries when their time comes, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var work sync.WaitGroup
	defer work.Wait()
	slots := make(chan struct{}, atOnce)
	cleaned := time.Time{}
	for {
		for s.next(ctx, &work, slots) {
		}
		if now := s.Now(); now.Sub(cleaned) > time.Hour {
			cleaned = now
			s.must(ctx, "forget old push notifications", s.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
				return tx.DeleteDeliveriesAnyTenant(ctx, now.Add(-deliveryKept))
			}))
		}
		select {
		case <-tick.C:
		case <-s.wake:
		case <-ctx.Done():
			return
		}
	}
}

// Wake lets Run look now.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Service) must(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "cannot "+what, "error", err)
	}
}

// next starts on a registry that is due; false if there is none or no room.
func (s *Service) next(ctx context.Context, work *sync.WaitGroup, slots chan struct{}) bool {
	select {
	case slots <- struct{}{}:
	default:
		return false
	}
	now := s.Now()
	row, mine, err := s.Store.TakeDueRegistryAnyTenant(ctx, s.by, now, now.Add(leaseFor))
	if err != nil || !mine {
		<-slots
		s.must(ctx, "look for registries", err)
		return false
	}
	work.Go(func() {
		defer func() { <-slots; s.Wake() }()
		s.must(ctx, "look through registry "+row.Name, s.Sync(ctx, row))
	})
	return true
}

// Sync looks through a registry that was taken, and writes how it went.
func (s *Service) Sync(ctx context.Context, row store.Registry) error {
	began := s.Now()
	run := &run{Service: s, row: row, began: began, leased: began, left: spec.DefaultImages}
	err := run.all(ctx)
	if ctx.Err() != nil {
		return ctx.Err() // the lease runs out, and another server goes on
	}
	if errors.Is(err, store.ErrVersion) {
		return nil // removed, or another server has it
	}
	now := s.Now()
	done := run.sum
	done.SyncedAt, done.SyncTook, done.SyncState = now.UnixNano(), int64(now.Sub(began)), StateOK
	next := run.said.Schedule.Next(now)
	if p := classify(err); p != nil {
		done.SyncState, done.SyncKind, done.SyncError = StatePartial, string(p.Kind), fmt.Sprintf("%.2000s", p.Error())
		if !run.listed {
			done.SyncState = StateFailed
		}
		if p.Kind == RateLimited && p.Reset.After(now) {
			next = p.Reset
		} else if soon := now.Add(retryFailed); done.SyncState == StateFailed && next.After(soon) {
			next = soon
		}
		s.Log.WarnContext(ctx, "registry not looked through as a whole", "registry", row.Name, "tenant", row.Tenant, "kind", p.Kind, "error", p.Error())
	}
	return s.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		var err error
		if done.Repositories, done.Tags, done.Gone, err = tx.Found(ctx, row.Tenant, row.ID); err != nil {
			return err
		}
		return tx.EndSync(ctx, row.Tenant, row.ID, s.by, began, done, next)
	})
}

// run is one look through a registry.
type run struct {
	*Service
	row    store.Registry
	said   spec.Spec
	c      *connection
	list   lister
	repos  spec.Chooser
	names  spec.Chooser
	began  time.Time
	leased time.Time
	left   int  // images that may still be taken
	listed bool // the registry said what repositories it has, at least in part
	sum    store.RegistrySync
}

func (r *run) all(ctx context.Context) error {
	var err error
	if r.said, err = SpecOf(r.row); err != nil {
		return err
	}
	if r.c, err = r.open(ctx, r.row); err != nil {
		return err
	}
	defer r.c.close()
	if err := r.choosers(); err != nil {
		return err
	}
	r.list, r.left = r.c.lister(), r.said.Select.Images()
	chosen, err := r.repositories(ctx)
	if err != nil && len(chosen) == 0 {
		return err
	}
	r.listed = true
	trouble, failures := err, 0
	for _, repository := range chosen {
		if err := r.keep(ctx); err != nil {
			return err
		}
		err := r.repository(ctx, repository)
		p := classify(err)
		switch {
		case p == nil:
			failures = 0
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, store.ErrVersion):
			return err
		case trouble == nil:
			trouble = &Problem{Kind: p.Kind, Reset: p.Reset, Err: fmt.Errorf("repository %s: %w", repository, p.Err)}
		}
		if failures++; p.Kind == RateLimited || p.Kind == TooMuch && r.left <= 0 || failures >= maxFailures {
			if p.Kind == RateLimited {
				trouble = p
			}
			break
		}
	}
	return trouble
}

func (r *run) choosers() (err error) {
	if r.repos, err = r.said.Select.Repositories.Chooser(); err != nil {
		return err
	}
	r.names, err = r.said.Select.Tags.Chooser()
	return err
}

// keep says that the registry is still worked on.
func (r *run) keep(ctx context.Context) error {
	now := r.Now()
	if now.Sub(r.leased) < leaseRenew {
		return nil
	}
	r.leased = now
	return r.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.KeepRegistry(ctx, r.row.Tenant, r.row.ID, r.by, now.Add(leaseFor))
	})
}

// repositories lists and keeps all of them, and gives those that the patterns
// choose, sorted. Only after a whole list is what it lacks taken for gone.
func (r *run) repositories(ctx context.Context) ([]string, error) {
	var chosen []string
	var rows []store.RegistryRepository
	seen := map[string]bool{}
	now := r.began.UnixNano()
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		part := rows
		rows = nil
		return r.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
			return tx.PutRepositories(ctx, r.row.Tenant, r.row.ID, part)
		})
	}
	err := r.list.repositories(ctx, func(name string) error {
		if !goodRepository(name) || seen[name] {
			return nil
		}
		seen[name] = true
		takes := r.repos.Takes(name)
		if takes {
			chosen = append(chosen, name)
		}
		if rows = append(rows, store.RegistryRepository{Repository: name, Selected: takes, FirstSeen: now, LastSeen: now}); len(rows) < 500 {
			return nil
		}
		if err := r.keep(ctx); err != nil {
			return err
		}
		return flush()
	})
	if kept := flush(); kept != nil {
		return nil, kept
	}
	slices.Sort(chosen)
	if err != nil {
		return chosen, err
	}
	return chosen, r.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.RepositoriesGone(ctx, r.row.Tenant, r.row.ID, r.began, r.began)
	})
}

// Names as registries write them (distribution specification): what does not
// fit cannot be pulled, and stays out of the database.
var (
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)
	tagForm        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestForm     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	// signatures, attestations and the fallback of referrers are kept as tags.
	besideImage = regexp.MustCompile(`^sha256-[0-9a-f]{64}(\.[a-z]+)?$`)
)

func goodRepository(s string) bool { return len(s) <= 255 && repositoryForm.MatchString(s) }
func goodTag(s string) bool        { return tagForm.MatchString(s) && !besideImage.MatchString(s) }

// repository looks through one repository's tags.
func (r *run) repository(ctx context.Context, repository string) error {
	known, err := r.Store.KnownTags(ctx, r.row.Tenant, r.row.ID, repository)
	if err != nil {
		return err
	}
	var tags []found
	var others []store.RegistryTag // known, and left out by the patterns now
	whole := r.list.tags(ctx, repository, func(f found) error {
		was, old := known[f.tag]
		switch {
		case !goodTag(f.tag):
		case r.names.Takes(f.tag):
			tags = append(tags, f)
		case old:
			was.Selected, was.LastSeen = false, r.began.UnixNano()
			others = append(others, was)
		}
		return nil
	})
	if p := classify(whole); p != nil && p.Kind != TooMuch {
		return whole
	}
	rows, trouble := r.resolve(ctx, repository, tags, known)
	if trouble == nil {
		trouble = whole
	}
	r.choose(rows)
	var errs []error
	for i := range rows {
		if row := &rows[i]; row.Selected {
			was, old := known[row.Tag]
			if r.left--; r.left < 0 {
				row.Selected = false
				errs = append(errs, problem(TooMuch, "there are more than %d images: narrow the patterns or raise the maximum", r.said.Select.Images()))
				continue
			}
			reason := scanning.Schedule
			if old && was.EnqueuedAt > 0 && was.Digest == row.Digest && was.GoneAt == 0 {
				if !r.said.Schedule.Rescan {
					continue
				}
				reason = scanning.Rescan
			}
			if err := r.enqueue(ctx, r.row, r.c, r.said, row, reason, ""); err != nil {
				errs = append(errs, err)
				continue
			}
			r.sum.Enqueued++
		}
	}
	err = r.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.PutTags(ctx, r.row.Tenant, r.row.ID, append(rows, others...)); err != nil || trouble != nil {
			return err
		}
		return tx.TagsGone(ctx, r.row.Tenant, r.row.ID, repository, r.began, r.began)
	})
	if len(errs) > 0 && trouble == nil {
		trouble = errs[0]
	}
	return cmp.Or(err, trouble)
}

// resolve pins tags to digests, and finds out what the selection has to know of
// them. What is known of a digest is not asked again. Tags that cannot be read
// are left out; the first reason is given.
func (r *run) resolve(ctx context.Context, repository string, tags []found, known map[string]store.RegistryTag) ([]store.RegistryTag, error) {
	sel := r.said.Select
	wantTime, wantPlatforms := sel.MaxAgeDays > 0 || sel.Newest > 0, len(sel.Architectures) > 0
	var rows []store.RegistryTag
	var trouble error
	now := r.began.UnixNano()
	for _, f := range tags {
		if err := r.keep(ctx); err != nil {
			return rows, err
		}
		was := known[f.tag]
		row := store.RegistryTag{Repository: repository, Tag: f.tag, Digest: f.digest, Platforms: f.platforms, FirstSeen: now, LastSeen: now}
		if !f.created.IsZero() {
			row.Created = f.created.UnixNano()
		}
		err := r.pin(ctx, &row)
		if err == nil && row.Digest == was.Digest {
			if row.Created == 0 {
				row.Created = was.Created
			}
			if len(row.Platforms) == 0 {
				row.Platforms = was.Platforms
			}
		}
		if err == nil && (wantTime && row.Created == 0 || wantPlatforms && len(row.Platforms) == 0) {
			var created time.Time
			if row.Platforms, created, err = r.c.inspect(ctx, repository, row.Digest); err == nil && row.Created == 0 && !created.IsZero() {
				row.Created = created.UnixNano()
			}
		}
		if err != nil {
			p := classify(err)
			if p.Kind == NotFound {
				continue // it went after the tags were listed
			}
			if trouble == nil || p.Kind == RateLimited {
				trouble = &Problem{Kind: p.Kind, Reset: p.Reset, Err: fmt.Errorf("tag %s: %w", f.tag, p.Err)}
			}
			if p.Kind == RateLimited || ctx.Err() != nil {
				return rows, trouble
			}
			continue
		}
		rows = append(rows, row)
	}
	return rows, trouble
}

func (r *run) pin(ctx context.Context, row *store.RegistryTag) (err error) {
	if row.Digest == "" {
		row.Digest, err = r.c.head(ctx, row.Repository, row.Tag)
	}
	if err == nil && !digestForm.MatchString(row.Digest) {
		err = problem(Failed, "its digest %.80q is none that can be checked", row.Digest)
	}
	return err
}

// choose marks the rows that the selection takes.
func (r *run) choose(rows []store.RegistryTag) {
	sel := r.said.Select
	slices.SortStableFunc(rows, func(a, b store.RegistryTag) int {
		return cmp.Or(cmp.Compare(b.Created, a.Created), strings.Compare(a.Tag, b.Tag))
	})
	oldest := r.began.AddDate(0, 0, -sel.MaxAgeDays).UnixNano()
	n := 0
	for i := range rows {
		row := &rows[i]
		fits := len(sel.Architectures) == 0 || len(platforms(sel.Architectures, row.Platforms)) > 0
		// An image whose age nobody tells is taken: it may be new.
		young := sel.MaxAgeDays == 0 || row.Created == 0 || row.Created >= oldest
		if !fits || !young || sel.Newest > 0 && n >= sel.Newest {
			continue
		}
		n++
		row.Selected = true
	}
}

// platforms are those wanted that an image has. "linux/arm" takes
// "linux/arm/v7" as well.
func platforms(wanted, have []string) []string {
	var out []string
	for _, h := range have {
		if slices.ContainsFunc(wanted, func(w string) bool { return h == w || strings.HasPrefix(h, w+"/") }) {
			out = append(out, h)
		}
	}
	return out
}

// enqueue hands an image to the scan queue: once, or once for each platform
// that the registry's selection names.
func (s *Service) enqueue(ctx context.Context, row store.Registry, c *connection, said spec.Spec, t *store.RegistryTag, why scanning.Reason, by string) error {
	if s.Queue == nil {
		return errors.New("cannot scan: this server has no scan queue")
	}
	each := platforms(said.Select.Architectures, t.Platforms)
	if len(each) == 0 {
		each = []string{""}
	}
	for _, p := range each {
		_, err := s.Queue.Enqueue(ctx, scanning.Request{
			Tenant: row.Tenant, Registry: row.ID, Reference: c.reference(t), Platform: p, Reason: why, By: by,
			Labels: map[string]string{"registry": row.Name},
		})
		if err != nil {
			return fmt.Errorf("cannot hand %s to the scan queue: %w", t.Repository, err)
		}
	}
	t.EnqueuedAt = s.Now().UnixNano()
	return nil
}

// reference names an image by tag, for people, and digest, which counts.
func (c *connection) reference(t *store.RegistryTag) string {
	ref := c.reg.Repo(t.Repository).Name()
	if t.Tag != "" {
		ref += ":" + t.Tag
	}
	return ref + "@" + t.Digest
}
