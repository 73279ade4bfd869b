package glob

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxPattern is the longest pattern, in bytes.
const MaxPattern = 4096

// ErrPattern is what every error of Compile wraps.
var ErrPattern = errors.New("not a valid pattern")

// Pattern is a compiled pattern. It is immutable.
type Pattern struct {
	text     string
	segments []segment
}

// segment is one part between slashes.
type segment struct {
	any     bool   // "**"
	literal bool   // text holds the name itself, unescaped
	text    string // unescaped when literal, else as written
}

// Compile checks and prepares a pattern.
func Compile(text string) (*Pattern, error) {
	switch {
	case text == "":
		return nil, fmt.Errorf("%w: it is empty", ErrPattern)
	case len(text) > MaxPattern:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrPattern, MaxPattern)
	case !utf8.ValidString(text):
		return nil, fmt.Errorf("%w: it is not UTF-8", ErrPattern)
	case strings.IndexByte(text, 0) >= 0:
		return nil, fmt.Errorf("%w: it holds a NUL byte", ErrPattern)
	}
	p := &Pattern{text: text}
	for part := range strings.SplitSeq(text, "/") {
		s, err := compileSegment(part)
		if err != nil {
			return nil, err
		}
		// "a/**/**/b" says no more than "a/**/b".
		if n := len(p.segments); s.any && n > 0 && p.segments[n-1].any {
			continue
		}
		p.segments = append(p.segments, s)
	}
	return p, nil
}

func compileSegment(part string) (segment, error) {
	if part == "**" {
		return segment{any: true}, nil
	}
	literal := true
	var plain strings.Builder
	for i := 0; i < len(part); i++ {
		switch c := part[i]; c {
		case '*', '?':
			if strings.HasPrefix(part[i:], "**") {
				return segment{}, fmt.Errorf("%w: ** must stand alone between slashes, as in /dir/**", ErrPattern)
			}
			literal = false
		case '[':
			n := classLen(part[i:])
			if n == 0 {
				return segment{}, fmt.Errorf("%w: [ has no matching ]; write \\[ for the character itself", ErrPattern)
			}
			literal = false
			i += n - 1
		case '{', '}':
			return segment{}, fmt.Errorf("%w: braces are not supported; write one pattern for each alternative, or \\{ for the character itself", ErrPattern)
		case '\\':
			if i+1 == len(part) {
				return segment{}, fmt.Errorf("%w: it ends in a single backslash", ErrPattern)
			}
			i++
			plain.WriteByte(part[i])
		default:
			plain.WriteByte(c)
		}
	}
	if literal {
		return segment{literal: true, text: plain.String()}, nil
	}
	return segment{text: part}, nil
}

// String gives the pattern as it was written.
func (p *Pattern) String() string { return p.text }

// Literal gives the one name that matches, if the pattern has no wildcard.
func (p *Pattern) Literal() (string, bool) {
	for _, s := range p.segments {
		if !s.literal {
			return "", false
		}
	}
	return p.join(len(p.segments)), true
}

// Prefix gives the leading segments that hold no wildcard, and whether all
// that follows them is "**", so that the pattern means everything below.
func (p *Pattern) Prefix() (segments []string, below bool) {
	n := 0
	for n < len(p.segments) && p.segments[n].literal {
		segments = append(segments, p.segments[n].text)
		n++
	}
	return segments, n == len(p.segments)-1 && p.segments[n].any
}

func (p *Pattern) join(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = p.segments[i].text
	}
	return strings.Join(parts, "/")
}

// Match says whether the whole name matches. It does not allocate.
func (p *Pattern) Match(name string) bool {
	segs := p.segments
	si, pos := 0, 0          // next pattern segment; start of the next name segment, len(name)+1 after the last
	backSi, backPos := -1, 0 // where the last "**" may take one segment more
	for pos <= len(name) {
		end := pos + strings.IndexByte(name[pos:], '/')
		if end < pos {
			end = len(name)
		}
		if si < len(segs) {
			if segs[si].any {
				backSi, backPos = si, pos
				si++
				if si == len(segs) { // a trailing "**" takes at least one segment
					return pos < len(name)
				}
				continue
			}
			if segs[si].match(name[pos:end]) {
				si++
				pos = end + 1
				continue
			}
		}
		if backSi < 0 {
			return false
		}
		next := strings.IndexByte(name[backPos:], '/')
		if next < 0 {
			return false
		}
		backPos += next + 1
		si, pos = backSi+1, backPos
	}
	return si == len(segs)
}

func (s *segment) match(name string) bool {
	if s.literal {
		return s.text == name
	}
	return matchSegment(s.text, name)
}
