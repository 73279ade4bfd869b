package secret

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const clear1 = "hunter2-do-not-show"

// TestNeverShown prints a Value in every way that a program could.
func TestNeverShown(t *testing.T) {
	v := FromString(clear1)
	type holder struct {
		Public  Value
		private Value
		Pointer *Value
		Map     map[string]Value
		Any     any
	}
	h := holder{v, v, &v, map[string]Value{"k": v}, v}
	var shown []string
	for _, x := range []any{v, &v, h, &h, []Value{v}, map[string]Value{"k": v}, error(fmt.Errorf("with %v", v))} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%p", "%T"} {
			shown = append(shown, fmt.Sprintf(verb, x))
		}
		shown = append(shown, fmt.Sprint(x), fmt.Sprintln(x))
		data, err := json.Marshal(x)
		shown = append(shown, string(data), fmt.Sprint(err))
	}
	var log bytes.Buffer
	for _, l := range []*slog.Logger{slog.New(slog.NewTextHandler(&log, nil)), slog.New(slog.NewJSONHandler(&log, nil))} {
		l.Info("x", "v", v, "h", h, "p", &v)
	}
	shown = append(shown, log.String())
	var enc bytes.Buffer
	if err := gob.NewEncoder(&enc).Encode(v); err == nil {
		t.Error("gob encodes a secret")
	}
	shown = append(shown, enc.String())
	for _, s := range shown {
		for _, form := range []string{clear1, fmt.Sprintf("%x", clear1), fmt.Sprintf("%X", clear1), fmt.Sprint([]byte(clear1)), "104 117 110"} {
			if strings.Contains(s, form) {
				t.Errorf("shown: %s", s)
			}
		}
	}
	if v.String() != Redacted || v.GoString() != Redacted || fmt.Sprint(v) != Redacted {
		t.Error("does not say that it is redacted")
	}
	if data, _ := json.Marshal(map[string]Value{"a": v}); string(data) != `{"a":"[redacted]"}` {
		t.Errorf("JSON: %s", data)
	}
}

func TestUseAndWipe(t *testing.T) {
	raw := []byte(clear1)
	v := New(raw)
	w := v
	if !v.Equal([]byte(clear1)) || v.Equal([]byte("x")) || string(v.Bytes()) != clear1 || v.Len() != len(clear1) {
		t.Error("the secret is not what was given")
	}
	if err := v.Use(func(b []byte) error { return errors.New(fmt.Sprint(len(b))) }); err == nil || err.Error() != fmt.Sprint(len(clear1)) {
		t.Errorf("Use: %v", err)
	}
	v.Wipe()
	if !v.IsZero() || !w.IsZero() || bytes.ContainsAny(raw, clear1) {
		t.Errorf("not wiped: %q", raw)
	}
	v.Wipe()
	var zero Value
	zero.Wipe()
	if !zero.IsZero() || zero.Bytes() != nil || zero.String() != Redacted || !zero.Equal(nil) {
		t.Error("the zero value")
	}
}

func TestUnmarshal(t *testing.T) {
	var c struct{ Token Value }
	if err := json.Unmarshal([]byte(`{"Token":"abc"}`), &c); err != nil || !c.Token.Equal([]byte("abc")) {
		t.Errorf("%v", err)
	}
}
