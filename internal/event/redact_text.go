package event

import "strings"

// redactText hides secrets that are known by their form, wherever they stand
// in a text such as a shell command, a URL or a header.
func redactText(s string) string {
	if len(s) < 8 {
		return s
	}
	s = hidePEM(s)
	s = hideURLUser(s)
	s = hideAfterMarkers(s)
	s = hideAssignments(s)
	return hideTokens(s)
}

// hidePEM hides what stands between the lines of a private key.
func hidePEM(s string) string {
	const begin, end = "-----BEGIN ", "-----END "
	for from := 0; ; {
		i := strings.Index(s[from:], begin)
		if i < 0 {
			return s
		}
		i += from
		head := strings.Index(s[i+len(begin):], "-----")
		if head < 0 {
			return s
		}
		body := i + len(begin) + head + len("-----")
		if !strings.Contains(s[i:body], "PRIVATE KEY") {
			from = body
			continue
		}
		tail := strings.Index(s[body:], end)
		if tail < 0 {
			return s[:body] + Hidden
		}
		s = s[:body] + Hidden + s[body+tail:]
		from = body + len(Hidden)
	}
}

// hideURLUser hides the password in scheme://user:password@host, and a lone
// user that is long enough to be a token.
func hideURLUser(s string) string {
	for from := 0; ; {
		i := strings.Index(s[from:], "://")
		if i < 0 {
			return s
		}
		start := from + i + len("://")
		n := strings.IndexAny(s[start:], "/?#\"'`<> \t\n\\")
		if n < 0 {
			n = len(s) - start
		}
		authority := s[start : start+n]
		from = start
		at := strings.LastIndexByte(authority, '@')
		if at < 0 {
			continue
		}
		user, _, hasPassword := strings.Cut(authority[:at], ":")
		switch {
		case hasPassword:
			s = s[:start] + user + ":" + Hidden + s[start+at:]
		case len(user) >= 16:
			s = s[:start] + Hidden + s[start+at:]
		}
	}
}

// markers stand right before a secret, in any case of letters.
var markers = []string{"bearer ", "authorization: basic ", "authorization: token ", "authorization: digest ", "x-api-key: ", "x-api-key:",
	"x-auth-token: ", "x-auth-token:", "x-vault-token: ", "x-vault-token:", "private-token: ", "private-token:", "x-amz-security-token: ",
	"proxy-authorization: basic ", "cookie: ", "set-cookie: ", "authorization: apikey ", "authorization: "}

// hideAfterMarkers hides the word after a marker; of a cookie all that follows.
func hideAfterMarkers(s string) string {
	lower := asciiLower(s)
	for _, m := range markers {
		for from := 0; ; {
			i := strings.Index(lower[from:], m)
			if i < 0 {
				break
			}
			start := from + i + len(m)
			end := start
			stop := " \t\n\"'`,;"
			if strings.Contains(m, "cookie") {
				stop = "\n\"'`"
			}
			if n := strings.IndexAny(s[start:], stop); n >= 0 {
				end = start + n
			} else {
				end = len(s)
			}
			from = start
			word := s[start:end]
			if word == "" || word == Hidden || scheme(word) {
				continue
			}
			s = s[:start] + Hidden + s[end:]
			lower = asciiLower(s)
			from = start + len(Hidden)
		}
	}
	return s
}

// scheme names the way of authorization; the secret comes after it.
func scheme(word string) bool {
	switch asciiLower(word) {
	case "bearer", "basic", "token", "digest", "apikey", "negotiate", "aws4-hmac-sha256":
		return true
	}
	return false
}

// hideAssignments hides values in NAME=value, "name": "value", name=value& and
// --name value inside a longer text, where the name sounds secret.
func hideAssignments(s string) string {
	for i := 0; i < len(s); {
		if !nameByte(s[i]) || i > 0 && nameByte(s[i-1]) {
			i++
			continue
		}
		end := i
		for end < len(s) && nameByte(s[end]) {
			end++
		}
		name := strings.TrimLeft(s[i:end], "-")
		dashed := strings.HasPrefix(s[i:end], "--")
		if !secretName(name) {
			i = end
			continue
		}
		v := valueStart(s, end, dashed)
		if v < 0 {
			i = end
			continue
		}
		stop := v
		if v > 0 && (s[v-1] == '"' || s[v-1] == '\'') {
			quote := s[v-1]
			for stop < len(s) && s[stop] != quote {
				if s[stop] == '\\' {
					stop++
				}
				stop++
			}
		} else {
			for stop < len(s) && !strings.ContainsRune(" \t\n\"'`&;,)|<>}", rune(s[stop])) {
				stop++
			}
		}
		stop = min(stop, len(s))
		if value := s[v:stop]; value == "" || harmless(value) || scheme(value) || strings.HasPrefix(value, "$") || strings.HasPrefix(value, Hidden) {
			i = max(stop, end)
			continue
		}
		s = s[:v] + Hidden + s[stop:]
		i = v + len(Hidden)
	}
	return s
}

// valueStart gives where the value of the name that ends at i starts, or -1.
func valueStart(s string, i int, dashed bool) int {
	j := i
	if j < len(s) && (s[j] == '"' || s[j] == '\'') {
		j++
	}
	for j < len(s) && s[j] == ' ' && !dashed {
		j++
	}
	switch {
	case j < len(s) && (s[j] == '=' || s[j] == ':'):
		if strings.HasPrefix(s[j:], "://") {
			return -1
		}
		j++
		for j < len(s) && s[j] == ' ' {
			j++
		}
	case dashed && j < len(s) && s[j] == ' ':
		j++
		if j < len(s) && s[j] == '-' {
			return -1
		}
	default:
		return -1
	}
	if j < len(s) && (s[j] == '"' || s[j] == '\'') {
		j++
	}
	return j
}

func nameByte(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// asciiLower keeps the length, so that places in one text are places in the other.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
