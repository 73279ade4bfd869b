package sensitive

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/ahocorasick"
)

// nameParts are what a name that speaks of a secret has in it.
var nameParts = []string{"pass", "pwd", "secret", "token", "apikey", "api-key", "accesskey", "privatekey", "access-key", "_key", "authkey", "masterkey", "encryptionkey", "credential", "_salt", "_auth", "key-base", "appkey"}

// secretName matches normal forms of names (nameForm) that end in such a word.
var secretName = regexp.MustCompile(`(?:^|_)(?:(pass|pw)|[a-z]*(password|passwd|passphrase|passwort|passcode|pwd)|(?:db|ftp|sftp|smtp|mail|mysql|root|admin|user|redis|irc)(pass)|(secret|token|[a-z]+token|[a-z]+secret|credentials?|api_?key|app_?key|(?:access|private|secret|encryption|encrypt|master|auth|authorization|signing|signature|session|jwt|hmac|storage|account|service|deploy|license|shared|logged_in|nonce|secure_auth|webhook|admin|root|client|aws|consumer|api_secret|crypt|cipher|aes|des)_?key(?:_base)?|(?:auth|secure_auth|logged_in|nonce|password|hash|secret)_salt))(?:_?\d{1,2}|_value|_text|_plain)?$`)

const (
	maxName  = 80
	maxValue = 400
	maxTries = 50_000 // of names in one file
)

// assignments finds NAME = value where the name speaks of a secret.
type assignments struct{ machine *ahocorasick.Machine }

func newAssignments() *assignments {
	var patterns [][]byte
	for _, p := range nameParts {
		patterns = append(patterns, []byte(p))
	}
	return &assignments{machine: ahocorasick.New(patterns)}
}

// assigned is one assignment.
type assigned struct {
	start, end int // of the value
	password   bool
	severity   finding.Severity
}

// search gives the assignments in data. Bare (unquoted) values count where bare says so.
func (a *assignments) search(data []byte, bare bool) (found []assigned, met limits) {
	done, tries := 0, 0
	a.machine.Find(data, func(_, end int) bool {
		if end <= done {
			return true
		}
		if tries++; tries > maxTries {
			met.looks = true
			return false
		}
		lo, hi := identifier(data, end-1)
		done = hi
		if hi-lo > maxName || commented(data, lo) {
			return true
		}
		password, ok := speaks(string(data[lo:hi]))
		if !ok {
			return true
		}
		start, stop, quoted := value(data, lo, hi)
		if start == stop || !quoted && !bare {
			return true
		}
		severity, ok := judgeValue(string(data[start:stop]), password, quoted, bare)
		if !ok {
			return true
		}
		if len(found) == MaxPerRule {
			met.findings = true
			return false
		}
		found = append(found, assigned{start: start, end: stop, password: password, severity: severity})
		done = stop
		return true
	})
	return found, met
}

func nameByte(b byte) bool { return letter(b) || '0' <= b && b <= '9' || b == '-' || b == '.' }

func identifier(data []byte, at int) (lo, hi int) {
	lo, hi = at, at+1
	for lo > 0 && at-lo < maxName && nameByte(data[lo-1]) {
		lo--
	}
	for hi < len(data) && hi-at < maxName && nameByte(data[hi]) {
		hi++
	}
	return lo, hi
}

// commented says that the line is a comment.
func commented(data []byte, at int) bool {
	line := bytes.LastIndexByte(data[max(0, at-300):at], '\n')
	text := bytes.TrimLeft(data[max(0, at-300)+line+1:at], " \t")
	for _, mark := range []string{"#", ";", "//", "--", "<!--", "*", "rem ", "REM "} {
		if bytes.HasPrefix(text, []byte(mark)) {
			return true
		}
	}
	return false
}

// nameForm puts an underscore between the words of a name: dbPassword,
// db-password and DB.PASSWORD become db_password.
func nameForm(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '-' || c == '.':
			c = '_'
		case 'A' <= c && c <= 'Z':
			if i > 0 && ('a' <= name[i-1] && name[i-1] <= 'z' || '0' <= name[i-1] && name[i-1] <= '9') {
				b.WriteByte('_')
			}
			c |= 0x20
		}
		b.WriteByte(c)
	}
	return b.String()
}

// speaks says whether a name speaks of a secret, and whether of a password.
func speaks(name string) (password, ok bool) {
	m := secretName.FindStringSubmatch(strings.Trim(nameForm(name), "_"))
	if m == nil {
		return false, false
	}
	return m[4] == "", true
}

// value gives the bytes of what is assigned to the name at [lo, hi).
func value(data []byte, lo, hi int) (start, end int, quoted bool) {
	at := hi
	limit := min(len(data), hi+maxValue+200)
	peek := func() byte {
		if at < limit {
			return data[at]
		}
		return 0
	}
	blanks := func() {
		for at < limit && (data[at] == ' ' || data[at] == '\t') {
			at++
		}
	}
	wasQuoted := peek() == '"' || peek() == '\''
	if lo > 0 && data[lo-1] == '<' { // <password encoding="base64">value<
		close := bytes.IndexByte(data[at:limit], '>')
		if close < 0 || bytes.IndexByte(data[at:at+close], '\n') >= 0 || close > 0 && data[at+close-1] == '/' {
			return 0, 0, false
		}
		at += close + 1
		length := bytes.IndexAny(data[at:limit], "<\n")
		if length < 0 {
			return 0, 0, false
		}
		return at, at + length, true
	}
	if wasQuoted {
		at++
	}
	if peek() == ']' || peek() == ')' {
		at++
	}
	if wasQuoted && peek() == '>' { // <entry key="password">value<
		at++
		length := bytes.IndexAny(data[at:limit], "<\n")
		return at, at + max(length, 0), true
	}
	blanks()
	spaced := at > hi
	rest := data[at:limit]
	switch {
	case wasQuoted && bytes.HasPrefix(rest, []byte("value=")):
		at += len("value=")
	case bytes.HasPrefix(rest, []byte("=>")), bytes.HasPrefix(rest, []byte(":=")), bytes.HasPrefix(rest, []byte("?=")):
		at += 2
	case peek() == '=' && !bytes.HasPrefix(rest, []byte("==")), peek() == ':' && !bytes.HasPrefix(rest, []byte("::")) && !bytes.HasPrefix(rest, []byte("://")):
		at++
	case peek() == ',' && wasQuoted: // define('DB_PASSWORD', 'value')
		at++
	case spaced && (peek() == '"' || peek() == '\''): // password "value"
	case peek() == '\n' || peek() == '\r': // name: DB_PASSWORD, and value: on the next line
		next := bytes.TrimLeft(rest, "\r\n \t")
		at += len(rest) - len(next)
		if !bytes.HasPrefix(next, []byte("value:")) {
			return 0, 0, false
		}
		at += len("value:")
	default:
		return 0, 0, false
	}
	blanks()
	if q := peek(); q == '"' || q == '\'' || q == '`' {
		at++
		for end := at; end < limit; end++ {
			switch data[end] {
			case '\n', '\r':
				return 0, 0, false
			case '\\':
				end++
			case q:
				return at, end, true
			}
		}
		return 0, 0, false
	}
	end = at
	for end < limit && !bytes.ContainsRune([]byte(" \t\r\n,;}\"'<>&|`"), rune(data[end])) {
		end++
	}
	return at, end, false
}

var (
	reference = regexp.MustCompile(`^(?:\$|%\w+%|<|\{|@\w|&|\*|!|~?\.{0,2}/|[a-z]{2,6}://|env[.(:]|os\.|process\.|config\.|self\.|this\.|ENV\[|vault:|ref\+|arn:|file:|secret:|base64:$|[\w.]+\(|[\w.]+\[|\d+[smhd]?$|0x$)`)
	noValue   = words(`true false yes no on off null nil none undefined empty optional required prompt ask string str text int integer bool boolean bytes object array any number never always
		auto default disabled enabled disable enable hidden hash hashed plain plaintext encrypted md5 sha1 sha256 sha512 scram-sha-256 bcrypt crypt files file compat systemd sss ldap keyring env stdin
		basic bearer interactive publickey unset unknown value key name type invalid missing deprecated write-only writeonly readonly varchar char`)
	weakValue = words(`password passwd pass pwd secret token admin root test guest user username mysecretpassword passw0rd p@ssw0rd p@ssword qwerty letmein welcome 1234 12345 123456 1234567 12345678 123456789 1234567890 postgres mysql default_password hunter2`)
	fileName  = regexp.MustCompile(`^[\w./-]+\.(?:py|js|ts|rb|php|go|java|json|ya?ml|pem|key|crt|txt|conf|so|html?|png|cfg|ini|env|sock|log|sh|xml)$`)
)

// judgeValue says how bad it is that this value stands there, or that it is no secret.
func judgeValue(v string, password, quoted, bare bool) (finding.Severity, bool) {
	v = strings.TrimSpace(v)
	low := strings.ToLower(v)
	least := 8
	if password {
		least = 4
	}
	switch {
	case len(v) < least || len(v) > maxValue, noValue[low], reference.MatchString(v), fileName.MatchString(low):
		return "", false
	case strings.ContainsAny(v, " \t") && !(quoted && len(v) >= 32 && entropy([]byte(v)) >= 4.5):
		return "", false // a sentence; WordPress' salts have blanks
	case strings.Count(v, v[:1]) == len(v):
		return "", false
	case strings.Contains(v, "-----BEGIN"): // the rules speak of it
		return "", false
	}
	weak := weakValue[low]
	if !weak && placeholder(low) {
		return "", false
	}
	drawn := entropy([]byte(v))
	digits := strings.ContainsAny(v, "0123456789")
	marks := strings.ContainsAny(v, "!@#$%^&*()+=/?~")
	if !password {
		switch {
		case drawn < 3 || !digits, !mixed(v):
			return "", false
		case len(v) >= 16 && drawn >= 3.2:
			return finding.High, true
		}
		return finding.Medium, true
	}
	switch {
	case weak && bare:
		return finding.Low, true
	case weak, !bare && !digits && !marks && drawn < 3.5: // in code, a word alone is more often a label
		return "", false
	case digits && len(v) >= 8:
		return finding.High, true
	}
	return finding.Medium, true
}

// mixed refuses names of other things: words joined by marks, as in
// kubernetes.io/service-account-token or CamelCaseIdentifiers.
func mixed(v string) bool {
	digits := 0
	for i := range len(v) {
		if '0' <= v[i] && v[i] <= '9' {
			digits++
		}
	}
	return digits >= 2 || strings.ContainsAny(v, "+/=") && len(v) >= 20 || len(v) >= 32
}
