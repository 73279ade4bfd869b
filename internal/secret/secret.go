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
type Value struct {
	// A function, because package fmt follows pointers in fields that are not
	// exported, where it cannot call the methods below.
	get func() *box
}

func (v Value) box() *box {
	if v.get == nil {
		return nil
	}
	return v.get()
}

type box struct {
	mu    sync.Mutex
	bytes []byte
}

// New takes over b: the caller must not use it again.
func New(b []byte) Value {
	held := &box{bytes: b}
	return Value{func() *box { return held }}
}

// FromString copies s. The string itself cannot be wiped.
func FromString(s string) Value { return New([]byte(s)) }

// Bytes gives a copy of the secret, which the caller should wipe with Clear.
func (v Value) Bytes() []byte {
	held := v.box()
	if held == nil {
		return nil
	}
	held.mu.Lock()
	defer held.mu.Unlock()
	return append([]byte(nil), held.bytes...)
}

// Use calls f with the secret itself, which f must neither keep nor change.
func (v Value) Use(f func([]byte) error) error {
	held := v.box()
	if held == nil {
		return f(nil)
	}
	held.mu.Lock()
	defer held.mu.Unlock()
	return f(held.bytes)
}

// Len gives the number of bytes.
func (v Value) Len() int {
	held := v.box()
	if held == nil {
		return 0
	}
	held.mu.Lock()
	defer held.mu.Unlock()
	return len(held.bytes)
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
	held := v.box()
	if held == nil {
		return
	}
	held.mu.Lock()
	defer held.mu.Unlock()
	Clear(held.bytes)
	held.bytes = nil
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
