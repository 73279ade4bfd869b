package registries

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Nexus signs with
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"strings"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
)

// push is an image that a notification names.
type push struct{ repository, tag, digest string }

// sender is how one publisher's notifications are checked and read.
type sender struct {
	check func(h http.Header, q url.Values, body []byte, secret string) bool
	read  func(body []byte) ([]push, error)
}

// senders, by the publishers' documents:
//
//	Docker Hub    https://docs.docker.com/docker-hub/repos/manage/webhooks/ (signs nothing: the secret is in the address)
//	Harbor        https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/
//	Quay          https://docs.quay.io/guides/notifications.html (signs nothing)
//	GitHub        https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
//	ACR           https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference
//	ECR           https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
//	Artifactory   https://jfrog.com/help/r/jfrog-platform-administration-documentation/domain-docker
//	Nexus         https://help.sonatype.com/en/working-with-hmac-payloads.html
//	distribution  https://distribution.github.io/distribution/about/notifications/
var senders = map[spec.Sender]sender{
	spec.FromDockerHub:    {inAddress, readHub},
	spec.FromHarbor:       {inHeader, readHarbor},
	spec.FromQuay:         {inAddress, readQuay},
	spec.FromGitHub:       {signed("X-Hub-Signature-256", "sha256=", sha256.New), readGitHub},
	spec.FromACR:          {inHeader, readACR},
	spec.FromEventBridge:  {inHeader, readEventBridge},
	spec.FromArtifactory:  {artifactorySigned, readArtifactory},
	spec.FromNexus:        {signed("X-Nexus-Webhook-Signature", "", sha1.New), readNexus},
	spec.FromDistribution: {inHeader, readDistribution},
}

func equal(a, b string) bool { return b != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// inAddress finds the secret in the address: ?token=...
func inAddress(_ http.Header, q url.Values, _ []byte, secret string) bool {
	return equal(q.Get("token"), secret)
}

// inHeader finds the secret in Authorization: alone, as a Bearer token or as
// the password of Basic; or in X-Api-Key, as EventBridge's connections call it.
func inHeader(h http.Header, _ url.Values, _ []byte, secret string) bool {
	a := h.Get("Authorization")
	scheme, rest, two := strings.Cut(a, " ")
	if two && strings.EqualFold(scheme, "Bearer") {
		a = strings.TrimSpace(rest)
	}
	if two && strings.EqualFold(scheme, "Basic") {
		plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
		_, password, _ := strings.Cut(string(plain), ":")
		if err == nil {
			a = password
		}
	}
	return equal(a, secret) || equal(h.Get("X-Api-Key"), secret)
}

// signed finds an HMAC of the body, in hex, in a header.
func signed(header, prefix string, alg func() hash.Hash) func(http.Header, url.Values, []byte, string) bool {
	return func(h http.Header, _ url.Values, body []byte, secret string) bool {
		got, ok := strings.CutPrefix(h.Get(header), prefix)
		if !ok {
			return false
		}
		mac := hmac.New(alg, []byte(secret))
		mac.Write(body)
		return equal(strings.ToLower(got), hex.EncodeToString(mac.Sum(nil)))
	}
}

// artifactorySigned takes both of Artifactory's ways: the secret itself in the
// header, or with "use secret for payload signing" an HMAC of the body.
func artifactorySigned(h http.Header, q url.Values, body []byte, secret string) bool {
	const header = "X-JFrog-Event-Auth"
	return equal(h.Get(header), secret) || signed(header, "", sha256.New)(h, q, body, secret)
}

var errNoPush = errors.New("it is no notification of this sender")

func unmarshal(body []byte, into any) error {
	if len(body) > MaxHook {
		return fmt.Errorf("it has more than %d bytes", MaxHook)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("it is no JSON of the expected form: %w", err)
	}
	return nil
}

func readHub(body []byte) ([]push, error) {
	var e struct {
		PushData struct {
			Tag string `json:"tag"`
		} `json:"push_data"`
		Repository struct {
			Name string `json:"repo_name"`
		} `json:"repository"`
	}
	if err := unmarshal(body, &e); err != nil {
		return nil, err
	}
	if e.Repository.Name == "" || e.PushData.Tag == "" {
		return nil, errNoPush
	}
	return []push{{e.Repository.Name, e.PushData.Tag, ""}}, nil
}

func readHarbor(body []byte) ([]push, error) {
	type data struct {
		Resources []struct {
			Digest string `json:"digest"`
			Tag    string `json:"tag"`
		} `json:"resources"`
		Repository struct {
			FullName string `json:"repo_full_name"`
		} `json:"repository"`
	}
	// CloudEvents put the same data elsewhere and name the event otherwise.
	var e struct {
		Type       string `json:"type"`
		EventData  data   `json:"event_data"`
		CloudEvent data   `json:"data"`
	}
	if err := unmarshal(body, &e); err != nil {
		return nil, err
	}
	d := e.EventData
	switch e.Type {
	case "PUSH_ARTIFACT":
	case "harbor.artifact.pushed":
		d = e.CloudEvent
	case "":
		return nil, errNoPush
	default:
		return nil, nil
	}
	if len(d.Resources) > maxPushes {
		return nil, fmt.Errorf("it names more than %d images", maxPushes)
	}
	var out []push
	for _, r := range d.Resources {
		tag := r.Tag
		if strings.HasPrefix(tag, "sha256:") {
			tag = ""
		}
		out = append(out, push{d.Repository.FullName, tag, r.Digest})
	}
	return out, nil
}

func readQuay(body []byte) ([]push, error) {
	var e struct {
		Repository string   `json:"repository"`
		Tags       []string `json:"updated_tags"`
	}
	if err := unmarshal(body, &e); err != nil {
		return nil, err
	}
	if e.Repository == "" {
		return nil, errNoPush
	}
	if len(e.Tags) > maxPushes {
		return nil, fmt.Errorf("it names more than %d images", maxPushes)
	}
	var out []push
	for _, t := range e.Tags {
		out = append(out, push{e.Repository, t, ""})
	}
	return out, nil
}

// readGitHub reads package and registry_package events; a ping names nothing.
func readGitHub(body []byte) ([]push, error) {
	type pack struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
		Type      string `json:"package_type"`
		Version   struct {
			Name      string `json:"version"`
			Container struct {
				Tag struct {
					Name   string `json:"name"`
					Digest string `json:"digest"`
				} `json:"tag"`
			} `json:"container_metadata"`
		} `json:"package_version"`
	}
	var e struct {
		Action   string `json:"action"`
		Package  *pack  `json:"package"`
		Registry *pack  `json:"registry_package"`
		Zen      string `json:"zen"`
	}
	if err := unmarshal(body, &e); err != nil {
		return nil, err
	}
	p := e.Package
	if p == nil {
		p = e.Registry
	}
	switch {
	case p == nil && e.Zen == "":
		return nil, errNoPush
	case p == nil, !strings.EqualFold(p.Type, "container"), e.Action != "published" && e.Action != "updated":
		return nil, nil
	}
	tag := p.Version.Container.Tag
	if tag.Digest == "" && strings.HasPrefix(p.Version.Name, "sha256:") {
		tag.Digest = p.Version.Name
	}
	return []push{{strings.ToLower(p.Namespace + "/" + p.Name), tag.Name, tag.Digest}}, nil
}

func readACR(body []byte) ([]push, error) {
	var e struct {
		Action string `json:"action"`
		Target struct {
			Repository string `json:"repository"`
			Tag        string `json:"tag"`
			Digest     string `json:"digest"`
		} `json:"target"`
	}
	if err := unmarshal(body, &e); err != nil {
		return nil, err
	}
	switch e.Action {
	case "push":
		return []push{{e.Target.Repository, e.Target.Tag, e.Target.Digest}}, nil
	case "":
		return nil, errNoPush
	}
	return nil, nil // ping, delete, charts
}

func readEventBridge(body []byte) ([]push, error) {
	var e struct {
		Type   string `json:"detail-type"`
		Detail struct {
			Result     string `json:"result"`
			Repository string `json:"repository-name"`
			Digest     string `json:"image-digest"`
			Action     string `json:"action-type"`
			Tag        string `json:"image-tag"`
		} `json:"detail"`
	}
	if err := unmarshal(body, &e); err != nil {
		return nil, err
	}
	d := e.Detail
	switch {
	case e.Type == "":
		return nil, errNoPush
	case e.Type != "ECR Image Action", d.Action != "PUSH", d.Result != "SUCCESS":
		return nil, nil
	}
	return []push{{d.Repository, d.Tag, d.Digest}}, nil
}

func readArtifactory(body []byte) ([]push, error) {
	type data struct {
		RepoKey string `json:"repo_key"`
		Image   string `json:"image_name"`
		Tag     string `json:"tag"`
		SHA256  string `json:"sha256"`
		Path    string `json:"path"`
		Type    string `json:"event_type"`
	}
	var e struct {
		data
		Data *data `json:"data"`
	}
	if err := unmarshal(body, &e); err != nil {
		return nil, err
	}
	d := e.data
	if e.Data != nil {
		d = *e.Data
		d.Type = e.Type
	}
	switch {
	case d.Type == "":
		return nil, errNoPush
	case d.Type != "pushed" || d.Image == "" || d.RepoKey == "":
		return nil, nil
	}
	p := push{d.RepoKey + "/" + d.Image, d.Tag, ""}
	if strings.HasSuffix(d.Path, "manifest.json") && digestForm.MatchString("sha256:"+d.SHA256) {
		p.digest = "sha256:" + d.SHA256
	}
	return []push{p}, nil
}

func readNexus(body []byte) ([]push, error) {
	var e struct {
		Action    string `json:"action"`
		Component struct {
			Format  string `json:"format"`
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"component"`
	}
	if err := unmarshal(body, &e); err != nil {
		return nil, err
	}
	switch {
	case e.Action == "":
		return nil, errNoPush
	case e.Component.Format != "docker", e.Action != "CREATED" && e.Action != "UPDATED":
		return nil, nil
	}
	p := push{repository: e.Component.Name, tag: e.Component.Version}
	if strings.HasPrefix(p.tag, "sha256:") {
		p.tag, p.digest = "", p.tag
	}
	return []push{p}, nil
}

func readDistribution(body []byte) ([]push, error) {
	var e struct {
		Events []struct {
			Action string `json:"action"`
			Target struct {
				MediaType  string `json:"mediaType"`
				Repository string `json:"repository"`
				Tag        string `json:"tag"`
				Digest     string `json:"digest"`
			} `json:"target"`
		} `json:"events"`
	}
	if err := unmarshal(body, &e); err != nil {
		return nil, err
	}
	if e.Events == nil {
		return nil, errNoPush
	}
	var out []push
	for _, v := range e.Events {
		t := v.Target
		// Layers and configurations are pushed, too. What has no tag is a part of an
		// index, which is pushed next.
		if v.Action != "push" || t.Tag == "" || !strings.Contains(t.MediaType, "manifest") && !strings.Contains(t.MediaType, "image.index") {
			continue
		}
		if out = append(out, push{t.Repository, t.Tag, t.Digest}); len(out) > maxPushes {
			return nil, fmt.Errorf("it names more than %d images", maxPushes)
		}
	}
	return out, nil
}

// SecretInAddress says whether a sender can bring the secret in no way but in
// the address.
func SecretInAddress(s spec.Sender) bool { return s == spec.FromDockerHub || s == spec.FromQuay }
