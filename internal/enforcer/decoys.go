package enforcer

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/verdict"
)

// Decoy is a false credential in the workload's environment.
type Decoy struct {
	Key, Value string
	forms      []string // in which it may stand in arguments
}

// NewDecoys makes false credentials for variables, in the form that their
// names promise. They are new at every start.
func NewDecoys(keys []string) []Decoy {
	out := make([]Decoy, 0, len(keys))
	for _, k := range keys {
		text := rand.Text() + rand.Text() // 52 letters and digits
		v := strings.ToLower(text[:40])
		switch up := strings.ToUpper(k); {
		case strings.Contains(up, "ACCESS_KEY_ID"):
			v = "AKIA" + text[:16]
		case strings.Contains(up, "GITHUB"):
			v = "ghp_" + text[:36]
		case strings.Contains(up, "SLACK"):
			v = "xoxb-" + strings.ToLower(text[:40])
		}
		out = append(out, Decoy{k, v, forms(v)})
	}
	return out
}

// SetDecoys tells the loop what was placed. Call it before the workload runs.
func (l *Loop) SetDecoys(d []Decoy) {
	if len(d) > 0 {
		l.decoys.Store(&d)
	}
}

// bitten finds a false credential in what a program is told.
func (l *Loop) bitten(e *action.Exec) {
	e.Decoy = ""
	d := l.decoys.Load()
	if d == nil {
		return
	}
	for _, arg := range e.Args {
		if len(arg) < minDecoy {
			continue
		}
		for i := range *d {
			for _, form := range (*d)[i].forms {
				if strings.Contains(arg, form) {
					e.Decoy = (*d)[i].Key
					return
				}
			}
		}
	}
}

// minDecoy is the shortest value of a decoy.
const minDecoy = 20

// forms gives a value as it is, in hexadecimal digits, and as it shows in the
// base64 of a text that holds it: that depends on how many bytes stand before
// it, modulo 3, and its ends depend on what stands beside.
func forms(value string) []string {
	out := []string{value, hex.EncodeToString([]byte(value))}
	for before := range 3 {
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), value...))
		out = append(out, text[(before*8+5)/6:len(text)-1])
	}
	return out
}

// unplaced names the variables that have no false credential in this start.
func unplaced(e *verdict.Engine, placed []Decoy) string {
	var missing []string
	for _, k := range e.EnvKeys() {
		if !slices.ContainsFunc(placed, func(d Decoy) bool { return d.Key == k }) {
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return strings.Join(missing, ", ") + " not placed: the policy came later (restart required), or the application has such a variable of its own"
}
