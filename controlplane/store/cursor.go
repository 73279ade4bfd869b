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

// cursorName writes a number and names as an opaque cursor.
func cursorName(n int64, names ...string) string {
	parts := append([]string{strconv.FormatInt(n, 36)}, names...)
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, "\x00")))
}

// maxNamedCursor bounds what is read as a cursor with names, in bytes.
const maxNamedCursor = 2048

func cursorParts(s string, count int) (int64, []string, error) {
	if len(s) > maxNamedCursor {
		return 0, nil, fmt.Errorf("cannot read cursor: %w", ErrCursor)
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.Split(string(b), "\x00")
	if err != nil || len(parts) != count+1 {
		return 0, nil, fmt.Errorf("cannot read cursor %q: %w", s, ErrCursor)
	}
	n, err := strconv.ParseInt(parts[0], 36, 64)
	if err != nil {
		return 0, nil, fmt.Errorf("cannot read cursor %q: %w", s, ErrCursor)
	}
	return n, parts[1:], nil
}

// cursorNamed reads what cursorName wrote with one name.
func cursorNamed(s string) (int64, string, error) {
	n, names, err := cursorParts(s, 1)
	if err != nil {
		return 0, "", err
	}
	return n, names[0], nil
}

// cursorPair reads what cursorName wrote with two.
func cursorPair(s string) (int64, string, string, error) {
	n, names, err := cursorParts(s, 2)
	if err != nil {
		return 0, "", "", err
	}
	return n, names[0], names[1], nil
}
