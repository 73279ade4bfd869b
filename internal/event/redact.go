package event

import (
	"strings"
)

// Hidden stands in the place of a secret.
const Hidden = "[redacted]"

// Redact gives a copy of a command line without the secrets in it. What it
// knows by form or by name is hidden; it errs on the side of hiding. It looks
// at at most MaxArgs arguments, and at the first 4 KiB of each.
func Redact(args []string) []string {
	if len(args) > MaxArgs {
		args = args[:MaxArgs]
	}
	out := make([]string, len(args))
	program := ""
	if len(args) > 0 {
		program = args[0][strings.LastIndexByte(args[0], '/')+1:]
	}
	hideNext := ""   // "" or the name of the option whose value comes next
	inBlock := false // inside a PEM block that spans arguments
	for i, a := range args {
		if len(a) > maxScan {
			a = a[:maxScan]
		}
		switch {
		case inBlock:
			out[i] = Hidden
			inBlock = !strings.Contains(a, "-----END ")
			continue
		case hideNext != "" && i > 0:
			hideNext = ""
			if !isFlag(a) || strings.Contains(a, " ") {
				out[i] = Hidden
				continue
			}
		}
		if strings.Contains(a, "-----BEGIN ") && strings.Contains(a, "PRIVATE KEY") && !strings.Contains(a, "-----END ") {
			inBlock = true
		}
		if i > 1 && isScript(program, args[i-1]) {
			out[i] = redactText(a)
			continue
		}
		out[i], hideNext = redactArg(program, a, i)
		if hideNext == "" && i > 0 && takesSecret(program, a) {
			hideNext = a
		}
	}
	return out
}

const maxScan = 4096

// redactArg hides secrets in one argument. next is not empty if the value of
// an option comes in the argument after it.
func redactArg(program, a string, i int) (shown, next string) {
	if i == 0 {
		return redactText(a), ""
	}
	if name, value, ok := strings.Cut(a, "="); ok && isWord(strings.TrimLeft(name, "-")) {
		if secretName(strings.TrimLeft(name, "-")) && value != "" && !harmless(value) {
			return name + "=" + Hidden, ""
		}
		return name + "=" + redactText(value), ""
	}
	if isFlag(a) && secretName(strings.TrimLeft(a, "-")) {
		return a, a
	}
	if v, ok := gluedSecret(program, a); ok {
		return a[:len(a)-len(v)] + Hidden, ""
	}
	return redactText(a), ""
}

// isScript says that a shell takes the argument after option as a script.
func isScript(program, option string) bool {
	return (strings.HasSuffix(program, "sh") || program == "busybox") && len(option) >= 2 && len(option) <= 6 && option[0] == '-' && option[1] != '-' && strings.HasSuffix(option, "c")
}

func isFlag(a string) bool { return len(a) > 1 && a[0] == '-' }

// isWord says that s can be the name of an option or a variable.
func isWord(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range s {
		if !(c == '-' || c == '_' || c == '.' || c == ':' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// secretWords are the parts of names after which secrets stand.
var secretWords = []string{"password", "passwd", "passphrase", "passwort", "secret", "token", "credential", "apikey", "authkey",
	"accesskey", "privatekey", "signingkey", "encryptionkey", "masterkey", "sharedkey", "accountkey", "storagekey", "sessionkey",
	"connectionstring", "bearer", "authorization", "cookie", "requirepass", "masterauth", "licensekey", "webhookurl"}

// secretName says whether an option or variable of that name holds a secret.
func secretName(name string) bool {
	if len(name) > 64 {
		return false
	}
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '_' || r == '.':
			return -1
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
	switch plain {
	case "pass", "pwd", "pw", "psw", "auth", "psk", "otp", "pin", "sas", "userpass", "dbpass", "mysqlpwd", "pgpass", "jwt", "dsn", "sig", "signature", "awssessiontoken":
		return true
	}
	// These end in a word of the list but name a file, a size or a switch.
	for _, end := range []string{"file", "path", "dir", "ttl", "length", "len", "type", "name", "size", "count", "policy", "prompt", "stdin", "fd", "id", "url", "uri", "endpoint", "expiry", "expires", "duration", "lifetime", "limit", "algorithm", "iterations"} {
		if strings.HasSuffix(plain, end) && plain != "webhookurl" {
			return false
		}
	}
	if strings.HasSuffix(plain, "pass") || strings.HasSuffix(plain, "pwd") {
		return true
	}
	for _, w := range secretWords {
		if strings.Contains(plain, w) {
			return true
		}
	}
	return false
}

// harmless values of options that sound secret: switches.
func harmless(v string) bool {
	switch strings.ToLower(v) {
	case "true", "false", "yes", "no", "on", "off", "none", "null", "0", "1", "auto", "required", "optional", "prompt":
		return true
	}
	return false
}

// takesSecret says that the value of a short option of a known program is a
// secret and stands in the argument after it.
func takesSecret(program, a string) bool {
	switch {
	case strings.HasPrefix(program, "curl"):
		return a == "-u" || a == "--user" || a == "-U" || a == "--proxy-user" || a == "--oauth2-bearer" || a == "--pass" || a == "-b"
	case strings.HasPrefix(program, "redis-cli") || strings.HasPrefix(program, "valkey-cli"):
		return a == "-a" || a == "--pass"
	case strings.HasPrefix(program, "mongo"):
		return a == "-p"
	case program == "sshpass" || strings.HasPrefix(program, "ldap"):
		return a == "-p" && program == "sshpass" || a == "-w" && program != "sshpass"
	case program == "docker" || program == "podman" || program == "skopeo" || program == "crane" || program == "helm":
		return a == "-p" && program != "helm"
	case program == "openssl":
		return a == "-k" || a == "-K" || a == "-passin" || a == "-passout" || a == "-pass"
	case program == "smbclient":
		return a == "-U"
	case program == "7z" || program == "7za" || program == "zip" || program == "unzip":
		return a == "-P"
	case program == "az":
		return a == "-p"
	case program == "sqlcmd" || program == "bcp" || program == "isql":
		return a == "-P"
	case program == "rabbitmqadmin" || program == "influx":
		return a == "-p"
	}
	return false
}

// gluedSecret finds a secret that stands right behind a short option: -pSECRET.
func gluedSecret(program, a string) (string, bool) {
	if len(a) < 3 || a[0] != '-' || a[1] == '-' {
		return "", false
	}
	v := a[2:]
	switch a[1] {
	case 'p':
		if strings.HasPrefix(program, "mysql") || strings.HasPrefix(program, "mariadb") || program == "sshpass" || strings.HasPrefix(program, "7z") || strings.HasPrefix(program, "mytop") {
			return v, true
		}
	case 'P':
		if program == "sqlcmd" || program == "bcp" || program == "zip" || program == "unzip" {
			return v, true
		}
	case 'a':
		if strings.HasPrefix(program, "redis-cli") || strings.HasPrefix(program, "valkey-cli") {
			return v, true
		}
	case 'u':
		if strings.HasPrefix(program, "curl") && strings.Contains(v, ":") {
			return v, true
		}
	case 'w':
		if strings.HasPrefix(program, "ldap") {
			return v, true
		}
	}
	return "", false
}
