package registries

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/google"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
)

// Bounds of what is found.
const (
	maxRepositories = 20_000 // of a registry
	maxTags         = 10_000 // of a repository
	pageSize        = 100
)

// found is a tag with what the publisher's API says of it; what it does not
// say is asked of the registry where it is needed.
type found struct {
	tag       string
	digest    string
	created   time.Time
	platforms []string
}

// lister asks one kind of registry what it holds. each may end the listing
// with an error.
type lister interface {
	repositories(ctx context.Context, each func(repository string) error) error
	tags(ctx context.Context, repository string, each func(found) error) error
}

// lister gives the one for the connection's type.
func (c *connection) lister() lister {
	switch c.spec.Type {
	case spec.DockerHub:
		return &hub{c: c}
	case spec.ECR:
		return &amazon{c: c}
	case spec.ECRPublic:
		return &amazonPublic{c: c}
	case spec.GAR, spec.GCR:
		return &googleRegistry{c: c}
	case spec.Harbor:
		return &harbor{c: c}
	case spec.Quay:
		return &quay{c: c}
	case spec.Artifactory:
		return &artifactory{c: c}
	case spec.GitLab:
		return &gitlab{v2: v2{c: c}}
	case spec.GHCR:
		return &github{v2: v2{c: c}}
	}
	return &v2{c: c}
}

// v2 asks by the distribution specification: _catalog and tags/list.
// https://distribution.github.io/distribution/spec/api/
type v2 struct{ c *connection }

func (l *v2) repositories(ctx context.Context, each func(string) error) error {
	pages, err := l.c.puller.Catalogger(ctx, l.c.reg)
	if err != nil {
		return err
	}
	for n := 0; pages.HasNext(); {
		page, err := pages.Next(ctx)
		if err != nil {
			return err
		}
		for _, r := range page.Repos {
			if n++; n > maxRepositories {
				return tooMany("repositories", maxRepositories)
			}
			if err := each(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *v2) tags(ctx context.Context, repository string, each func(found) error) error {
	pages, err := l.c.puller.Lister(ctx, l.c.reg.Repo(repository))
	if err != nil {
		return err
	}
	for n := 0; pages.HasNext(); {
		page, err := pages.Next(ctx)
		if err != nil {
			return err
		}
		for _, t := range page.Tags {
			if n++; n > maxTags {
				return tooMany("tags of "+repository, maxTags)
			}
			if err := each(found{tag: t}); err != nil {
				return err
			}
		}
	}
	return nil
}

func tooMany(what string, most int) error {
	return problem(TooMuch, "there are more than %d %s", most, what)
}

// pages asks for pages by number until one is short or empty.
func pages(most int, page func(number int) (rows int, more bool, err error)) error {
	for number, total := 1, 0; ; number++ {
		n, more, err := page(number)
		if err != nil {
			return err
		}
		if total += n; total > most {
			return tooMany("rows", most)
		}
		if !more || n == 0 {
			return nil
		}
	}
}

// hub asks Docker Hub's API: https://docs.docker.com/reference/api/hub/latest/
type hub struct {
	c     *connection
	token string
}

func (l *hub) sign(ctx context.Context) (func(*http.Request), error) {
	if l.c.spec.Method() == spec.Basic && l.token == "" {
		var got struct {
			AccessToken string `json:"access_token"`
		}
		err := l.c.postJSON(ctx, at(l.c.Endpoints.HubAPI, nil, "v2", "auth", "token"), map[string]string{
			"identifier": l.c.spec.Auth.Username, "secret": l.c.secrets[spec.Password],
		}, &got)
		if err != nil {
			return nil, signInFailed("Docker Hub", err)
		}
		l.token = got.AccessToken
	}
	return bearer(l.token), nil
}

func (l *hub) repositories(ctx context.Context, each func(string) error) error {
	sign, err := l.sign(ctx)
	if err != nil {
		return err
	}
	namespaces := l.c.spec.Namespaces
	if len(namespaces) == 0 && l.c.spec.Method() == spec.Basic {
		namespaces = []string{l.c.spec.Auth.Username}
	}
	for _, ns := range namespaces {
		if strings.Contains(ns, "/") { // one repository
			if err := each(ns); err != nil {
				return err
			}
			continue
		}
		err := pages(maxRepositories, func(number int) (int, bool, error) {
			var page struct {
				Next    string `json:"next"`
				Results []struct {
					Name string `json:"name"`
				} `json:"results"`
			}
			_, err := l.c.getJSON(ctx, at(l.c.Endpoints.HubAPI, number100(number, "page_size"), "v2", "namespaces", ns, "repositories"), sign, &page)
			for i := 0; err == nil && i < len(page.Results); i++ {
				err = each(ns + "/" + page.Results[i].Name)
			}
			return len(page.Results), page.Next != "", err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func number100(page int, size string) url.Values {
	return url.Values{"page": {strconv.Itoa(page)}, size: {strconv.Itoa(pageSize)}}
}

func (l *hub) tags(ctx context.Context, repository string, each func(found) error) error {
	sign, err := l.sign(ctx)
	if err != nil {
		return err
	}
	ns, name, ok := strings.Cut(repository, "/")
	if !ok {
		ns, name = "library", repository
	}
	return pages(maxTags, func(number int) (int, bool, error) {
		var page struct {
			Next    string `json:"next"`
			Results []struct {
				Name        string    `json:"name"`
				Digest      string    `json:"digest"`
				LastUpdated time.Time `json:"last_updated"`
				Images      []struct {
					Architecture string `json:"architecture"`
					OS           string `json:"os"`
					Variant      string `json:"variant"`
				} `json:"images"`
			} `json:"results"`
		}
		_, err := l.c.getJSON(ctx, at(l.c.Endpoints.HubAPI, number100(number, "page_size"), "v2", "namespaces", ns, "repositories", name, "tags"), sign, &page)
		for i := 0; err == nil && i < len(page.Results); i++ {
			t := page.Results[i]
			f := found{tag: t.Name, digest: t.Digest, created: t.LastUpdated}
			for _, m := range t.Images {
				f.platforms = append(f.platforms, platformOf(m.OS, m.Architecture, m.Variant))
			}
			err = each(f)
		}
		return len(page.Results), page.Next != "", err
	})
}

// harbor asks Harbor's API 2.0:
// https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml
type harbor struct{ c *connection }

func (l *harbor) repositories(ctx context.Context, each func(string) error) error {
	return pages(maxRepositories, func(number int) (int, bool, error) {
		var rows []struct {
			Name string `json:"name"`
		}
		_, err := l.c.getJSON(ctx, at(l.c.base.String(), number100(number, "page_size"), "api", "v2.0", "repositories"), l.c.basic, &rows)
		for i := 0; err == nil && i < len(rows); i++ {
			err = each(rows[i].Name)
		}
		return len(rows), len(rows) == pageSize, err
	})
}

func (l *harbor) tags(ctx context.Context, repository string, each func(found) error) error {
	project, name, _ := strings.Cut(repository, "/")
	// A slash in a repository's name is escaped twice, as Harbor asks.
	name = url.PathEscape(name)
	return pages(maxTags, func(number int) (int, bool, error) {
		var rows []struct {
			Type     string    `json:"type"`
			Digest   string    `json:"digest"`
			PushTime time.Time `json:"push_time"`
			Tags     []struct {
				Name string `json:"name"`
			} `json:"tags"`
			Extra struct {
				Architecture string    `json:"architecture"`
				OS           string    `json:"os"`
				Created      time.Time `json:"created"`
			} `json:"extra_attrs"`
			References []struct {
				Platform struct {
					Architecture string `json:"architecture"`
					OS           string `json:"os"`
					Variant      string `json:"variant"`
				} `json:"platform"`
			} `json:"references"`
		}
		q := number100(number, "page_size")
		q.Set("with_tag", "true")
		_, err := l.c.getJSON(ctx, at(l.c.base.String(), q, "api", "v2.0", "projects", project, "repositories", name, "artifacts"), l.c.basic, &rows)
		for i := 0; err == nil && i < len(rows); i++ {
			r := rows[i]
			if r.Type != "" && r.Type != "IMAGE" {
				continue
			}
			f := found{digest: r.Digest, created: r.PushTime}
			if !r.Extra.Created.IsZero() {
				f.created = r.Extra.Created
			}
			if r.Extra.Architecture != "" {
				f.platforms = []string{platformOf(r.Extra.OS, r.Extra.Architecture, "")}
			}
			for _, m := range r.References {
				f.platforms = append(f.platforms, platformOf(m.Platform.OS, m.Platform.Architecture, m.Platform.Variant))
			}
			for _, t := range r.Tags {
				f.tag = t.Name
				if err == nil {
					err = each(f)
				}
			}
		}
		return len(rows), len(rows) == pageSize, err
	})
}

// quay asks Quay's API, which takes an OAuth token, not a robot's password:
// https://docs.quay.io/api/swagger/
type quay struct{ c *connection }

func (l *quay) sign() func(*http.Request) { return bearer(l.c.secrets[spec.APIToken]) }

func (l *quay) repositories(ctx context.Context, each func(string) error) error {
	for _, ns := range l.c.spec.Namespaces {
		next := ""
		for n := 0; ; {
			q := url.Values{"namespace": {ns}}
			if l.c.secrets[spec.APIToken] == "" {
				q.Set("public", "true")
			}
			if next != "" {
				q.Set("next_page", next)
			}
			var page struct {
				NextPage     string `json:"next_page"`
				Repositories []struct {
					Namespace string `json:"namespace"`
					Name      string `json:"name"`
				} `json:"repositories"`
			}
			if _, err := l.c.getJSON(ctx, at(l.c.base.String(), q, "api", "v1", "repository"), l.sign(), &page); err != nil {
				return err
			}
			for _, r := range page.Repositories {
				if n++; n > maxRepositories {
					return tooMany("repositories", maxRepositories)
				}
				if err := each(r.Namespace + "/" + r.Name); err != nil {
					return err
				}
			}
			if next = page.NextPage; next == "" || len(page.Repositories) == 0 {
				break
			}
		}
	}
	return nil
}

func (l *quay) tags(ctx context.Context, repository string, each func(found) error) error {
	ns, name, _ := strings.Cut(repository, "/")
	return pages(maxTags, func(number int) (int, bool, error) {
		q := number100(number, "limit")
		q.Set("onlyActiveTags", "true")
		var page struct {
			More bool `json:"has_additional"`
			Tags []struct {
				Name    string `json:"name"`
				Digest  string `json:"manifest_digest"`
				StartTS int64  `json:"start_ts"`
			} `json:"tags"`
		}
		_, err := l.c.getJSON(ctx, at(l.c.base.String(), q, "api", "v1", "repository", ns, name, "tag", ""), l.sign(), &page)
		for i := 0; err == nil && i < len(page.Tags); i++ {
			t := page.Tags[i]
			f := found{tag: t.Name, digest: t.Digest}
			if t.StartTS > 0 {
				f.created = time.Unix(t.StartTS, 0)
			}
			err = each(f)
		}
		return len(page.Tags), page.More, err
	})
}

// artifactory asks which Docker repositories there are, and each for its
// catalogue; images are named REPOSITORY/IMAGE, as with its repository path
// method: https://jfrog.com/help/r/jfrog-rest-apis/get-repositories
type artifactory struct{ c *connection }

func (l *artifactory) repositories(ctx context.Context, each func(string) error) error {
	var keys []struct {
		Key string `json:"key"`
	}
	if _, err := l.c.getJSON(ctx, at(l.c.base.String(), url.Values{"packageType": {"docker"}}, "artifactory", "api", "repositories"), l.c.basic, &keys); err != nil {
		return err
	}
	n := 0
	for _, k := range keys {
		last := ""
		for {
			q := url.Values{"n": {"1000"}}
			if last != "" {
				q.Set("last", last)
			}
			var page struct {
				Repositories []string `json:"repositories"`
			}
			_, err := l.c.getJSON(ctx, at(l.c.base.String(), q, "artifactory", "api", "docker", k.Key, "v2", "_catalog"), l.c.basic, &page)
			if err != nil {
				return err
			}
			for _, r := range page.Repositories {
				if n++; n > maxRepositories {
					return tooMany("repositories", maxRepositories)
				}
				if err := each(k.Key + "/" + r); err != nil {
					return err
				}
			}
			if len(page.Repositories) < 1000 || page.Repositories[len(page.Repositories)-1] == last {
				break
			}
			last = page.Repositories[len(page.Repositories)-1]
		}
	}
	return nil
}

func (l *artifactory) tags(ctx context.Context, repository string, each func(found) error) error {
	key, image, _ := strings.Cut(repository, "/")
	var list struct {
		Tags []string `json:"tags"`
	}
	parts := append([]string{"artifactory", "api", "docker", key, "v2"}, strings.Split(image, "/")...)
	if _, err := l.c.getJSON(ctx, at(l.c.base.String(), nil, append(parts, "tags", "list")...), l.c.basic, &list); err != nil {
		return err
	}
	for i, t := range list.Tags {
		if i >= maxTags {
			return tooMany("tags of "+repository, maxTags)
		}
		if err := each(found{tag: t}); err != nil {
			return err
		}
	}
	return nil
}

// gitlab asks GitLab's API which repositories groups and projects have, and
// the registry for their tags: https://docs.gitlab.com/api/container_registry/
type gitlab struct{ v2 }

func (l *gitlab) repositories(ctx context.Context, each func(string) error) error {
	sign := func(r *http.Request) { r.Header.Set("Private-Token", l.c.secrets[spec.Password]) }
	for _, ns := range l.c.spec.Namespaces {
		kind := "groups"
		list := func(number int) (int, bool, error) {
			var rows []struct {
				Path string `json:"path"`
			}
			h, err := l.c.getJSON(ctx, at(l.c.spec.APIAddress, number100(number, "per_page"), "api", "v4", kind, ns, "registry", "repositories"), sign, &rows)
			for i := 0; err == nil && i < len(rows); i++ {
				err = each(rows[i].Path)
			}
			return len(rows), h.Get("X-Next-Page") != "", err
		}
		err := pages(maxRepositories, list)
		if p := classify(err); p != nil && p.Kind == NotFound { // no group: a project
			kind = "projects"
			err = pages(maxRepositories, list)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// github asks GitHub's API which container packages an organisation or a
// person has, and the registry for their tags:
// https://docs.github.com/rest/packages/packages
type github struct{ v2 }

func (l *github) repositories(ctx context.Context, each func(string) error) error {
	sign := bearer(l.c.secrets[spec.Password])
	for _, owner := range l.c.spec.Namespaces {
		kind := "orgs"
		list := func(number int) (int, bool, error) {
			q := number100(number, "per_page")
			q.Set("package_type", "container")
			var rows []struct {
				Name string `json:"name"`
			}
			_, err := l.c.getJSON(ctx, at(l.c.Endpoints.GitHubAPI, q, kind, owner, "packages"), sign, &rows)
			for i := 0; err == nil && i < len(rows); i++ {
				err = each(strings.ToLower(owner) + "/" + rows[i].Name)
			}
			return len(rows), len(rows) == pageSize, err
		}
		err := pages(maxRepositories, list)
		if p := classify(err); p != nil && p.Kind == NotFound {
			kind = "users"
			err = pages(maxRepositories, list)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// googleRegistry asks Google's registries, whose tags/list tells of digests,
// times and what lies below:
// https://cloud.google.com/artifact-registry/docs/docker/manage-images
type googleRegistry struct{ c *connection }

func (l *googleRegistry) list(ctx context.Context, repository string) (*google.Tags, error) {
	return google.List(l.c.reg.Repo(repository), google.WithAuth(l.c.auth), google.WithTransport(l.c.guard), google.WithContext(ctx), google.WithUserAgent(l.c.Agent))
}

func (l *googleRegistry) repositories(ctx context.Context, each func(string) error) error {
	todo := append([]string{}, l.c.spec.Namespaces...)
	for n := 0; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		got, err := l.list(ctx, name)
		if err != nil {
			return err
		}
		if len(got.Manifests) > 0 {
			if err := each(name); err != nil {
				return err
			}
		}
		for _, child := range got.Children {
			if n++; n > maxRepositories {
				return tooMany("repositories", maxRepositories)
			}
			todo = append(todo, name+"/"+child)
		}
	}
	return nil
}

func (l *googleRegistry) tags(ctx context.Context, repository string, each func(found) error) error {
	got, err := l.list(ctx, repository)
	if err != nil {
		return err
	}
	n := 0
	for digest, m := range got.Manifests {
		for _, t := range m.Tags {
			if n++; n > maxTags {
				return tooMany("tags of "+repository, maxTags)
			}
			f := found{tag: t, digest: digest, created: m.Uploaded}
			if m.Created.Year() > 1980 { // reproducible builds say 1970 or 1980
				f.created = m.Created
			}
			if err := each(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// errEnough ends a listing of which no more is wanted.
var errEnough = errors.New("enough")

func platformOf(os, arch, variant string) string {
	if os == "" {
		os = "linux"
	}
	p := os + "/" + arch
	if variant != "" {
		p += "/" + variant
	}
	return p
}

// head asks for a tag's digest.
func (c *connection) head(ctx context.Context, repository, tag string) (string, error) {
	d, err := remote.Head(c.reg.Repo(repository).Tag(tag), append(c.remote(), remote.WithContext(ctx))...)
	if err != nil {
		return "", err
	}
	return d.Digest.String(), nil
}
