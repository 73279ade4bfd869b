package glob

import "unicode/utf8"

// matchSegment matches one name without slashes. A failed match goes back to
// the last "*" only, which is enough because "*" may take anything.
func matchSegment(pattern, name string) bool {
	p, n := 0, 0
	starP, starN := -1, 0
	for n < len(name) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				starP, starN = p, n
				p++
				continue
			}
			r, size := utf8.DecodeRuneInString(name[n:])
			if w, ok := matchOne(pattern[p:], r, name[n:n+size]); ok {
				p += w
				n += size
				continue
			}
		}
		if starP < 0 {
			return false
		}
		_, size := utf8.DecodeRuneInString(name[starN:])
		starN += size
		p, n = starP+1, starN
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches the first element of pattern (not "*") with one character
// of the name, given as rune and as the bytes it was read from. It gives the
// width of the element.
func matchOne(pattern string, r rune, raw string) (int, bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		n := classLen(pattern)
		return n, inClass(pattern[1:n-1], r)
	case '\\':
		pattern = pattern[1:]
		pr, size := utf8.DecodeRuneInString(pattern)
		return size + 1, pr == r && pattern[:size] == raw
	}
	_, size := utf8.DecodeRuneInString(pattern)
	return size, pattern[:size] == raw
}

// classLen gives the length of the class that s starts with, brackets
// included, or 0 if it has no end or no member.
func classLen(s string) int {
	i := 1
	if i < len(s) && (s[i] == '!' || s[i] == '^') {
		i++
	}
	for first := true; i < len(s); first = false {
		switch {
		case s[i] == ']' && !first:
			return i + 1
		case s[i] == '\\':
			i++
			if i == len(s) {
				return 0
			}
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return 0
}

// inClass looks r up in what stands between the brackets.
func inClass(class string, r rune) bool {
	negated := false
	if class[0] == '!' || class[0] == '^' {
		negated = true
		class = class[1:]
	}
	found := false
	for len(class) > 0 {
		var lo rune
		lo, class = classRune(class)
		hi := lo
		if len(class) > 1 && class[0] == '-' {
			hi, class = classRune(class[1:])
		}
		if lo <= r && r <= hi {
			found = true
		}
	}
	return found != negated
}

func classRune(s string) (rune, string) {
	if s[0] == '\\' && len(s) > 1 {
		s = s[1:]
	}
	r, size := utf8.DecodeRuneInString(s)
	return r, s[size:]
}
