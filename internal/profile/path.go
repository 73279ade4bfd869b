package profile

import (
	"strconv"
	"strings"
)

// Path gives the pattern of a path: its text with what changes from run to run
// replaced by "*". A path that is not absolute is only escaped, but for the name
// of an abstract socket ("@NAME"). ids are of the processes that may have made
// the name: useradd writes /etc/passwd.PID.
func Path(p string, ids ...int) string {
	if strings.HasPrefix(p, "@") { // an abstract socket, which nothing outlives
		var b strings.Builder
		b.WriteByte('@')
		segment(&b, p[1:], true, ids)
		return b.String()
	}
	if !strings.HasPrefix(p, "/") {
		return escape(p)
	}
	volatile := isVolatile(p)
	var b strings.Builder
	b.Grow(len(p) + 8)
	prev := ""
	for seg := range strings.SplitSeq(p[1:], "/") {
		b.WriteByte('/')
		if prev == "proc" && digits(seg) == len(seg) && seg != "" {
			b.WriteByte('*')
		} else {
			segment(&b, seg, volatile, ids)
		}
		prev = seg
	}
	return b.String()
}

// volatileTrees hold names that programs make up.
var volatileTrees = []string{"/tmp/", "/var/tmp/", "/dev/shm/", "/run/", "/var/run/", "/var/cache/", "/var/lib/nginx/"}

func isVolatile(p string) bool {
	for _, t := range volatileTrees {
		if strings.HasPrefix(p, t) {
			return true
		}
	}
	return false
}

// segment writes one part of a path. It is cut into words of letters and
// digits; each is kept or becomes "*", and stars that meet become one.
func segment(b *strings.Builder, s string, volatile bool, ids []int) {
	starred := false
	star := func() {
		if !starred {
			b.WriteByte('*')
			starred = true
		}
	}
	for s != "" {
		if n := uuid(s); n > 0 {
			star()
			s = s[n:]
			continue
		}
		n := word(s)
		if n == 0 {
			escapeByte(b, s[0])
			starred = false
			s = s[1:]
			continue
		}
		w := s[:n]
		s = s[n:]
		if keep := min(stable(w, volatile), beforeID(w, ids)); keep < len(w) {
			if keep > 0 {
				b.WriteString(w[:keep])
				starred = false
			}
			star()
		} else {
			b.WriteString(w)
			starred = false
		}
	}
}

// stable gives how many bytes at the start of a word stay the same from run to
// run: all of them, or those before a number, a digest or a made-up name.
func stable(w string, volatile bool) int {
	hex, upper, lower, digit := 0, 0, 0, 0
	for i := 0; i < len(w); i++ {
		c := w[i]
		switch {
		case c >= '0' && c <= '9':
			digit++
			hex++
		case c >= 'a' && c <= 'f':
			lower++
			hex++
		case c >= 'A' && c <= 'F':
			upper++
			hex++
		case c >= 'a' && c <= 'z':
			lower++
		default:
			upper++
		}
	}
	n := len(w)
	switch {
	case digit == n && (n >= 4 || volatile):
		return 0
	case hex == n && digit > 0 && (n >= 12 || n >= 8 && digit >= 2 && digit < n):
		return 0
	case !volatile:
		return n
	}
	// Names made by mktemp and its kin: a fixed start, then at random.
	if rest, ok := strings.CutPrefix(w, "tmp"); ok && len(rest) >= 6 {
		return 3
	}
	mixed := upper > 0 && lower > 0 && !titled(w) || digit > 0 && upper+lower > 0
	if n >= 6 && mixed {
		return leading(w)
	}
	// A number behind a name: pid files, sockets, sessions.
	if at := n - trailingDigits(w); n-at >= 2 {
		return at
	}
	return n
}

// beforeID gives the length of a word without the process id at its end. 1 is
// none: it stands in too many names.
func beforeID(w string, ids []int) int {
	at := len(w) - trailingDigits(w)
	for _, id := range ids {
		if id > 1 && at < len(w) && w[at:] == strconv.Itoa(id) {
			return at
		}
	}
	return len(w)
}

// titled says that only the first letter is a capital.
func titled(w string) bool {
	for i := 1; i < len(w); i++ {
		if w[i] >= 'A' && w[i] <= 'Z' {
			return false
		}
	}
	return true
}

// leading gives the length of a start that reads like a word: lower-case
// letters, at least four, before the first digit or capital.
func leading(w string) int {
	i := 0
	for i < len(w) && w[i] >= 'a' && w[i] <= 'z' {
		i++
	}
	if i < 4 {
		return 0
	}
	return i
}

func trailingDigits(w string) int {
	n := 0
	for n < len(w) && w[len(w)-1-n] >= '0' && w[len(w)-1-n] <= '9' {
		n++
	}
	return n
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func word(s string) int {
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z') {
		n++
	}
	return n
}

// uuid gives 36 if s starts with a UUID.
func uuid(s string) int {
	if len(s) < 36 {
		return 0
	}
	for i := range 36 {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return 0
			}
		case !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'):
			return 0
		}
	}
	return 36
}

func escapeByte(b *strings.Builder, c byte) {
	switch c {
	case '\\', '*', '?', '[', ']', '{', '}':
		b.WriteByte('\\')
	}
	b.WriteByte(c)
}

func escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		escapeByte(&b, s[i])
	}
	return b.String()
}

// Made says that a pattern could be Path's: a star in it stands for a part of a
// name or a whole one, and there is nothing else that could stand for more.
func Made(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '?', '[':
			return false
		case '*':
			if strings.HasPrefix(pattern[i:], "**") {
				return false
			}
		}
	}
	return true
}

// Wild says that a pattern made by Path stands for more than one path.
func Wild(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '*':
			return true
		}
	}
	return false
}

// Sample gives a path that a pattern made by Path matches.
func Sample(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteByte(pattern[i])
		case c == '*':
			b.WriteString("0Sample0")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
