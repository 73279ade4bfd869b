package tenant

import (
	"errors"
	"fmt"
	"regexp"
)

// ID names one tenant: 1 to 63 lower-case letters, digits and dashes,
// beginning and ending with a letter or digit.
type ID string

// Default is the tenant of an install that has only one.
const Default ID = "default"

// ErrID reports text that is not a tenant identifier.
var ErrID = errors.New("not a tenant identifier")

var shape = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Parse checks the shape of s.
func Parse(s string) (ID, error) {
	if !shape.MatchString(s) {
		return "", fmt.Errorf("cannot read tenant %.80q: %w", s, ErrID)
	}
	return ID(s), nil
}

// String gives the identifier as text.
func (id ID) String() string { return string(id) }
