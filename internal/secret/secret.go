package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// Redacted is what a Value shows.
const Redacted = "[redacted]"

// Value is a secret. The zero value is empty. Copies of a Value share its
// bytes, so Wipe wipes them all.
type Value struct{ box *box }

type box struct {
	mu    sync.Mutex
	bytes []byte
}

// New takes over b: the caller must not use it again.
func New(b []byte) Value { return Value{&box{bytes: b}} }

// FromString copies s. The string itself cannot be wiped.
func FromString(s string) Value { return New([]byte(s)) }

// Bytes gives a copy of the secret, which the caller should wipe with Clear.
func (v Value) Bytes() []byte {
	if v.box == nil {
		return nil
	}
	v.box.mu.Lock()
	defer v.box.mu.Unlock()
	return append([]byte(nil), v.box.bytes...)
}

// Use calls f with the secret itself, which f must neither keep nor change.
func (v Value) Use(f func([]byte) error) error {
	if v.box == nil {
		return f(nil)
	}
	v.box.mu.Lock()
	defer v.box.mu.Unlock()
	return f(v.box.bytes)
}

// Len gives the number of bytes.
func (v Value) Len() int {
	if v.box == nil {
		return 0
	}
	v.box.mu.Lock()
	defer v.box.mu.Unlock()
	return len(v.box.bytes)
}

// IsZero says that there is no secret, or none any more.
func (v Value) IsZero() bool { return v.Len() == 0 }

// Equal compares with b in a time that depends on the lengths only.
func (v Value) Equal(b []byte) bool {
	equal := false
	_ = v.Use(func(s []byte) error {
		equal = subtle.ConstantTimeCompare(s, b) == 1
		return nil
	})
	return equal
}

// Wipe overwrites the secret; afterwards it is empty.
func (v Value) Wipe() {
	if v.box == nil {
		return
	}
	v.box.mu.Lock()
	defer v.box.mu.Unlock()
	Clear(v.box.bytes)
	v.box.bytes = nil
}

// Clear overwrites b with zeros.
func Clear(b []byte) { clear(b) }

// String gives Redacted.
func (Value) String() string { return Redacted }

// GoString gives Redacted.
func (Value) GoString() string { return Redacted }

// Format writes Redacted for every verb and flag.
func (Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Redacted)) }

// LogValue makes slog show Redacted.
func (Value) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText gives Redacted; JSON, YAML and XML encoders use it.
func (Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON gives Redacted.
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalBinary fails: gob and its like must not carry secrets.
func (Value) MarshalBinary() ([]byte, error) {
	return nil, errors.New("cannot encode a secret")
}

// UnmarshalText copies b, so that a secret can stand in a configuration.
func (v *Value) UnmarshalText(b []byte) error {
	*v = New(append([]byte(nil), b...))
	return nil
}
