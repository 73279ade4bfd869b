package registries

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
)

// RepositoryHit is a repository that was searched for.
type RepositoryHit struct {
	Repository  string `json:"repository"`
	Description string `json:"description,omitempty"`
	Stars       int    `json:"stars,omitempty"`
	Official    bool   `json:"official,omitempty"`
	Gone        bool   `json:"gone,omitempty" doc:"It was there, and is no more"`
	Selected    bool   `json:"selected,omitempty" doc:"The registry's patterns take it"`
}

// maxHits bounds a search.
const maxHits = 50

// Search looks for repositories by a part of their name: in all of Docker Hub,
// elsewhere among those that were found.
func (s *Service) Search(ctx context.Context, row store.Registry, q string) ([]RepositoryHit, error) {
	if row.Type != string(spec.DockerHub) || q == "" {
		rows, _, err := s.Store.RegistryRepositories(ctx, row.Tenant, row.ID, q, store.Page{Limit: maxHits})
		hits := make([]RepositoryHit, len(rows))
		for i, r := range rows {
			hits[i] = RepositoryHit{Repository: r.Repository, Gone: r.GoneAt > 0, Selected: r.Selected}
		}
		return hits, err
	}
	c, err := s.open(ctx, row)
	if err != nil {
		return nil, err
	}
	defer c.close()
	// What `docker search` asks: GET /v1/search of the index
	// (https://docs.docker.com/reference/cli/docker/search/).
	var page struct {
		Results []struct {
			Name        string `json:"name"`
			Description string `json:"description"`
			Stars       int    `json:"star_count"`
			Official    bool   `json:"is_official"`
		} `json:"results"`
	}
	if _, err := c.getJSON(ctx, at(c.base.String(), url.Values{"q": {q}, "n": {strconv.Itoa(maxHits)}}, "v1", "search"), nil, &page); err != nil {
		return nil, classify(err)
	}
	hits := []RepositoryHit{}
	for _, r := range page.Results {
		name := r.Name
		if !strings.Contains(name, "/") {
			name = "library/" + name
		}
		if goodRepository(name) && len(hits) < maxHits {
			hits = append(hits, RepositoryHit{Repository: name, Description: fmt.Sprintf("%.300s", r.Description), Stars: r.Stars, Official: r.Official})
		}
	}
	return hits, nil
}

// TagHit is a tag as the registry has it now.
type TagHit struct {
	Tag       string     `json:"tag"`
	Digest    string     `json:"digest,omitempty"`
	Created   *time.Time `json:"created,omitempty"`
	Platforms []string   `json:"platforms" nullable:"false"`
}

// maxTagHits bounds the tags that are shown to choose from.
const maxTagHits = 200

// Tags asks a registry for a repository's tags; more says that there are more
// than are given.
func (s *Service) Tags(ctx context.Context, row store.Registry, repository string) (hits []TagHit, more bool, err error) {
	if !goodRepository(repository) {
		return nil, false, problem(NotFound, "%.80q is no repository's name", repository)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := s.open(ctx, row)
	if err != nil {
		return nil, false, err
	}
	defer c.close()
	hits = []TagHit{}
	err = c.lister().tags(ctx, repository, func(f found) error {
		if !goodTag(f.tag) {
			return nil
		}
		if len(hits) == maxTagHits {
			more = true
			return errEnough
		}
		h := TagHit{Tag: f.tag, Digest: f.digest, Platforms: append([]string{}, f.platforms...)}
		if !f.created.IsZero() {
			h.Created = &f.created
		}
		hits = append(hits, h)
		return nil
	})
	if p := classify(err); p != nil && !more {
		return hits, false, p
	}
	return hits, more, nil
}

// Pick is an image that somebody chose: a tag, or a digest.
type Pick struct {
	Repository string `json:"repository" maxLength:"255"`
	Tag        string `json:"tag,omitempty" maxLength:"128"`
	Digest     string `json:"digest,omitempty" maxLength:"71"`
}

// Added is an image that was handed to the queue, or why it was not.
type Added struct {
	Pick
	OK      bool   `json:"ok"`
	Kind    Kind   `json:"kind,omitempty"`
	Message string `json:"message,omitempty"`
}

// Add pins what somebody chose and hands it to the scan queue.
func (s *Service) Add(ctx context.Context, row store.Registry, picks []Pick, by string) ([]Added, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	out := make([]Added, len(picks))
	err := s.each(ctx, row, picks, scanning.Manual, by, func(i int, p Pick, err error) {
		out[i] = Added{Pick: p, OK: err == nil}
		if problem := classify(err); problem != nil {
			out[i].Kind, out[i].Message = problem.Kind, problem.Error()
		}
	})
	return out, err
}

// each pins images, hands them to the queue and remembers them; tell hears of
// each.
func (s *Service) each(ctx context.Context, row store.Registry, picks []Pick, why scanning.Reason, by string, tell func(int, Pick, error)) error {
	said, err := SpecOf(row)
	if err != nil {
		return err
	}
	c, err := s.open(ctx, row)
	if err != nil {
		return err
	}
	defer c.close()
	var rows []store.RegistryTag
	for i, p := range picks {
		t, err := s.one(ctx, row, c, said, p, why, by)
		p.Digest = t.Digest
		if err == nil && p.Tag != "" {
			rows = append(rows, t)
		}
		tell(i, p, err)
	}
	if len(rows) == 0 {
		return nil
	}
	now := s.Now().UnixNano()
	repos := map[string]bool{}
	var seen []store.RegistryRepository
	for _, t := range rows {
		if !repos[t.Repository] {
			repos[t.Repository] = true
			seen = append(seen, store.RegistryRepository{Repository: t.Repository, Selected: true, FirstSeen: now, LastSeen: now})
		}
	}
	return s.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.PutRepositories(ctx, row.Tenant, row.ID, seen); err != nil {
			return err
		}
		return tx.PutTags(ctx, row.Tenant, row.ID, rows)
	})
}

func (s *Service) one(ctx context.Context, row store.Registry, c *connection, said spec.Spec, p Pick, why scanning.Reason, by string) (store.RegistryTag, error) {
	now := s.Now().UnixNano()
	t := store.RegistryTag{Repository: p.Repository, Tag: p.Tag, Digest: p.Digest, Selected: true, FirstSeen: now, LastSeen: now}
	switch {
	case !goodRepository(p.Repository), p.Tag != "" && !goodTag(p.Tag), p.Digest != "" && !digestForm.MatchString(p.Digest), p.Tag == "" && p.Digest == "":
		return t, problem(NotFound, "%.80q is no image's name", p.Repository+":"+p.Tag)
	}
	// A digest from outside is only a hint: what the tag names now is scanned.
	if p.Tag != "" {
		now, err := c.head(ctx, p.Repository, p.Tag)
		if err != nil {
			return t, err
		}
		if t.Digest = now; !digestForm.MatchString(now) {
			return t, problem(Failed, "its digest %.80q is none that can be checked", now)
		}
	}
	if len(said.Select.Architectures) > 0 {
		var created time.Time
		var err error
		if t.Platforms, created, err = c.inspect(ctx, t.Repository, t.Digest); err != nil {
			return t, err
		}
		if !created.IsZero() {
			t.Created = created.UnixNano()
		}
	}
	return t, s.enqueue(ctx, row, c, said, &t, why, by)
}
