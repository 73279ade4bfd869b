package api

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/authority"
	"github.com/limpet-security/limpet/controlplane/store"
)

// noKeys is a store of keys that is empty.
type noKeys struct{}

func (noKeys) LoadKey(context.Context, string, string) ([]byte, error) {
	return nil, authority.ErrNoKey
}
func (noKeys) SaveKey(context.Context, string, string, []byte) error { return nil }

func sealer(t *testing.T) *authority.Authority {
	t.Helper()
	a, err := authority.Open(t.Context(), noKeys{}, authority.NewMaster([32]byte{7}))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type m = map[string]any

// TestRegistries goes through a registry's life over the API.
func TestRegistries(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	up := httptest.NewTLSServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer up.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: up.Certificate().Raw}))
	ref, _ := name.ParseReference(strings.TrimPrefix(up.URL, "https://") + "/shop/web:1")
	img, err := random.Image(64, 1)
	if err == nil {
		err = remote.Write(ref, img, remote.WithTransport(up.Client().Transport))
	}
	if err != nil {
		t.Fatal(err)
	}
	said := m{"type": "generic", "address": up.URL, "auth": m{"method": "basic", "username": "me"}, "tls": m{"ca": ca}, "webhook": m{"sender": "distribution"}}
	body := m{"name": "own", "spec": said, "credentials": m{"password": "hidden-word"}}

	if a := c.do("POST", "/api/v1/registries", m{"name": "own", "spec": m{"type": "generic", "address": "ftp://x"}}); a.status != 422 || !strings.Contains(string(a.body), "https://HOST") {
		t.Errorf("%d %s", a.status, a.body)
	}
	c.ok(200, "POST", "/api/v1/registries?dryRun=true", body)
	c.ok(404, "GET", "/api/v1/registries/own", nil)
	var made registryView
	a := c.ok(200, "POST", "/api/v1/registries", body)
	a.into(t, &made)
	if made.Webhook == nil || len(made.Webhook.Secret) < 32 || made.Webhook.URL != "https://limpet.test:8443/api/v1/registries/"+made.ID+"/webhook" || made.NextSync == nil {
		t.Errorf("%s", a.body)
	}
	c.ok(409, "POST", "/api/v1/registries", body)
	shown := c.ok(200, "GET", "/api/v1/registries/own", nil)
	list := c.ok(200, "GET", "/api/v1/registries", nil)
	audit := c.ok(200, "GET", "/api/v1/audit", nil)
	for what, b := range map[string][]byte{"answer": a.body, "object": shown.body, "list": list.body, "audit record": audit.body} {
		if strings.Contains(string(b), "hidden-word") || what != "answer" && strings.Contains(string(b), made.Webhook.Secret) {
			t.Errorf("the %s shows a secret", what)
		}
	}
	put := m{"spec": said}
	if again := c.ok(200, "PUT", "/api/v1/registries/own", put, "If-Match", shown.header.Get("ETag")); again.header.Get("ETag") != shown.header.Get("ETag") {
		t.Error("the same registry again is a change")
	}
	c.ok(428, "PUT", "/api/v1/registries/own", put)

	var tested struct {
		OK           bool
		Repositories []string
	}
	c.ok(200, "POST", "/api/v1/registries/own/test", nil).into(t, &tested)
	if !tested.OK || strings.Join(tested.Repositories, ",") != "shop/web" {
		t.Error(tested)
	}
	c.ok(200, "POST", "/api/v1/registry-test", m{"id": "own", "spec": said}).into(t, &tested)
	if !tested.OK {
		t.Error(tested)
	}
	// Kept secrets are not tried on another address.
	other := m{"type": "generic", "address": "https://other.test", "auth": m{"method": "basic", "username": "me"}}
	c.ok(422, "POST", "/api/v1/registry-test", m{"id": "own", "spec": other})

	// What the registry does not have is its problem, not the server's.
	if a := c.ok(422, "GET", "/api/v1/registries/own/remote-tags?repository=no/such", nil); !strings.Contains(string(a.body), `"not-found"`) {
		t.Errorf("%s", a.body)
	}

	// What somebody picks is pinned, queued, and known from then on.
	var tags struct{ Items []struct{ Tag string } }
	c.ok(200, "GET", "/api/v1/registries/own/remote-tags?repository=shop/web", nil).into(t, &tags)
	if len(tags.Items) != 1 || tags.Items[0].Tag != "1" {
		t.Error(tags)
	}
	var added struct {
		Items []struct {
			OK           bool
			Kind, Digest string
		}
	}
	c.ok(200, "POST", "/api/v1/registries/own/images", m{"images": []m{{"repository": "shop/web", "tag": "1"}, {"repository": "shop/web", "tag": "none"}}}).into(t, &added)
	d, _ := img.Digest()
	if len(added.Items) != 2 || !added.Items[0].OK || added.Items[0].Digest != d.String() || added.Items[1].OK || added.Items[1].Kind != "not-found" {
		t.Error(added)
	}
	jobs := c.ok(200, "GET", "/api/v1/scan-jobs", nil)
	if want := "/shop/web:1@" + d.String(); !strings.Contains(string(jobs.body), want) || !strings.Contains(string(jobs.body), "manual") {
		t.Errorf("%s is not queued: %s", want, jobs.body)
	}
	if got := c.ok(200, "GET", "/api/v1/registries/own/tags", nil); !strings.Contains(string(got.body), d.String()) {
		t.Errorf("%s", got.body)
	}

	// Notifications: only who knows the secret is heard.
	note := m{"events": []m{{"action": "push", "target": m{"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "repository": "shop/web", "tag": "1"}}}}
	hook := "/api/v1/registries/" + made.ID + "/webhook"
	anybody := s.client()
	anybody.ok(401, "POST", hook, note)
	anybody.ok(401, "POST", hook, note, "Authorization", "Bearer wrong")
	anybody.ok(401, "POST", "/api/v1/registries/own/webhook", note)
	var got struct {
		Enqueued int
		Seen     bool
	}
	anybody.ok(200, "POST", hook, note, "Authorization", "Bearer "+made.Webhook.Secret).into(t, &got)
	if got.Enqueued != 1 {
		t.Error(got)
	}
	large, _ := json.Marshal(strings.Repeat("x", 2<<20))
	anybody.ok(413, "POST", hook, json.RawMessage(large), "Authorization", "Bearer "+made.Webhook.Secret)
	var fresh registryView
	c.ok(200, "POST", "/api/v1/registries/own/webhook-secret", nil).into(t, &fresh)
	anybody.ok(401, "POST", hook, note, "Authorization", "Bearer "+made.Webhook.Secret)
	anybody.ok(200, "POST", hook, note, "Authorization", "Bearer "+fresh.Webhook.Secret)

	// Developers may look and scan, not have the server call elsewhere.
	dev := s.as("default", access.Developer)
	dev.ok(200, "GET", "/api/v1/registries", nil)
	dev.ok(403, "POST", "/api/v1/registry-test", m{"spec": said})
	dev.ok(200, "POST", "/api/v1/registries/own/sync", nil)

	c.ok(204, "DELETE", "/api/v1/registries/own", nil)
	if rows, _, err := s.store.RegistryTags(t.Context(), "default", made.ID, "", store.Page{}); err != nil || len(rows) != 0 {
		t.Error(rows, err)
	}
}
