package audit

import (
	"strings"
	"testing"
)

func TestSecretsAreHidden(t *testing.T) {
	got, err := object(map[string]any{
		"username": "a", "passwordHash": "$argon2id$x", "nested": []any{map[string]any{"token": "t-secret", "clientSecret": "c-secret"}},
		"yaml": "kind: RuntimePolicy", "prefix": "limpet_api_abc", "roles": []string{"auditor"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"argon2id", "t-secret", "c-secret"} {
		if strings.Contains(got, s) {
			t.Errorf("%s is in %s", s, got)
		}
	}
	for _, s := range []string{"RuntimePolicy", "limpet_api_abc", "auditor", hidden} {
		if !strings.Contains(got, s) {
			t.Errorf("%s is not in %s", s, got)
		}
	}
	if got, err := object(nil); got != "" || err != nil {
		t.Errorf("nothing is written as %q, %v", got, err)
	}
	if got, err := object(strings.Repeat("x", maxObject+1)); err != nil || len(got) > 100 {
		t.Errorf("a huge object is written as %d bytes, %v", len(got), err)
	}
	if _, err := object(make(chan int)); err == nil {
		t.Error("a channel was written")
	}
}
