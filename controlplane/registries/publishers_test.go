package registries

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
)

// cloud is a loopback server that speaks a publisher's API as its documents
// describe it. What is not foreseen is a failure of the test.
type cloud struct {
	*httptest.Server
	t      *testing.T
	routes map[string]http.HandlerFunc // METHOD path
	asked  []string
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{t: t, routes: map[string]http.HandlerFunc{}}
	c.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Method + " " + r.URL.EscapedPath()
		c.asked = append(c.asked, key)
		if f := c.routes[key]; f != nil {
			f(w, r)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) network() Network {
	pool := x509.NewCertPool()
	pool.AddCert(c.Certificate())
	return Network{Allowed: loopback, Roots: pool, Endpoints: Endpoints{HubAPI: c.URL, HubAuth: c.URL, GitHubAPI: c.URL, GoogleToken: c.URL + "/token", Entra: c.URL, AWS: c.URL}}
}

// on answers with JSON to whoever brings this in a header.
func (c *cloud) on(route, header, value, body string) {
	c.routes[route] = func(w http.ResponseWriter, r *http.Request) {
		if header != "" && r.Header.Get(header) != value {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		page := r.URL.Query().Get("page")
		if page != "" && page != "1" {
			body = "[]"
		}
		_, _ = io.WriteString(w, body)
	}
}

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// listAll gives everything a registry lists: repository:tag digest platforms.
func listAll(t *testing.T, n Network, s spec.Spec, secrets spec.Secrets) []string {
	t.Helper()
	c, err := n.connect(t.Context(), s, secrets)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	l := c.lister()
	var repos, out []string
	if err := l.repositories(t.Context(), func(r string) error { repos = append(repos, r); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, r := range repos {
		err := l.tags(t.Context(), r, func(f found) error {
			line := r + ":" + f.tag
			if f.digest != "" {
				line += " " + strings.TrimPrefix(f.digest, "sha256:")[:4]
			}
			if !f.created.IsZero() {
				line += " " + f.created.UTC().Format(time.DateOnly)
			}
			out = append(out, strings.TrimSpace(line+" "+strings.Join(f.platforms, ",")))
			return nil
		})
		if err != nil {
			t.Fatal(r, err)
		}
	}
	slices.Sort(out)
	return out
}

func digestOf(c string) string { return "sha256:" + strings.Repeat(c, 64) }

// https://docs.docker.com/reference/api/hub/latest/
func TestDockerHub(t *testing.T) {
	c := newCloud(t)
	c.routes["POST /v2/auth/token"] = func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Identifier, Secret string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Identifier != "me" || in.Secret != "pat" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"jwt"}`)
	}
	c.on("GET /v2/namespaces/acme/repositories", "Authorization", "Bearer jwt", `{"count":1,"next":null,"results":[{"name":"web","namespace":"acme"}]}`)
	c.on("GET /v2/namespaces/acme/repositories/web/tags", "Authorization", "Bearer jwt",
		`{"next":null,"results":[{"name":"1.0","digest":"`+digestOf("a")+`","last_updated":"2026-01-02T03:04:05Z","images":[{"architecture":"amd64","os":"linux"},{"architecture":"arm","os":"linux","variant":"v7"}]}]}`)
	c.on("GET /v2/namespaces/library/repositories/nginx/tags", "Authorization", "Bearer jwt", `{"results":[{"name":"latest"}]}`)
	s := spec.Spec{Type: spec.DockerHub, Auth: spec.Auth{Method: spec.Basic, Username: "me"}, Namespaces: []string{"acme", "library/nginx"}}
	same(t, "Docker Hub", listAll(t, c.network(), s, spec.Secrets{spec.Password: "pat"}), []string{"acme/web:1.0 aaaa 2026-01-02 linux/amd64,linux/arm/v7", "library/nginx:latest"})

	conn, err := c.network().connect(t.Context(), s, spec.Secrets{spec.Password: "wrong"})
	if err != nil {
		t.Fatal(err)
	}
	err = conn.lister().repositories(t.Context(), func(string) error { return nil })
	if p := classify(err); p == nil || p.Kind != Unauthorized || strings.Contains(err.Error(), "wrong") {
		t.Error(err)
	}
}

// https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml
func TestHarbor(t *testing.T) {
	c := newCloud(t)
	auth := basicAuth("robot$scan", "word")
	c.on("GET /api/v2.0/repositories", "Authorization", auth, `[{"name":"shop/web"},{"name":"shop/deep/er"}]`)
	c.on("GET /api/v2.0/projects/shop/repositories/web/artifacts", "Authorization", auth, `[{"type":"IMAGE","digest":"`+digestOf("b")+`","push_time":"2026-02-01T00:00:00Z",
	  "tags":[{"name":"1"},{"name":"latest"}],"extra_attrs":{"architecture":"amd64","os":"linux","created":"2026-01-01T00:00:00Z"}},{"type":"CHART","digest":"`+digestOf("c")+`","tags":[{"name":"chart"}]}]`)
	c.on("GET /api/v2.0/projects/shop/repositories/deep%252Fer/artifacts", "Authorization", auth, `[{"type":"IMAGE","digest":"`+digestOf("d")+`","push_time":"2026-02-01T00:00:00Z","tags":[{"name":"2"}],
	  "references":[{"platform":{"architecture":"arm64","os":"linux"}}]}]`)
	s := spec.Spec{Type: spec.Harbor, Address: c.URL, Auth: spec.Auth{Method: spec.Basic, Username: "robot$scan"}}
	same(t, "Harbor", listAll(t, c.network(), s, spec.Secrets{spec.Password: "word"}), []string{
		"shop/deep/er:2 dddd 2026-02-01 linux/arm64", "shop/web:1 bbbb 2026-01-01 linux/amd64", "shop/web:latest bbbb 2026-01-01 linux/amd64"})
}

// https://docs.quay.io/api/swagger/
func TestQuay(t *testing.T) {
	c := newCloud(t)
	c.routes["GET /api/v1/repository"] = func(w http.ResponseWriter, r *http.Request) {
		switch q := r.URL.Query(); {
		case r.Header.Get("Authorization") != "Bearer oauth" || q.Get("namespace") != "acme":
			w.WriteHeader(http.StatusUnauthorized)
		case q.Get("next_page") == "":
			_, _ = io.WriteString(w, `{"repositories":[{"namespace":"acme","name":"one"}],"next_page":"more"}`)
		default:
			_, _ = io.WriteString(w, `{"repositories":[{"namespace":"acme","name":"two"}]}`)
		}
	}
	c.on("GET /api/v1/repository/acme/one/tag/", "Authorization", "Bearer oauth", `{"tags":[{"name":"1","manifest_digest":"`+digestOf("e")+`","start_ts":1767225600}],"has_additional":false}`)
	c.on("GET /api/v1/repository/acme/two/tag/", "Authorization", "Bearer oauth", `{"tags":[]}`)
	s := spec.Spec{Type: spec.Quay, Address: c.URL, Namespaces: []string{"acme"}, Auth: spec.Auth{Method: spec.Basic, Username: "acme+robot"}}
	same(t, "Quay", listAll(t, c.network(), s, spec.Secrets{spec.Password: "robot", spec.APIToken: "oauth"}), []string{"acme/one:1 eeee 2026-01-01"})
}

// https://docs.gitlab.com/api/container_registry/ and
// https://docs.github.com/rest/packages/packages
func TestGitLabAndGitHub(t *testing.T) {
	c := newCloud(t)
	c.on("GET /api/v4/projects/acme%2Fshop/registry/repositories", "Private-Token", "pat", `[{"id":1,"path":"acme/shop/web"}]`)
	c.on("GET /v2/", "", "", `{}`)
	c.on("GET /v2/acme/shop/web/tags/list", "", "", `{"name":"acme/shop/web","tags":["1"]}`)
	c.on("GET /users/Jane/packages", "Authorization", "Bearer pat", `[{"name":"tool","package_type":"container"}]`)
	c.on("GET /v2/jane/tool/tags/list", "", "", `{"name":"jane/tool","tags":["2"]}`)
	s := spec.Spec{Type: spec.GitLab, Address: c.URL, APIAddress: c.URL, Namespaces: []string{"acme/shop"}, Auth: spec.Auth{Method: spec.Basic, Username: "me"}}
	same(t, "GitLab", listAll(t, c.network(), s, spec.Secrets{spec.Password: "pat"}), []string{"acme/shop/web:1"})
	s = spec.Spec{Type: spec.GHCR, Address: c.URL, Namespaces: []string{"Jane"}, Auth: spec.Auth{Method: spec.Basic, Username: "me"}}
	same(t, "GitHub", listAll(t, c.network(), s, spec.Secrets{spec.Password: "pat"}), []string{"jane/tool:2"})
}

// https://jfrog.com/help/r/jfrog-rest-apis/get-repositories
func TestArtifactory(t *testing.T) {
	c := newCloud(t)
	c.on("GET /artifactory/api/repositories", "Authorization", "Bearer ref", `[{"key":"docker-local","packageType":"Docker"}]`)
	c.on("GET /artifactory/api/docker/docker-local/v2/_catalog", "Authorization", "Bearer ref", `{"repositories":["team/web"]}`)
	c.on("GET /artifactory/api/docker/docker-local/v2/team/web/tags/list", "Authorization", "Bearer ref", `{"name":"team/web","tags":["1"]}`)
	s := spec.Spec{Type: spec.Artifactory, Address: c.URL, Auth: spec.Auth{Method: spec.Bearer}}
	same(t, "Artifactory", listAll(t, c.network(), s, spec.Secrets{spec.Token: "ref"}), []string{"docker-local/team/web:1"})
}

// TestECR speaks Amazon's JSON 1.1 protocol for ECR and the query protocol for
// STS: a role is assumed, its credentials sign the calls to ECR.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func TestECR(t *testing.T) {
	c := newCloud(t)
	c.routes["POST /"] = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		signer := r.Header.Get("Authorization")
		switch target := r.Header.Get("X-Amz-Target"); {
		case strings.Contains(string(body), "Action=AssumeRole"):
			if !strings.Contains(signer, "Credential=AKIAOWN/") || !strings.Contains(string(body), "ExternalId=tenant-7") {
				t.Errorf("AssumeRole with %s %s", signer, body)
			}
			_, _ = fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
				time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		case !strings.Contains(signer, "Credential=ASIAROLE/") || !strings.Contains(signer, "/eu-central-1/ecr/"):
			t.Errorf("%s signed by %s", target, signer)
		case strings.HasSuffix(target, ".GetAuthorizationToken"):
			_, _ = fmt.Fprintf(w, `{"authorizationData":[{"authorizationToken":%q,"expiresAt":%d}]}`, base64.StdEncoding.EncodeToString([]byte("AWS:pull")), time.Now().Add(12*time.Hour).Unix())
		case strings.HasSuffix(target, ".DescribeRepositories"):
			if !strings.Contains(string(body), "nextToken") {
				_, _ = io.WriteString(w, `{"repositories":[{"repositoryName":"shop/web"}],"nextToken":"n"}`)
				return
			}
			_, _ = io.WriteString(w, `{"repositories":[{"repositoryName":"shop/api"}]}`)
		case strings.HasSuffix(target, ".DescribeImages") && strings.Contains(string(body), "shop/web"):
			_, _ = io.WriteString(w, `{"imageDetails":[{"imageDigest":"`+digestOf("f")+`","imageTags":["1","latest"],"imagePushedAt":1767225600}]}`)
		case strings.HasSuffix(target, ".DescribeImages"):
			_, _ = io.WriteString(w, `{"imageDetails":[]}`)
		default:
			t.Errorf("asked for %q", target)
		}
	}
	s := spec.Spec{Type: spec.ECR, Address: c.URL, Auth: spec.Auth{Method: spec.AWS, Region: "eu-central-1", AccessKeyID: "AKIAOWN", RoleARN: "arn:aws:iam::123456789012:role/limpet", ExternalID: "tenant-7"}}
	secrets := spec.Secrets{spec.SecretKey: "key"}
	if err := s.Check(secrets); err != nil {
		t.Fatal(err)
	}
	same(t, "ECR", listAll(t, c.network(), s, secrets), []string{"shop/web:1 ffff 2026-01-01", "shop/web:latest ffff 2026-01-01"})
	lent(t, c, s, secrets, "AWS", "pull")

	s.Auth.AccessKeyID = ""
	if _, err := c.network().connect(t.Context(), s, nil); classify(err) == nil || classify(err).Kind != Credentials {
		t.Errorf("the server's own identity is lent without being asked: %v", err)
	}
}

// lent holds what a worker would be lent.
func lent(t *testing.T, c *cloud, s spec.Spec, secrets spec.Secrets, user, password string) {
	t.Helper()
	conn, err := c.network().connect(t.Context(), s, secrets)
	if err != nil {
		t.Fatal(err)
	}
	got, err := conn.auth.Authorization()
	if err != nil || got.Username != user || got.Password != password {
		t.Errorf("%+v %v", got, err)
	}
}

// TestACR: https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
func TestACR(t *testing.T) {
	c := newCloud(t)
	form := func(want map[string]string, answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for k, v := range want {
				if r.FormValue(k) != v {
					t.Errorf("%s: %s is %q, want %q", r.URL.Path, k, r.FormValue(k), v)
				}
			}
			_, _ = io.WriteString(w, answer)
		}
	}
	host := strings.TrimPrefix(c.URL, "https://")
	c.routes["POST /tenant-1/oauth2/v2.0/token"] = form(map[string]string{"grant_type": "client_credentials", "client_id": "app", "client_secret": "word", "scope": "https://containerregistry.azure.net/.default"}, `{"access_token":"aad","expires_in":3599}`)
	c.routes["POST /oauth2/exchange"] = form(map[string]string{"grant_type": "access_token", "service": host, "tenant": "tenant-1", "access_token": "aad"}, `{"refresh_token":"refresh"}`)
	c.on("GET /v2/", "Authorization", basicAuth(acrUser, "refresh"), `{}`)
	c.routes["GET /v2/"] = challenge(c.routes["GET /v2/"])
	c.on("GET /v2/_catalog", "Authorization", basicAuth(acrUser, "refresh"), `{"repositories":["web"]}`)
	c.on("GET /v2/web/tags/list", "Authorization", basicAuth(acrUser, "refresh"), `{"name":"web","tags":["1"]}`)
	s := spec.Spec{Type: spec.ACR, Address: c.URL, Auth: spec.Auth{Method: spec.ServicePrincipal, TenantID: "tenant-1", ClientID: "app"}}
	secrets := spec.Secrets{spec.Secret: "word"}
	same(t, "ACR", listAll(t, c.network(), s, secrets), []string{"web:1"})
	lent(t, c, s, secrets, acrUser, "refresh")
}

// challenge asks whoever brings nothing to sign in.
func challenge(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

// TestGoogle: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
// and the extended tags/list of Google's registries.
func TestGoogle(t *testing.T) {
	c := newCloud(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, _ := x509.MarshalPKCS8PrivateKey(key)
	file, _ := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "limpet@acme.iam.gserviceaccount.com", "private_key_id": "1", "token_uri": "https://evil.test/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	c.routes["POST /token"] = func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.FormValue("assertion"), ".")
		if len(parts) != 3 || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
			t.Error("no assertion", r.Form)
			return
		}
		claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
		if !strings.Contains(string(claims), "limpet@acme.iam") || !strings.Contains(string(claims), "cloud-platform.read-only") {
			t.Errorf("claims %s", claims)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"ya29","expires_in":3600,"token_type":"Bearer"}`)
	}
	auth := basicAuth("oauth2accesstoken", "ya29")
	c.on("GET /v2/", "Authorization", auth, `{}`)
	c.routes["GET /v2/"] = challenge(c.routes["GET /v2/"])
	c.on("GET /v2/acme/images/tags/list", "Authorization", auth, `{"name":"acme/images","child":["web"],"manifest":{},"tags":[]}`)
	c.on("GET /v2/acme/images/web/tags/list", "Authorization", auth,
		`{"name":"acme/images/web","child":[],"tags":["1"],"manifest":{"`+digestOf("9")+`":{"tag":["1"],"mediaType":"application/vnd.oci.image.manifest.v1+json","timeCreatedMs":"0","timeUploadedMs":"1767225600000","imageSizeBytes":"1"}}}`)
	s := spec.Spec{Type: spec.GAR, Address: c.URL, Namespaces: []string{"acme/images"}, Auth: spec.Auth{Method: spec.ServiceAccount}}
	secrets := spec.Secrets{spec.KeyJSON: string(file)}
	same(t, "Artifact Registry", listAll(t, c.network(), s, secrets), []string{"acme/images/web:1 9999 2026-01-01"})
	lent(t, c, s, secrets, "oauth2accesstoken", "ya29")
}
