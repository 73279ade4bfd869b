package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how much of one text is shown, in bytes.
const maxText = 8192

// clean shows what would act upon a terminal or deceive a reader as an escape.
func clean(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	if !strings.ContainsFunc(s, acts) && utf8.ValidString(s) {
		return s
	}
	b := strings.Builder{}
	for i, r := range s {
		switch {
		case r == utf8.RuneError && s[i] != "\uFFFD"[0]:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !acts(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// acts says that a character is not a picture: controls, and the invisible ones
// that change how others are shown.
func acts(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Co, r)
}

// escaped writes JSON so that no control character is left that JSON itself
// would let through: they occur within strings only, where \u stands for them.
type escaped struct{ w io.Writer }

func (e escaped) Write(p []byte) (int, error) {
	n := len(p)
	if bytes.ContainsFunc(p, hidden) {
		b := strings.Builder{}
		for _, r := range string(p) {
			switch {
			case !hidden(r):
				b.WriteRune(r)
			case r > 0xffff:
				r -= 0x10000
				fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
			default:
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		}
		p = []byte(b.String())
	}
	if _, err := e.w.Write(p); err != nil {
		return 0, err
	}
	return n, nil
}

func hidden(r rune) bool { return r != '\n' && acts(r) }

// oneLine is text of several lines on one.
func oneLine(s string) string { return clean(strings.Join(strings.Fields(s), " ")) }
