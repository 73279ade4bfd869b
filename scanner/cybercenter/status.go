package cybercenter

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// ErrTooOld is of a database that is older than is allowed.
var ErrTooOld = errors.New("the vulnerability database is too old")

// Status is what is known of a database at one moment.
type Status struct {
	vulndb.Meta
	Age string `json:"age"` // at that moment
	// Signed: "verified", "unsigned", "not checked" (no key was given), or what is wrong.
	Signed string `json:"signed"`
}

// StatusOf looks at the database at path. Its signature is checked where there
// are keys.
func StatusOf(path string, keys []ed25519.PublicKey, now time.Time) (Status, error) {
	db, err := vulndb.Open(path)
	if err != nil {
		return Status{}, err
	}
	defer db.Close()
	s := Status{Meta: db.Meta(), Signed: "not checked"}
	s.Age = now.Sub(s.Built).Truncate(time.Minute).String()
	if len(keys) > 0 {
		switch _, err := VerifyFile(path, keys); {
		case err == nil:
			s.Signed = "verified"
		case errors.Is(err, fs.ErrNotExist):
			s.Signed = "unsigned"
		default:
			s.Signed = err.Error()
		}
	}
	return s, nil
}

// CheckAge gives ErrTooOld for a database that was built more than limit before
// now. Zero: any age is good. A database from the future is as good as new.
func CheckAge(m vulndb.Meta, limit time.Duration, now time.Time) error {
	if age := now.Sub(m.Built); limit > 0 && age > limit {
		return fmt.Errorf("%w: it was built %s, %.0f hours ago; at most %.0f are allowed", ErrTooOld, m.Built.Format("2006-01-02"), age.Hours(), limit.Hours())
	}
	return nil
}
