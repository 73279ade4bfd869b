package sensitive

import "strings"

// mask leaves of a secret what tells its kind and finds it again: a known
// prefix, or up to four characters at the beginning and two at the end of a
// long one, never more than a quarter of it; nothing of a short one. The
// number of stars is always the same.
func mask(secret string) string {
	const stars = "********"
	n := len(secret)
	if n < 16 {
		return stars
	}
	head := 4
	// github_pat_..., xoxb-..., glpat-...: the kind stands before the last separator of the beginning.
	if i := strings.LastIndexAny(secret[:12], "_-."); i > 0 && (i+1)*4 <= n {
		head = i + 1
	}
	return printable(secret[:head]) + stars + printable(secret[n-2:])
}

// printable keeps graphic ASCII.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return '.'
	}, s)
}
