package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Bounds of a specification.
const (
	MaxPatterns   = 100
	MaxNamespaces = 200
	MaxText       = 2048      // bytes of one field
	MaxSecret     = 16 << 10  // bytes of one secret
	MaxPEM        = 64 << 10  // bytes of certificates
	MaxImages     = 100_000   // images of one registry
	DefaultImages = 1000      // where nothing is said
	MaxDocument   = 256 << 10 // bytes of a specification as JSON
)

// Spec is what is said of a registry, without its secrets.
type Spec struct {
	Type       Type     `json:"type" yaml:"type"`
	Address    string   `json:"address,omitempty" yaml:"address,omitempty" doc:"https://HOST[:PORT]; absent for types with one address"`
	APIAddress string   `json:"apiAddress,omitempty" yaml:"apiAddress,omitempty" doc:"Where the publisher's own API is, if elsewhere (GitLab)"`
	Auth       Auth     `json:"auth,omitzero" yaml:"auth,omitempty"`
	Namespaces []string `json:"namespaces,omitempty" yaml:"namespaces,omitempty" doc:"Users, organisations, groups or projects whose repositories are looked for"`
	TLS        TLS      `json:"tls,omitzero" yaml:"tls,omitempty"`
	// AuthHosts are hosts besides the registry's own that may be sent its
	// credentials: a token service that stands elsewhere.
	AuthHosts []string `json:"authHosts,omitempty" yaml:"authHosts,omitempty" doc:"Other hosts that may be sent the credentials, such as a token service"`
	Select    Select   `json:"select,omitzero" yaml:"select,omitempty"`
	Schedule  Schedule `json:"schedule,omitzero" yaml:"schedule,omitempty"`
	Webhook   Webhook  `json:"webhook,omitzero" yaml:"webhook,omitempty"`
}

// Auth is how to sign in.
type Auth struct {
	Method      Method `json:"method,omitempty" yaml:"method,omitempty" doc:"anonymous if left out"`
	Username    string `json:"username,omitempty" yaml:"username,omitempty"`
	Region      string `json:"region,omitempty" yaml:"region,omitempty" doc:"AWS"`
	AccessKeyID string `json:"accessKeyId,omitempty" yaml:"accessKeyId,omitempty" doc:"AWS; absent: the server's own identity, if it may lend it"`
	RoleARN     string `json:"roleArn,omitempty" yaml:"roleArn,omitempty" doc:"AWS: role that is assumed"`
	ExternalID  string `json:"externalId,omitempty" yaml:"externalId,omitempty" doc:"AWS: what the role's trust policy asks for"`
	TenantID    string `json:"tenantId,omitempty" yaml:"tenantId,omitempty" doc:"Microsoft Entra"`
	ClientID    string `json:"clientId,omitempty" yaml:"clientId,omitempty" doc:"Microsoft Entra"`
}

// TLS is how the connection is protected.
type TLS struct {
	CA                string `json:"ca,omitempty" yaml:"ca,omitempty" doc:"Certificates to trust besides the system's, PEM"`
	ClientCertificate string `json:"clientCertificate,omitempty" yaml:"clientCertificate,omitempty" doc:"Certificate to show, PEM; its key is the secret clientKey"`
	Insecure          bool   `json:"insecure,omitempty" yaml:"insecure,omitempty" doc:"Accept any certificate, and http://: whoever is on the way reads the credentials and changes images"`
}

// Patterns choose names: those that match include (all if empty) and no exclude.
type Patterns struct {
	Include []string `json:"include,omitempty" yaml:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty" yaml:"exclude,omitempty"`
}

// Select says which images are scanned.
type Select struct {
	Repositories  Patterns `json:"repositories,omitzero" yaml:"repositories,omitempty"`
	Tags          Patterns `json:"tags,omitzero" yaml:"tags,omitempty"`
	MaxAgeDays    int      `json:"maxAgeDays,omitempty" yaml:"maxAgeDays,omitempty" doc:"Only images made in the last days"`
	Newest        int      `json:"newest,omitempty" yaml:"newest,omitempty" doc:"Only so many of a repository's newest tags"`
	Architectures []string `json:"architectures,omitempty" yaml:"architectures,omitempty" doc:"Platforms such as linux/arm64; absent: the scanner's choice, once for each image"`
	Maximum       int      `json:"maximum,omitempty" yaml:"maximum,omitempty" doc:"Images at most; 1000 if left out"`
}

// Schedule says when a registry is looked through.
type Schedule struct {
	Every    string `json:"every,omitempty" yaml:"every,omitempty" doc:"An interval such as 30m, 6h or 1d"`
	Daily    string `json:"daily,omitempty" yaml:"daily,omitempty" doc:"A time such as 03:30"`
	TimeZone string `json:"timeZone,omitempty" yaml:"timeZone,omitempty" doc:"Of that time, such as Asia/Tokyo; UTC if left out"`
	// Rescan scans images again that have not changed.
	Rescan bool `json:"rescan,omitempty" yaml:"rescan,omitempty" doc:"Scan unchanged images again, too"`
}

// Webhook says who sends push notifications.
type Webhook struct {
	Sender Sender `json:"sender,omitempty" yaml:"sender,omitempty" doc:"Absent: none are taken"`
}

// Secrets are the credentials by name.
type Secrets map[string]string

// Errors are all that is wrong in a specification.
type Errors []error

func (e Errors) Error() string {
	return "the registry is not valid: " + errors.Join(e...).Error()
}

// Parse reads a specification from JSON. Unknown fields are errors.
func Parse(b []byte) (Spec, error) {
	var s Spec
	if len(b) > MaxDocument {
		return s, fmt.Errorf("cannot read registry: more than %d bytes", MaxDocument)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("cannot read registry: %w", err)
	}
	return s, nil
}

// Images is how many images are kept at most.
func (s Select) Images() int {
	if s.Maximum > 0 {
		return s.Maximum
	}
	return DefaultImages
}

// Base is the registry's address: the type's, if it has but one.
func (s Spec) Base() string {
	if k, ok := KindOf(s.Type); ok && k.Address != "" && s.Address == "" {
		return k.Address
	}
	return s.Address
}

// Method is how to sign in.
func (s Spec) Method() Method {
	if s.Auth.Method == "" {
		return Anonymous
	}
	return s.Auth.Method
}

// SecretNames lists the secrets that the registry may have.
func (s Spec) SecretNames() []string {
	names := secretsOf(s.Method())
	if s.Method() == AWS && s.Auth.AccessKeyID == "" {
		names = nil
	}
	if k, ok := KindOf(s.Type); ok {
		names = append(names, k.Secrets...)
	}
	if s.TLS.ClientCertificate != "" {
		names = append(names, ClientKey)
	}
	return names
}

// Next is when the registry is looked through after a time; zero: never.
func (s Schedule) Next(after time.Time) time.Time {
	if s.Daily != "" {
		at, err1 := time.Parse("15:04", s.Daily)
		zone, err2 := time.LoadLocation(s.TimeZone)
		if err1 != nil || err2 != nil {
			return time.Time{}
		}
		local := after.In(zone)
		for day := 0; day <= 2; day++ {
			// Where a clock is put forward over the time, Go gives the hour after.
			next := time.Date(local.Year(), local.Month(), local.Day()+day, at.Hour(), at.Minute(), 0, 0, zone)
			if next.After(after) {
				return next.UTC()
			}
		}
	}
	if every, err := interval(s.Every); err == nil && every > 0 {
		return after.Add(every)
	}
	return time.Time{}
}
