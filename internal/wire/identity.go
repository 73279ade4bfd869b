package wire

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
)

// TrustDomain is the SPIFFE trust domain of every install. Installs are told
// apart by their CA, never by the name.
const TrustDomain = "limpet"

// Kinds of enforcer.
const (
	KindMicro = "micro"
	KindNano  = "nano"
	KindVM    = "vm"
	KindKube  = "kube"
)

// Identity is who an enforcer is, as its certificate says.
type Identity struct {
	Tenant string
	Kind   string // KindMicro, ...
	ID     string // UUIDv7
	Group  string // group at the time of issue; the control plane knows the present one
}

// ValidKind says whether k is a kind of enforcer.
func ValidKind(k string) bool {
	return k == KindMicro || k == KindNano || k == KindVM || k == KindKube
}

// URI is spiffe://limpet/tenant/<t>/enforcer/<kind>/<id>.
func (i Identity) URI() *url.URL {
	return &url.URL{Scheme: "spiffe", Host: TrustDomain, Path: "/tenant/" + i.Tenant + "/enforcer/" + i.Kind + "/" + i.ID}
}

// Validate reports parts that cannot stand in a SPIFFE path.
func (i Identity) Validate() error {
	if !segment(i.Tenant) || !segment(i.ID) || !ValidKind(i.Kind) {
		return fmt.Errorf("cannot name an enforcer by tenant %.64q, kind %.64q, id %.64q", i.Tenant, i.Kind, i.ID)
	}
	return nil
}

// IdentityOf reads the identity out of an enforcer's certificate. It does not
// verify the certificate.
func IdentityOf(c *x509.Certificate) (Identity, error) {
	if len(c.URIs) != 1 {
		return Identity{}, fmt.Errorf("cannot read identity: certificate has %d URI names, want 1", len(c.URIs))
	}
	p, err := spiffePath(c.URIs[0])
	if err != nil {
		return Identity{}, err
	}
	if len(p) != 5 || p[0] != "tenant" || p[2] != "enforcer" {
		return Identity{}, fmt.Errorf("cannot read identity: %.200q is not an enforcer", c.URIs[0])
	}
	i := Identity{Tenant: p[1], Kind: p[3], ID: p[4]}
	if len(c.Subject.OrganizationalUnit) == 1 {
		i.Group = clip(c.Subject.OrganizationalUnit[0], MaxName)
	}
	return i, i.Validate()
}

// GatewayURI is the name of a gateway's certificate: spiffe://limpet/gateway/<name>.
func GatewayURI(name string) (*url.URL, error) {
	if !segment(name) {
		return nil, fmt.Errorf("cannot name a gateway %.64q: want 1 to 64 of a-z A-Z 0-9 . _ -", name)
	}
	return &url.URL{Scheme: "spiffe", Host: TrustDomain, Path: "/gateway/" + name}, nil
}

// GatewayOf reads a gateway's name out of its certificate.
func GatewayOf(c *x509.Certificate) (string, error) {
	if len(c.URIs) == 1 {
		if p, err := spiffePath(c.URIs[0]); err == nil && len(p) == 2 && p[0] == "gateway" {
			return p[1], nil
		}
	}
	return "", fmt.Errorf("cannot read a gateway's name from the certificate of %.100q", c.Subject.CommonName)
}

func spiffePath(u *url.URL) ([]string, error) {
	if u.Scheme != "spiffe" || u.Host != TrustDomain || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.RawPath != "" {
		return nil, fmt.Errorf("cannot read identity: %.200q does not start with spiffe://%s/", u, TrustDomain)
	}
	p := strings.Split(strings.TrimPrefix(u.Path, "/"), "/")
	for _, s := range p {
		if !segment(s) {
			return nil, fmt.Errorf("cannot read identity: bad segment %.64q", s)
		}
	}
	return p, nil
}

// segment accepts what may stand between two slashes of a SPIFFE path.
func segment(s string) bool {
	if s == "" || len(s) > 64 || s == "." || s == ".." {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// clip cuts s to at most n bytes without cutting a UTF-8 sequence in two.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
