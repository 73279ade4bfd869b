package store

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrCursor reports a cursor that no page of this API gave.
var ErrCursor = errors.New("not a cursor of this list")

// maxCursor bounds what is read as a cursor, in bytes.
const maxCursor = 128

// cursorText writes numbers as an opaque cursor.
func cursorText(n ...int64) string {
	parts := make([]string, len(n))
	for i, v := range n {
		parts[i] = strconv.FormatInt(v, 36)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, ".")))
}

// cursorNumbers reads what cursorText wrote.
func cursorNumbers(s string, count int) ([]int64, error) {
	if len(s) > maxCursor {
		return nil, fmt.Errorf("cannot read cursor: %w", ErrCursor)
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("cannot read cursor %q: %w", s, ErrCursor)
	}
	parts := strings.Split(string(b), ".")
	if len(parts) != count {
		return nil, fmt.Errorf("cannot read cursor %q: %w", s, ErrCursor)
	}
	n := make([]int64, count)
	for i, p := range parts {
		if n[i], err = strconv.ParseInt(p, 36, 64); err != nil {
			return nil, fmt.Errorf("cannot read cursor %q: %w", s, ErrCursor)
		}
	}
	return n, nil
}
