package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Cost of argon2id (RFC 9106, OWASP's second choice: little memory, so that
// many logins at once cannot exhaust a small server).
const (
	argonTime    = 2
	argonMemory  = 19 << 10 // KiB
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
)

// Lengths of a password, in characters and bytes.
const (
	MinPassword = 12
	MaxPassword = 256
)

// Errors about passwords.
var (
	ErrPassword     = errors.New("wrong user name or password")
	ErrPasswordForm = fmt.Errorf("a password has at least %d characters and at most %d bytes, and is not the user name", MinPassword, MaxPassword)
)

// hashing bounds how many passwords are hashed at once.
var hashing = make(chan struct{}, 2)

// CheckPasswordForm refuses passwords that are too short, too long or the
// user's own name.
func CheckPasswordForm(username, password string) error {
	if utf8.RuneCountInString(password) < MinPassword || len(password) > MaxPassword || strings.EqualFold(username, password) {
		return ErrPasswordForm
	}
	return nil
}

// HashPassword gives the argon2id string of a password.
func HashPassword(password string) string {
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	key := derive(password, salt, argonTime, argonMemory, argonThreads, argonKey)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		enc.EncodeToString(salt), enc.EncodeToString(key))
}

func derive(password string, salt []byte, time, memory uint32, threads uint8, length uint32) []byte {
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return argon2.IDKey([]byte(password), salt, time, memory, threads, length)
}

// nobody is checked when there is no such user, so that the answer takes as
// long as for one that exists.
var nobody = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
	base64.RawStdEncoding.EncodeToString(make([]byte, argonSalt)), base64.RawStdEncoding.EncodeToString(make([]byte, argonKey)))

// CheckPassword gives ErrPassword unless password is the one behind hash. An
// empty hash costs as much time as any other.
func CheckPassword(hash, password string) error {
	if len(password) > MaxPassword {
		return ErrPassword
	}
	known := hash != ""
	if !known {
		hash = nobody
	}
	var version, memory, time uint32
	var threads uint8
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return errors.New("cannot check password: stored hash is not argon2id")
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return errors.New("cannot check password: unknown argon2 version")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil || memory > 1<<20 || time > 64 || threads == 0 {
		return errors.New("cannot check password: stored cost is not acceptable")
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(want) == 0 {
		return errors.New("cannot check password: stored hash is damaged")
	}
	have := derive(password, salt, time, memory, threads, uint32(len(want)))
	if subtle.ConstantTimeCompare(have, want) != 1 || !known {
		return ErrPassword
	}
	return nil
}
