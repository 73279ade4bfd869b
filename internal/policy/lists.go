package policy

import "slices"

// Lists names the reputation lists that the controls of a policy use, each
// once, sorted.
func (c *Controls) Lists() []string {
	var out []string
	if k := c.IPReputation; k != nil && k.active() {
		out = append(out, k.Lists...)
	}
	if k := c.CryptoMiners; k != nil && k.active() {
		out = append(out, k.Lists...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ValidName says whether a name may be that of a policy or of a list: lower
// case letters, digits, "-" and "." inside, at most 63 bytes.
func ValidName(s string) bool { return validName(s) }

func (d *decoder) checkLists(c *Controls) {
	check := func(at string, lists []string) {
		for _, n := range lists {
			if !validName(n) {
				d.failAt(at, "%.80q cannot name a list: lower case letters, digits, - and . inside, at most 63 characters", n)
			}
		}
	}
	if k := c.IPReputation; k != nil {
		check("spec.controls.ipReputation.lists", k.Lists)
	}
	if k := c.CryptoMiners; k != nil {
		check("spec.controls.cryptoMiners.lists", k.Lists)
	}
}
