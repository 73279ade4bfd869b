package spec

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones do not depend on the machine

	"github.com/limpet-security/limpet/internal/glob"
)

// Bounds of an interval.
const (
	minEvery = 5 * time.Minute
	maxEvery = 365 * 24 * time.Hour
)

// nameForm is what registries are called. A name that looks like an identifier
// would be taken for one.
var (
	nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)
	idForm   = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	regionIs = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
	roleIs   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}$`)
	platform = regexp.MustCompile(`^[a-z0-9]{1,20}/[a-z0-9]{1,20}(/[a-z0-9.]{1,20})?$`)
	nameSafe = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/@+-]{0,254}$`)
)

// IsID says whether a word is a registry's identifier, not its name.
func IsID(s string) bool { return idForm.MatchString(s) }

// CheckName checks a registry's name.
func CheckName(name string) error {
	if !nameForm.MatchString(name) || IsID(name) {
		return fmt.Errorf("name %.80q: want up to 63 lower-case letters, digits, dots and hyphens, and no UUID", name)
	}
	return nil
}

// interval reads a duration that may be in days.
func interval(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// Check says what is wrong. secrets are those that are sent, kept names those
// that the server has already.
func (s Spec) Check(secrets Secrets, kept ...string) error {
	var e Errors
	bad := func(format string, args ...any) { e = append(e, fmt.Errorf(format, args...)) }
	k, ok := KindOf(s.Type)
	if !ok {
		return Errors{fmt.Errorf("spec.type %.40q is not known", s.Type)}
	}
	s.checkAddresses(k, bad)
	s.checkAuth(k, secrets, kept, bad)
	s.checkTLS(secrets, bad)
	s.checkSelect(bad)
	s.checkSchedule(bad)
	if w := s.Webhook.Sender; w != "" && !slices.Contains(k.Senders(), w) {
		bad("spec.webhook.sender %.40q: %s has %v", w, k.Label, k.Senders())
	}
	for _, f := range []string{s.Auth.Username, s.Auth.AccessKeyID, s.Auth.ExternalID, s.Auth.TenantID, s.Auth.ClientID} {
		if len(f) > MaxText || strings.ContainsAny(f, "\r\n\x00") {
			bad("spec.auth: a field is longer than %d bytes or has a line break", MaxText)
		}
	}
	if len(e) > 0 {
		return e
	}
	return nil
}

func (s Spec) checkAddresses(k Kind, bad func(string, ...any)) {
	if k.Address != "" && s.Address != "" && s.Address != k.Address {
		bad("spec.address: %s is always at %s", k.Label, k.Address)
	}
	for at, a := range map[string]string{"address": s.Base(), "apiAddress": s.APIAddress} {
		if a == "" && at == "apiAddress" {
			continue
		}
		u, err := url.Parse(a)
		switch {
		case err != nil || len(a) > MaxText || u.Host == "" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
			bad("spec.%s %.80q: want https://HOST[:PORT]", at, a)
		case u.Scheme == "http" && !s.TLS.Insecure:
			bad("spec.%s %.80q: http:// only with tls.insecure", at, a)
		case at == "address" && strings.Trim(u.Path, "/") != "":
			bad("spec.address %.80q: want no path", a)
		}
	}
	if len(s.Namespaces) > MaxNamespaces || len(s.AuthHosts) > MaxNamespaces {
		bad("spec: more than %d namespaces or authHosts", MaxNamespaces)
	}
	for _, n := range s.Namespaces {
		if !nameSafe.MatchString(n) || strings.Contains(n, "..") {
			bad("spec.namespaces %.80q is not a name", n)
		}
	}
	for _, h := range s.AuthHosts {
		if u, err := url.Parse("https://" + h); err != nil || u.Host != h || u.Hostname() == "" {
			bad("spec.authHosts %.80q: want HOST[:PORT]", h)
		}
	}
	for _, need := range k.Needs {
		have := map[string]bool{"namespaces": len(s.Namespaces) > 0, "region": s.Auth.Region != "", "apiAddress": s.APIAddress != ""}
		if !have[need] {
			bad("spec: %s needs %s", k.Label, need)
		}
	}
}

func (s Spec) checkAuth(k Kind, secrets Secrets, kept []string, bad func(string, ...any)) {
	if !slices.Contains(k.Methods, s.Method()) {
		bad("spec.auth.method %.40q: %s has %v", s.Method(), k.Label, k.Methods)
	}
	names := s.SecretNames()
	for name, v := range secrets {
		if !slices.Contains(names, name) {
			bad("credentials.%.40s: not used by this type and method", name)
		}
		if v == "" || len(v) > MaxSecret {
			bad("credentials.%.40s: empty, or longer than %d bytes", name, MaxSecret)
		}
	}
	for _, name := range names {
		if _, sent := secrets[name]; !sent && !slices.Contains(kept, name) && name != APIToken {
			bad("credentials.%s is missing", name)
		}
	}
	switch s.Method() {
	case Basic:
		if s.Auth.Username == "" {
			bad("spec.auth.username is missing")
		}
	case ServicePrincipal:
		if !nameSafe.MatchString(s.Auth.TenantID) || strings.ContainsAny(s.Auth.TenantID, "/@") || s.Auth.ClientID == "" {
			bad("spec.auth: a service principal needs tenantId and clientId")
		}
	case ServiceAccount:
		if key, sent := secrets[KeyJSON]; sent && !json.Valid([]byte(key)) {
			bad("credentials.%s: want the key file's JSON", KeyJSON)
		}
	}
	if r := s.Auth.Region; r != "" && !regionIs.MatchString(r) {
		bad("spec.auth.region %.40q is not a region", r)
	}
	if r := s.Auth.RoleARN; r != "" && !roleIs.MatchString(r) {
		bad("spec.auth.roleArn %.80q: want arn:aws:iam::ACCOUNT:role/NAME", r)
	}
}

func (s Spec) checkTLS(secrets Secrets, bad func(string, ...any)) {
	if len(s.TLS.CA) > MaxPEM || len(s.TLS.ClientCertificate) > MaxPEM {
		bad("spec.tls: more than %d bytes", MaxPEM)
		return
	}
	if s.TLS.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(s.TLS.CA)) {
		bad("spec.tls.ca holds no certificate")
	}
	if key, sent := secrets[ClientKey]; sent && s.TLS.ClientCertificate != "" {
		if _, err := tls.X509KeyPair([]byte(s.TLS.ClientCertificate), []byte(key)); err != nil {
			bad("spec.tls.clientCertificate and credentials.%s are no pair", ClientKey)
		}
	}
}

func (s Spec) checkSelect(bad func(string, ...any)) {
	for at, list := range map[string][]string{
		"repositories.include": s.Select.Repositories.Include, "repositories.exclude": s.Select.Repositories.Exclude,
		"tags.include": s.Select.Tags.Include, "tags.exclude": s.Select.Tags.Exclude,
	} {
		if len(list) > MaxPatterns {
			bad("spec.select.%s: more than %d", at, MaxPatterns)
		}
		for _, p := range list {
			if _, err := glob.Compile(p); err != nil {
				bad("spec.select.%s %.80q: %v", at, p, err)
			}
		}
	}
	for _, a := range s.Select.Architectures {
		if !platform.MatchString(a) {
			bad("spec.select.architectures %.40q: want OS/ARCHITECTURE", a)
		}
	}
	if len(s.Select.Architectures) > 16 || s.Select.MaxAgeDays < 0 || s.Select.MaxAgeDays > 36_500 || s.Select.Newest < 0 || s.Select.Newest > MaxImages || s.Select.Maximum < 0 || s.Select.Maximum > MaxImages {
		bad("spec.select: a number is negative or too large")
	}
}

func (s Spec) checkSchedule(bad func(string, ...any)) {
	c := s.Schedule
	if c.Every != "" && c.Daily != "" {
		bad("spec.schedule: every and daily exclude each other")
	}
	if c.Every != "" {
		if d, err := interval(c.Every); err != nil || d < minEvery || d > maxEvery {
			bad("spec.schedule.every %.40q: want an interval from 5m to 365d", c.Every)
		}
	}
	if c.Daily != "" {
		if _, err := time.Parse("15:04", c.Daily); err != nil {
			bad("spec.schedule.daily %.40q: want a time such as 03:30", c.Daily)
		}
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == "Local" {
		bad("spec.schedule.timeZone %.40q is not known", c.TimeZone)
	}
}

// Chooser chooses names by patterns.
type Chooser struct{ include, exclude []*glob.Pattern }

// Chooser compiles the patterns.
func (p Patterns) Chooser() (Chooser, error) {
	var c Chooser
	var errs []error
	compile := func(list []string) (out []*glob.Pattern) {
		for _, s := range list {
			g, err := glob.Compile(s)
			errs = append(errs, err)
			out = append(out, g)
		}
		return out
	}
	c.include, c.exclude = compile(p.Include), compile(p.Exclude)
	return c, errors.Join(errs...)
}

// Takes says whether a name is chosen.
func (c Chooser) Takes(name string) bool {
	match := func(g *glob.Pattern) bool { return g.Match(name) }
	return (len(c.include) == 0 || slices.ContainsFunc(c.include, match)) && !slices.ContainsFunc(c.exclude, match)
}
