package sensitive

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"path"
	"regexp"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
)

// sensitiveFile is a kind of file that should not be in an image, known by its
// name and then by its content.
type sensitiveFile struct {
	id, title string
	severity  finding.Severity
	name      func(file, base string) bool
	// content says whether the file holds what makes it sensitive, and in which line.
	content func(head []byte) (line int, ok bool)
}

var sensitiveFiles = []sensitiveFile{
	{"docker-config", "Docker registry credentials", finding.Critical,
		func(file, base string) bool {
			return strings.HasSuffix(file, ".docker/config.json") || base == ".dockercfg" || base == ".dockerconfigjson" || strings.HasSuffix(file, "containers/auth.json") || strings.HasSuffix(file, ".kaniko/config.json")
		}, dockerAuths},
	{"kubeconfig", "Kubernetes client configuration with credentials", finding.Critical,
		func(file, base string) bool {
			return strings.HasSuffix(file, ".kube/config") || strings.Contains(base, "kubeconfig") || strings.HasPrefix(file, "/etc/kubernetes/") && strings.HasSuffix(base, ".conf") || base == "k3s.yaml"
		}, expression(`(?m)^\s*(?:token|client-key-data|password|id-token|refresh-token):\s*["']?([\w.+/=-]{8,})`)},
	{"netrc", "passwords of servers (netrc)", finding.High, oneOf(".netrc", "_netrc", ".authinfo", "netrc"), expression(`(?:^|\s)password\s+(\S{3,})`)},
	{"pgpass", "PostgreSQL passwords", finding.High, oneOf(".pgpass", "pgpass.conf"), expression(`(?m)^[^#\s:]+:[\d*]+:[^:\s]+:[^:\s]+:(.{2,})$`)},
	{"git-credentials", "stored Git credentials", finding.High, oneOf(".git-credentials"), expression(`(?m)^https?://[^\s:/]*:([^\s@]{3,})@`)},
	{"htpasswd", "passwords of a web server", finding.Medium, func(_, base string) bool {
		return strings.HasSuffix(base, ".htpasswd") || base == "htpasswd" || base == "htdigest" || base == ".htdigest"
	}, expression(`(?m)^[^\s:#]{1,60}:(?:[^\s:]{1,60}:)?(\$?[\w./$+=}{]{13,})`)},
	{"shadow", "password hashes of users", finding.High, func(file, base string) bool {
		return base == "shadow" || base == "shadow-" || base == "gshadow" || base == "master.passwd" || base == "opasswd"
	}, expression(`(?m)^[^\s:]{1,60}:(\$[\w$./=,-]{20,}|[./A-Za-z0-9]{13}):`)},
	{"rails-master-key", "Rails master key", finding.High, func(_, base string) bool {
		return base == "master.key" || strings.HasSuffix(base, "production.key") || base == "secret_key_base"
	}, expression(`^\s*([0-9a-f]{32,128})\s*$`)},
	{"browser-passwords", "stored passwords of a browser", finding.High, oneOf("logins.json", "Login Data", "key4.db", "key3.db", "signons.sqlite"), func(head []byte) (int, bool) {
		return 0, bytes.Contains(head, []byte("encryptedPassword")) || bytes.HasPrefix(head, []byte("SQLite format 3"))
	}},
	{"password-store", "password store", finding.High, func(_, base string) bool {
		return hasSuffix(base, ".kdbx", ".kdb", ".psafe3", ".keyring", ".agilekeychain", ".opvault", ".keychain", ".keychain-db")
	}, magic("\x03\xd9\xa2\x9a", "GnomeKeyring", "PWS3", "kych")},
	{"key-store", "key store", finding.Medium, func(file, base string) bool {
		return hasSuffix(base, ".p12", ".pfx", ".pkcs12", ".jks", ".keystore", ".bks", ".jceks")
	}, magic("\xfe\xed\xfe\xed", "\xce\xce\xce\xce", "\x30\x82", "\x30\x80", "\x00\x00\x00\x01", "\x00\x00\x00\x02")},
	{"terraform-state", "Terraform state with credentials", finding.High, func(_, base string) bool { return strings.Contains(base, ".tfstate") },
		expression(`(?i)"(?:[\w-]*password|[\w-]*secret|private_key(?:_pem)?|[\w-]*access_key|[\w-]*token|connection_string)"\s*:\s*"([^"]{6,})"`)},
	{"kubernetes-token", "Kubernetes service account token", finding.High, func(file, _ string) bool { return strings.Contains(file, "/serviceaccount/token") }, expression(`^\s*(eyJ[\w-]+\.eyJ)`)},
	{"gnupg-keys", "GnuPG private keys", finding.High, func(file, base string) bool {
		return base == "secring.gpg" || strings.Contains(file, "/private-keys-v1.d/")
	}, func(head []byte) (int, bool) { return 0, len(head) > 32 }},
	{"ansible-vault-password", "password of an Ansible vault", finding.Medium, oneOf(".vault_pass", ".vault_pass.txt", ".vault_password", "vault_password_file"), expression(`^(\S{4,})\s*$`)},
	{"shell-history", "history of commands", finding.Low, oneOf(".bash_history", ".zsh_history", ".sh_history", ".ash_history", ".history", ".python_history", ".psql_history", ".mysql_history", ".rediscli_history", ".node_repl_history", ".sqlite_history", "fish_history", "ConsoleHost_history.txt"),
		func(head []byte) (int, bool) { return 0, len(bytes.TrimSpace(head)) > 0 }},
	{"hub-config", "GitHub client credentials", finding.High, func(file, base string) bool {
		return base == "hub" || strings.HasSuffix(file, "gh/hosts.yml")
	}, expression(`(?m)^\s*-?\s*oauth_token:\s*["']?(\w{20,})`)},
	{"cloud-credentials", "credentials of a cloud's command line", finding.High, func(file, base string) bool {
		return strings.HasSuffix(file, "gcloud/credentials.db") || strings.HasSuffix(file, "gcloud/application_default_credentials.json") || strings.HasSuffix(file, ".azure/accessTokens.json") || strings.HasSuffix(file, ".azure/msal_token_cache.json") || strings.HasSuffix(file, "doctl/config.yaml")
	}, func(head []byte) (int, bool) {
		return 0, bytes.HasPrefix(head, []byte("SQLite format 3")) || bytes.Contains(head, []byte(`refresh_token`)) || bytes.Contains(head, []byte("access-token: ")) || bytes.Contains(head, []byte(`"secret"`))
	}},
}

func oneOf(names ...string) func(string, string) bool {
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	return func(_, base string) bool { return set[base] }
}

func hasSuffix(base string, suffixes ...string) bool {
	base = strings.ToLower(base)
	for _, s := range suffixes {
		if strings.HasSuffix(base, s) {
			return true
		}
	}
	return false
}

// expression looks for a value that is no placeholder.
func expression(pattern string) func([]byte) (int, bool) {
	re := regexp.MustCompile(pattern)
	return func(head []byte) (int, bool) {
		for _, at := range re.FindAllSubmatchIndex(head, 20) {
			v := strings.ToLower(string(head[at[2]:at[3]]))
			if !placeholder(v) && !variable.MatchString(v) {
				return 1 + bytes.Count(head[:at[2]], []byte{'\n'}), true
			}
		}
		return 0, false
	}
}

func magic(prefixes ...string) func([]byte) (int, bool) {
	return func(head []byte) (int, bool) {
		for _, p := range prefixes {
			if bytes.HasPrefix(head, []byte(p)) {
				return 0, true
			}
		}
		return 0, false
	}
}

// dockerAuths says that a Docker configuration holds credentials, not only the
// name of a helper that does.
func dockerAuths(head []byte) (int, bool) {
	type auth struct {
		Auth, IdentityToken, Password, RegistryToken string
	}
	var file struct{ Auths map[string]auth }
	if json.Unmarshal(head, &file) != nil {
		return 0, false
	}
	if file.Auths == nil { // .dockercfg
		if json.Unmarshal(head, &file.Auths) != nil {
			return 0, false
		}
	}
	for _, a := range file.Auths {
		if a.IdentityToken != "" || a.RegistryToken != "" || a.Password != "" {
			return 0, true
		}
		if raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(a.Auth, "=")); err == nil && bytes.IndexByte(raw, ':') > 0 && !bytes.HasSuffix(raw, []byte(":")) {
			return 0, true
		}
	}
	return 0, false
}

// known gives the kind of file that path is, or nil.
func known(file string) *sensitiveFile {
	base := path.Base(file)
	for i := range sensitiveFiles {
		if sensitiveFiles[i].name(file, base) {
			return &sensitiveFiles[i]
		}
	}
	return nil
}
