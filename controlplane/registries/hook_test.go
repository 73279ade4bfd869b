package registries

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Nexus signs with
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

// bodies are notifications as their publishers document them, about app:1.
var bodies = map[spec.Sender]string{
	spec.FromDockerHub:   `{"callback_url":"https://registry.hub.docker.com/u/x/hook/1/","push_data":{"pushed_at":1417566161,"pusher":"me","tag":"1"},"repository":{"repo_name":"app","name":"app","namespace":"","status":"Active"}}`,
	spec.FromHarbor:      `{"type":"PUSH_ARTIFACT","occur_at":1582640688,"operator":"admin","event_data":{"resources":[{"digest":"DIGEST","tag":"1","resource_url":"harbor.test/app:1"}],"repository":{"date_created":1582634337,"name":"app","namespace":"","repo_full_name":"app","repo_type":"private"}}}`,
	spec.FromQuay:        `{"name":"app","repository":"app","namespace":"","docker_url":"quay.io/app","homepage":"https://quay.io/repository/app","updated_tags":["1"]}`,
	spec.FromGitHub:      `{"action":"published","package":{"id":1,"name":"app","namespace":"team","package_type":"CONTAINER","package_version":{"version":"DIGEST","container_metadata":{"tag":{"name":"1","digest":"DIGEST"}}}},"sender":{"login":"me"}}`,
	spec.FromACR:         `{"id":"cb8c3971-9adc-488b-xxxx-43cbb4974ff5","timestamp":"2026-01-17T16:52:01.343145347Z","action":"push","target":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":524,"digest":"DIGEST","repository":"app","tag":"1"},"request":{"id":"3cbb6949-7549-4fa1-xxxx-a6d5451dffc7","host":"shop.azurecr.io","method":"PUT"}}`,
	spec.FromEventBridge: `{"version":"0","id":"13cde686-328b-6117-af20-0e5566167482","detail-type":"ECR Image Action","source":"aws.ecr","account":"123456789012","time":"2026-01-16T01:54:34Z","region":"us-west-2","resources":[],"detail":{"result":"SUCCESS","repository-name":"app","image-digest":"DIGEST","action-type":"PUSH","image-tag":"1"}}`,
	spec.FromArtifactory: `{"domain":"docker","event_type":"pushed","data":{"repo_key":"team","event_type":"pushed","path":"app/1/manifest.json","name":"manifest.json","sha256":"HEX","size":1206,"image_name":"app","tag":"1","platforms":[]}}`,
	spec.FromNexus:       `{"timestamp":"2026-11-10T23:57:49.664+0000","nodeId":"52905B51","initiator":"admin/1","repositoryName":"docker","action":"CREATED","component":{"id":"08909bf0c86cf6c9600aade89e1c5e25","componentId":"ZG9ja2Vy","format":"docker","name":"app","group":null,"version":"1"}}`,
	spec.FromDistribution: `{"events":[{"id":"asdf-asdf-asdf-asdf-0","timestamp":"2026-01-02T15:04:05Z","action":"push","target":{"mediaType":"application/octet-stream","digest":"DIGEST","repository":"app"}},
	  {"id":"asdf-asdf-asdf-asdf-1","timestamp":"2026-01-02T15:04:06Z","action":"push","target":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":1,"digest":"DIGEST","repository":"app","tag":"1"},"request":{"host":"r.test"}}]}`,
}

// sign brings the secret as the publisher does.
func sign(s spec.Sender, body, secret string) (http.Header, url.Values) {
	h, q := http.Header{}, url.Values{}
	mac256, mac1 := hmac.New(sha256.New, []byte(secret)), hmac.New(sha1.New, []byte(secret))
	mac256.Write([]byte(body))
	mac1.Write([]byte(body))
	switch s {
	case spec.FromDockerHub, spec.FromQuay:
		q.Set("token", secret)
	case spec.FromGitHub:
		h.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac256.Sum(nil)))
	case spec.FromArtifactory:
		h.Set("X-JFrog-Event-Auth", hex.EncodeToString(mac256.Sum(nil)))
	case spec.FromNexus:
		h.Set("X-Nexus-Webhook-Signature", hex.EncodeToString(mac1.Sum(nil)))
	case spec.FromEventBridge:
		h.Set("X-Api-Key", secret)
	case spec.FromHarbor:
		h.Set("Authorization", secret)
	default:
		h.Set("Authorization", "Bearer "+secret)
	}
	return h, q
}

// TestHooks sends each publisher's notification: with the right secret the
// image is pinned and enqueued, once; with another nothing happens.
func TestHooks(t *testing.T) {
	b, u := newBench(t, storetest.SQLite(t)), newUpstream(t)
	digest := u.push("app:1", image(t, 0))
	u.push("team/app:1", image(t, 0))
	for sender, body := range bodies {
		body = strings.NewReplacer("DIGEST", digest.String(), "HEX", digest.Hex).Replace(body)
		// The registry behind it is a plain one: what is told apart is who sends.
		row := b.add(Draft{Name: string(sender), Spec: u.spec()})
		row.Document = fmt.Sprintf(`{"type":"generic","address":%q,"tls":{"ca":%q},"select":{"tags":{"exclude":["no*"]}},"webhook":{"sender":%q}}`, u.URL, u.ca, sender)
		secret, err := b.NewHookSecret(t.Context(), &row)
		if err != nil {
			t.Fatal(err)
		}
		b.set(row)
		hook := func(body, with string) (Hooked, error) {
			h, q := sign(sender, body, with)
			return b.Hook(t.Context(), row.ID, "192.0.2.1", h, q, []byte(body))
		}
		want := "webhook app:1"
		if sender == spec.FromGitHub || sender == spec.FromArtifactory {
			want = "webhook team/app:1"
		}
		if _, err := hook(body, "wrong"); !errors.Is(err, ErrHook) {
			t.Errorf("%s with a wrong secret: %v", sender, err)
		}
		if _, err := hook(body, ""); !errors.Is(err, ErrHook) {
			t.Errorf("%s without a secret: %v", sender, err)
		}
		got, err := hook(body, secret)
		if err != nil || got.Enqueued != 1 {
			t.Errorf("%s: %+v %v", sender, got, err)
		}
		same(t, string(sender), b.queue.take(), []string{want})
		if got, err := hook(body, secret); err != nil || !got.Seen {
			t.Errorf("%s again: %+v %v", sender, got, err)
		}
		same(t, string(sender)+" again", b.queue.take(), nil)
		other := strings.NewReplacer(`"tag":"1"`, `"tag":"no1"`, `"updated_tags":["1"]`, `"updated_tags":["no1"]`, `"name":"1"`, `"name":"no1"`, `"version":"1"`, `"version":"no1"`, `"image-tag":"1"`, `"image-tag":"no1"`).Replace(body)
		if got, err := hook(other, secret); err != nil || got.Ignored != 1 || got.Enqueued != 0 {
			t.Errorf("%s of a tag that is left out: %+v %v", sender, got, err)
		}
		if _, err := hook(`{"x":`, secret); !errors.Is(err, ErrHookBody) {
			t.Errorf("%s of garbage: %v", sender, err)
		}
		b.queue.take()
	}
}

// TestHookComesAgain holds that a notification that could not be acted upon
// may be sent again, and that attempts without the secret are bounded.
func TestHookComesAgain(t *testing.T) {
	b, u := newBench(t, storetest.SQLite(t)), newUpstream(t)
	u.push("app:1", image(t, 0))
	s := u.spec()
	s.Webhook.Sender = spec.FromDistribution
	row, secret, err := b.Row(t.Context(), b.add(Draft{Name: "own", Spec: u.spec()}), Draft{Spec: s})
	if err != nil || secret == "" {
		t.Fatal(secret, err)
	}
	b.set(row)
	body := strings.ReplaceAll(bodies[spec.FromDistribution], "DIGEST", digestOf("0"))
	h, q := sign(spec.FromDistribution, body, secret)
	b.queue.fail = errors.New("queue is away")
	if _, err := b.Hook(t.Context(), row.ID, "192.0.2.1", h, q, []byte(body)); err == nil {
		t.Error("no error")
	}
	b.queue.fail = nil
	if got, err := b.Hook(t.Context(), row.ID, "192.0.2.1", h, q, []byte(body)); err != nil || got.Enqueued != 1 {
		t.Errorf("%+v %v", got, err)
	}
	var last error
	for range 200 {
		_, last = b.Hook(t.Context(), NewID(), "192.0.2.9", h, q, []byte(body))
	}
	if !errors.Is(last, ErrHookMany) {
		t.Error("200 attempts:", last)
	}
}

func FuzzSenders(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
	f.Add([]byte(`{"events":[null]}`))
	f.Add([]byte(`{"package":null,"zen":"x"}`))
	f.Add([]byte(`{"type":"harbor.artifact.pushed","data":{"resources":[{}],"repository":{}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for name, s := range senders {
			pushes, err := s.read(body)
			if err != nil && len(pushes) > 0 || len(pushes) > maxPushes {
				t.Errorf("%s: %d images, %v", name, len(pushes), err)
			}
			if s.check(http.Header{}, url.Values{}, body, "secret") {
				t.Errorf("%s takes what nobody signed", name)
			}
		}
	})
}
