package registries

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-containerregistry/pkg/authn"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
)

// early is how long before its end a token is no longer used.
const early = 2 * time.Minute

// login is a user name and password that a cloud gave for a while.
type login struct {
	username, password string
	until              time.Time
}

// expiring asks for a login anew when the one at hand ends.
type expiring struct {
	ask func(context.Context) (login, error)
	mu  sync.Mutex
	now login // under mu
}

// Authorization gives the login that holds.
func (e *expiring) Authorization() (*authn.AuthConfig, error) {
	return e.AuthorizationContext(context.Background())
}

// AuthorizationContext is Authorization for callers that may give up.
func (e *expiring) AuthorizationContext(ctx context.Context) (*authn.AuthConfig, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Until(e.now.until) < early {
		ctx, cancel := limit(ctx)
		defer cancel()
		l, err := e.ask(ctx)
		if err != nil {
			return nil, err
		}
		e.now = l
	}
	return &authn.AuthConfig{Username: e.now.username, Password: e.now.password}, nil
}

// signIn prepares to prove who asks.
func (c *connection) signIn(ctx context.Context) (authn.Authenticator, error) {
	switch c.spec.Method() {
	case spec.Basic:
		return &authn.Basic{Username: c.spec.Auth.Username, Password: c.secrets[spec.Password]}, nil
	case spec.Bearer:
		return &authn.Bearer{Token: c.secrets[spec.Token]}, nil
	case spec.AWS:
		conf, err := c.aws(ctx)
		if err != nil {
			return nil, err
		}
		return &expiring{ask: func(ctx context.Context) (login, error) { return ecrLogin(ctx, conf, c.spec.Type) }}, nil
	case spec.ServiceAccount:
		conf, err := c.google()
		if err != nil {
			return nil, err
		}
		return &expiring{ask: func(ctx context.Context) (login, error) {
			t, err := conf.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, c.api)).Token()
			if err != nil {
				return login{}, signInFailed("Google", err)
			}
			// https://cloud.google.com/artifact-registry/docs/docker/authentication#token
			return login{"oauth2accesstoken", t.AccessToken, t.Expiry}, nil
		}}, nil
	case spec.ServicePrincipal:
		return &expiring{ask: c.acrLogin}, nil
	}
	return authn.Anonymous, nil
}

func signInFailed(where string, err error) error {
	p := classify(err)
	if p.Kind == Failed {
		p.Kind = Unauthorized
	}
	return &Problem{Kind: p.Kind, Reset: p.Reset, Err: fmt.Errorf("cannot sign in to %s: %w", where, err)}
}

// aws makes the configuration of Amazon's SDK: an access key or the server's
// own identity, and the role that is assumed with it.
func (c *connection) aws(ctx context.Context) (aws.Config, error) {
	a := c.spec.Auth
	region := a.Region
	if c.spec.Type == spec.ECRPublic {
		region = "us-east-1" // https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html
	}
	client := &http.Client{Transport: c.plain, CheckRedirect: stay, Timeout: callTimeout}
	var conf aws.Config
	switch {
	case a.AccessKeyID != "":
		conf = aws.Config{Region: region, Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(a.AccessKeyID, c.secrets[spec.SecretKey], ""))}
	case !c.Ambient:
		return conf, problem(Credentials, "the server does not lend its own cloud identity: give an access key, or let its administrator start it with --registry-cloud-identity")
	default:
		// What finds the server's own identity may speak to the metadata service.
		var err error
		if conf, err = config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithHTTPClient(awshttp.NewBuildableClient())); err != nil {
			return conf, signInFailed("AWS", err)
		}
	}
	conf.HTTPClient = client
	if c.Endpoints.AWS != "" {
		conf.BaseEndpoint = &c.Endpoints.AWS
	}
	if a.RoleARN != "" {
		role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(conf), a.RoleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "limpet-registries"
			if a.ExternalID != "" {
				o.ExternalID = &a.ExternalID
			}
		})
		conf.Credentials = aws.NewCredentialsCache(role)
	}
	return conf, nil
}

// ecrLogin asks for a login, which holds for twelve hours:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
func ecrLogin(ctx context.Context, conf aws.Config, t spec.Type) (login, error) {
	var token string
	var until time.Time
	if t == spec.ECRPublic {
		out, err := ecrpublic.NewFromConfig(conf).GetAuthorizationToken(ctx, nil)
		if err != nil {
			return login{}, awsProblem(err)
		}
		if d := out.AuthorizationData; d != nil {
			token, until = aws.ToString(d.AuthorizationToken), aws.ToTime(d.ExpiresAt)
		}
	} else {
		out, err := ecr.NewFromConfig(conf).GetAuthorizationToken(ctx, nil)
		if err != nil {
			return login{}, awsProblem(err)
		}
		if len(out.AuthorizationData) > 0 {
			token, until = aws.ToString(out.AuthorizationData[0].AuthorizationToken), aws.ToTime(out.AuthorizationData[0].ExpiresAt)
		}
	}
	plain, err := base64.StdEncoding.DecodeString(token)
	user, password, ok := strings.Cut(string(plain), ":")
	if err != nil || !ok {
		return login{}, problem(Unauthorized, "cannot sign in to AWS: the answer holds no login")
	}
	return login{user, password, until}, nil
}

// google reads a service account's key. Where tokens are fetched is not the
// file's to say: it would be a way to have this server call anything.
func (c *connection) google() (*jwt.Config, error) {
	var key struct {
		Type         string `json:"type"`
		Email        string `json:"client_email"`
		PrivateKey   string `json:"private_key"`
		PrivateKeyID string `json:"private_key_id"`
	}
	if err := json.Unmarshal([]byte(c.secrets[spec.KeyJSON]), &key); err != nil || key.Type != "service_account" || key.Email == "" || key.PrivateKey == "" {
		return nil, problem(Credentials, "the key is no service account's key file")
	}
	// https://developers.google.com/identity/protocols/oauth2/service-account#httprest
	return &jwt.Config{
		Email: key.Email, PrivateKey: []byte(key.PrivateKey), PrivateKeyID: key.PrivateKeyID, TokenURL: c.Endpoints.GoogleToken,
		Scopes: []string{"https://www.googleapis.com/auth/cloud-platform.read-only"},
	}, nil
}

// acrUser stands for whoever the refresh token is for.
const acrUser = "00000000-0000-0000-0000-000000000000"

// acrLogin signs a service principal in to Microsoft Entra and exchanges what
// it is given for the registry's refresh token, which serves as password:
// https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
func (c *connection) acrLogin(ctx context.Context) (login, error) {
	a := c.spec.Auth
	var entra struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	err := c.postForm(ctx, at(c.Endpoints.Entra, nil, a.TenantID, "oauth2", "v2.0", "token"), url.Values{
		"grant_type": {"client_credentials"}, "client_id": {a.ClientID}, "client_secret": {c.secrets[spec.Secret]},
		"scope": {"https://containerregistry.azure.net/.default"},
	}, &entra)
	if err != nil {
		return login{}, signInFailed("Microsoft Entra", err)
	}
	var registry struct {
		RefreshToken string `json:"refresh_token"`
	}
	err = c.postForm(ctx, at(c.base.String(), nil, "oauth2", "exchange"), url.Values{
		"grant_type": {"access_token"}, "service": {c.base.Host}, "tenant": {a.TenantID}, "access_token": {entra.AccessToken},
	}, &registry)
	if err != nil {
		return login{}, signInFailed(c.base.Host, err)
	}
	if registry.RefreshToken == "" {
		return login{}, problem(Unauthorized, "cannot sign in to %s: the answer holds no token", c.base.Host)
	}
	return login{acrUser, registry.RefreshToken, time.Now().Add(min(time.Duration(max(entra.ExpiresIn, 300))*time.Second, 3*time.Hour))}, nil
}

func (c *connection) postForm(ctx context.Context, address string, form url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err = c.call(req, into)
	return err
}

func (c *connection) postJSON(ctx context.Context, address string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	_, err = c.call(req, into)
	return err
}
