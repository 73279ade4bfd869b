package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strings"
)

// Prefixes tell a secret's kind to people and to secret scanners.
const (
	APITokenPrefix  = "limpet_api_"
	JoinTokenPrefix = "limpet_join_"
)

// shownSecret is how much of a secret after its prefix is kept in the clear,
// so that people can tell tokens apart.
const shownSecret = 6

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewSecret makes a secret of 160 random bits: the secret itself, the part
// of it that may be shown, and the hash to store.
func NewSecret(prefix string) (secret, shown, hash string) {
	b := make([]byte, 20)
	rand.Read(b)
	secret = prefix + encoding.EncodeToString(b)
	return secret, secret[:len(prefix)+shownSecret], HashSecret(secret)
}

// HashSecret is what is stored of a secret. Secrets have 160 random bits, so
// one SHA-256 is enough.
func HashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// NewSetupCode makes the one-time code that creates the administrator: 100
// random bits, in groups that people can type.
func NewSetupCode() string {
	b := make([]byte, 13)
	rand.Read(b)
	s := strings.ToUpper(encoding.EncodeToString(b)[:20])
	return s[0:5] + "-" + s[5:10] + "-" + s[10:15] + "-" + s[15:20]
}

// NormalSetupCode forgives what people do when they type a code.
func NormalSetupCode(s string) string {
	s = strings.ToUpper(strings.Join(strings.Fields(s), ""))
	s = strings.ReplaceAll(s, "-", "")
	if len(s) != 20 {
		return s
	}
	return s[0:5] + "-" + s[5:10] + "-" + s[10:15] + "-" + s[15:20]
}
