package event

import "strings"

// tokenForm is a secret that its own form gives away: a prefix and at least
// so many characters after it.
type tokenForm struct {
	prefix string
	more   int
}

var tokenForms = []tokenForm{
	{"AKIA", 16}, {"ASIA", 16}, {"ABIA", 16}, {"ACCA", 16}, // AWS access key ids
	{"ghp_", 30}, {"gho_", 30}, {"ghu_", 30}, {"ghs_", 30}, {"ghr_", 30}, {"github_pat_", 20}, // GitHub
	{"glpat-", 16}, {"gldt-", 16}, {"glrt-", 16}, // GitLab
	{"xoxb-", 10}, {"xoxp-", 10}, {"xoxa-", 10}, {"xoxr-", 10}, {"xoxs-", 10}, {"xapp-", 10}, // Slack
	{"sk_live_", 10}, {"sk_test_", 10}, {"rk_live_", 10}, {"whsec_", 10}, // Stripe
	{"sk-ant-", 20}, {"sk-proj-", 20}, {"sk-", 32}, // language model services
	{"AIza", 35}, {"ya29.", 20}, {"GOCSPX-", 20}, // Google
	{"hvs.", 20}, {"hvb.", 20}, {"hvr.", 20}, // Vault
	{"dckr_pat_", 20}, {"npm_", 30}, {"pypi-", 40}, {"rubygems_", 30}, {"dop_v1_", 40}, {"SG.", 30}, {"dapi", 32}, {"shpat_", 20}, {"lmp_", 20},
}

// hideTokens hides words whose form gives them away: keys of known services,
// JSON Web Tokens, AWS secret keys.
func hideTokens(s string) string {
	var out strings.Builder
	last := 0
	for i := 0; i < len(s); {
		if !tokenByte(s[i]) {
			i++
			continue
		}
		end := i
		for end < len(s) && tokenByte(s[end]) {
			end++
		}
		if from, to, ok := tokenIn(s[i:end]); ok {
			out.WriteString(s[last : i+from])
			out.WriteString(Hidden)
			last = i + to
		}
		i = end
	}
	if last == 0 {
		return s
	}
	out.WriteString(s[last:])
	return out.String()
}

// tokenIn gives the part of a word that is a secret.
func tokenIn(w string) (from, to int, ok bool) {
	if strings.HasPrefix(w, "eyJ") && strings.Count(w, ".") >= 2 && len(w) > 30 { // JSON Web Token
		return 0, len(w), true
	}
	for _, f := range tokenForms {
		i := strings.Index(w, f.prefix)
		if i < 0 || i > 0 && plainByte(w[i-1]) || len(w)-i < len(f.prefix)+f.more {
			continue
		}
		n := 0
		for _, c := range []byte(w[i+len(f.prefix):]) {
			if !plainByte(c) && c != '-' && c != '_' && c != '.' {
				break
			}
			n++
		}
		if n >= f.more {
			return i, i + len(f.prefix) + n, true
		}
	}
	if len(w) == 40 && awsSecret(w) {
		return 0, len(w), true
	}
	return 0, 0, false
}

// awsSecret knows the form of an AWS secret access key: 40 characters of
// base64 in which capitals, small letters and digits are mixed. A hexadecimal
// digest of 40 characters is none.
func awsSecret(w string) bool {
	upper, lower, digit, other := 0, 0, 0, 0
	for _, c := range []byte(w) {
		switch {
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= 'a' && c <= 'z':
			lower++
		case c >= '0' && c <= '9':
			digit++
		case c == '/' || c == '+':
			other++
		default:
			return false
		}
	}
	return upper >= 4 && lower >= 4 && digit >= 1 && other <= 4 && !strings.HasPrefix(w, "/")
}

func plainByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func tokenByte(c byte) bool {
	return plainByte(c) || c == '_' || c == '-' || c == '.' || c == '/' || c == '+'
}
