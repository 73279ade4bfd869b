package registries

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
)

// TestECRPublic speaks the JSON 1.1 protocol of ECR Public, which lives in one
// region and gives one login, not a list of them.
// https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html
func TestECRPublic(t *testing.T) {
	c := newCloud(t)
	host := strings.TrimPrefix(c.URL, "https://")
	c.routes["POST /"] = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if s := r.Header.Get("Authorization"); !strings.Contains(s, "Credential=AKIAOWN/") || !strings.Contains(s, "/us-east-1/ecr-public/") {
			t.Errorf("signed by %s", s)
		}
		switch target := r.Header.Get("X-Amz-Target"); {
		case strings.HasSuffix(target, ".GetAuthorizationToken"):
			_, _ = fmt.Fprintf(w, `{"authorizationData":{"authorizationToken":%q,"expiresAt":%d}}`, base64.StdEncoding.EncodeToString([]byte("AWS:pull")), time.Now().Add(12*time.Hour).Unix())
		case strings.HasSuffix(target, ".DescribeRepositories"):
			_, _ = fmt.Fprintf(w, `{"repositories":[{"repositoryName":"web","repositoryUri":"%s/acme/web"}]}`, host)
		case strings.HasSuffix(target, ".DescribeImages") && strings.Contains(string(body), `"web"`):
			_, _ = io.WriteString(w, `{"imageDetails":[{"imageDigest":"`+digestOf("e")+`","imageTags":["1"],"imagePushedAt":1767225600},{"imageDigest":"`+digestOf("d")+`"}]}`)
		default:
			t.Errorf("asked for %q with %s", target, body)
		}
	}
	s := spec.Spec{Type: spec.ECRPublic, Address: "https://public.ecr.aws", Auth: spec.Auth{Method: spec.AWS, AccessKeyID: "AKIAOWN"}}
	secrets := spec.Secrets{spec.SecretKey: "key"}
	if err := s.Check(secrets); err != nil {
		t.Fatal(err)
	}
	s.Address = c.URL // it has no other, but for a test
	same(t, "ECR Public", listAll(t, c.network(), s, secrets), []string{"acme/web:1 eeee 2026-01-01"})
	lent(t, c, s, secrets, "AWS", "pull")
}

// TestNexus: a port of its own for each repository, Docker's API with a name and
// a password. https://help.sonatype.com/en/docker-registry.html
func TestNexus(t *testing.T) {
	c := newCloud(t)
	auth := basicAuth("scanner", "word")
	c.on("GET /v2/", "Authorization", auth, `{}`)
	c.routes["GET /v2/"] = challenge(c.routes["GET /v2/"])
	c.on("GET /v2/_catalog", "Authorization", auth, `{"repositories":["shop/web"]}`)
	c.on("GET /v2/shop/web/tags/list", "Authorization", auth, `{"name":"shop/web","tags":["1","2"]}`)
	s := spec.Spec{Type: spec.Nexus, Address: c.URL, Auth: spec.Auth{Method: spec.Basic, Username: "scanner"}}
	secrets := spec.Secrets{spec.Password: "word"}
	if err := s.Check(secrets); err != nil {
		t.Fatal(err)
	}
	same(t, "Nexus", listAll(t, c.network(), s, secrets), []string{"shop/web:1", "shop/web:2"})
	lent(t, c, s, secrets, "scanner", "word")
}

// TestMutualTLS: a registry that lets nobody in who shows no certificate of its CA.
func TestMutualTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "scanner"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, own, own, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v2/_catalog":
			_, _ = io.WriteString(w, `{"repositories":["web"]}`)
		case "/v2/web/tags/list":
			_, _ = io.WriteString(w, `{"name":"web","tags":["1"]}`)
		default:
			_, _ = io.WriteString(w, `{}`)
		}
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // of the one who is not let in
	srv.StartTLS()
	t.Cleanup(srv.Close)

	s := spec.Spec{Type: spec.Generic, Address: srv.URL, Auth: spec.Auth{Method: spec.Anonymous},
		TLS: spec.TLS{CA: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))}}
	n := Network{Allowed: loopback}
	stranger, err := n.connect(t.Context(), s, nil)
	if err == nil {
		defer stranger.close()
		err = stranger.lister().repositories(t.Context(), func(string) error { return nil })
	}
	if err == nil {
		t.Error("it lists for somebody without a certificate")
	}

	s.TLS.ClientCertificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	secrets := spec.Secrets{spec.ClientKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))}
	if err := s.Check(secrets); err != nil {
		t.Fatal(err)
	}
	same(t, "mutual TLS", listAll(t, n, s, secrets), []string{"web:1"})
}
