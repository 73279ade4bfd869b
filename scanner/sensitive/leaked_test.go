package sensitive_test

import (
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/scanner/inspect"
	"github.com/limpet-security/limpet/scanner/sensitive"
)

func newInspector(t testing.TB) *sensitive.Inspector {
	t.Helper()
	i, err := sensitive.New(sensitive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func file(path, content string) inspect.File {
	return inspect.File{Info: inspect.Info{Path: path, Mode: 0o644, Size: int64(len(content))}, Head: []byte(content), Whole: true}
}

// drawn gives n characters of the alphabet that look drawn: a fixed sequence,
// so that no real secret stands here and none is mistaken for one.
func drawn(alphabet string, n int) string {
	var b strings.Builder
	for x := uint32(1); b.Len() < n; {
		x = x*1664525 + 1013904223
		b.WriteByte(alphabet[int(x>>16)%len(alphabet)])
	}
	return b.String()
}

const (
	alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	hex   = "0123456789abcdef"
)

// withChecksum appends what GitHub does.
func withChecksum(prefix, body string) string {
	const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := crc32.ChecksumIEEE([]byte(body))
	tail := make([]byte, 6)
	for i := 5; i >= 0; i-- {
		tail[i] = base62[sum%62]
		sum /= 62
	}
	return prefix + body + string(tail)
}

// leaked are files as people leave them in images and repositories.
func leaked() map[string]string {
	return map[string]string{
		"/root/.bash_profile":              "export PATH=$PATH:~/bin\nexport HOMEBREW_GITHUB_TOKEN=" + drawn(hex, 40) + "\n",
		"/root/.bashrc":                    "alias ll='ls -l'\nexport GMAIL_PASSWORD=\"Pass!12345\"\n",
		"/root/.docker/config.json":        `{"auths":{"https://index.docker.io/v1/":{"auth":"dXNlcjpzM2NyZXRwdw=="}}}`,
		"/home/a/.docker/config.json":      `{"auths":{"https://index.docker.io/v1/":{"auth":"dXNlcjpzM2NyZXRwdzE"}}}`, // without padding
		"/app/service-account.json":        inJSON(),
		"/root/.dockercfg":                 `{"https://index.docker.io/v1/":{"auth":"dXNlcjpzM2NyZXRwdw==","email":"a@b.c"}}`,
		"/home/a/.mozilla/x/logins.json":   `{"logins":[{"encryptedUsername":"MDIE","encryptedPassword":"MDIE"}]}`,
		"/root/.aws/credentials":           "[default]\naws_access_key_id = AKIA" + drawn("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16) + "\naws_secret_access_key = " + drawn(alnum+"/+", 40) + "\n",
		"/root/.s3cfg":                     "[default]\nbucket_location = US\nsecret_key = " + drawn(alnum, 40) + "\nuse_https = True\n",
		"/root/.tugboat":                   "---\nauthentication:\n  client_key: " + drawn(hex, 32) + "\n  api_key: " + drawn(hex, 32) + " # comment\n",
		"/app/heroku.json":                 `{"heroku":{"HEROKU_EMAIL":"h@example.com","HEROKU_API_KEY":"` + drawn(hex, 32) + `"}}`,
		"/app/db/dump.sql":                 "INSERT INTO `users` VALUES\n(1,'rogers','$2y$12$" + drawn(alnum, 53) + "',1);\n",
		"/app/db/mongoid.yml":              "production:\n  sessions:\n    default:\n      database: main\n      options:\n        password: 'mongo-Pa55'\n",
		"/etc/shadow":                      "root:*:19000:0:99999:7:::\nadmin:$6$saltsalt$" + drawn(alnum, 86) + ":19000:0:99999:7:::\n",
		"/root/.config/recentservers.xml":  "<FileZilla3>\n<Server><Host>h</Host><User>root</User>\n<Pass encoding=\"base64\">NjllNWU5ZWMwZDU0MmU5Y2Q=</Pass></Server>\n",
		"/srv/keys/cert-key.pem":           newKey(),
		"/srv/keys/putty.ppk":              "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nComment: rsa-key\nPublic-Lines: 1\nAAAAB3NzaC1yc2E=\nPrivate-Lines: 2\n" + drawn(alnum, 64) + "\n" + drawn(alnum, 64) + "\nPrivate-MAC: x\n",
		"/etc/proftpd/passwd.ftp.conf":     "ftpuser:$1$abcdefgh$" + drawn(alnum, 22) + ":1000:1000::/srv:/bin/false\n",
		"/app/config/master.key":           drawn(hex, 32) + "\n",
		"/app/config/secrets.yml":          "production:\n  secret_key_base: " + drawn(hex, 128) + "\n",
		"/var/www/.env":                    "APP_NAME=shop\nDB_HOST=db\nDB_PASSWORD=hunter22\nMAIL_PASSWORD=null\n",
		"/root/.npmrc":                     "//registry.npmjs.org/:_authToken=" + drawn(hex, 8) + "-1f2e-4c3b-9a8d-" + drawn(hex, 12) + "\n",
		"/var/www/html/wp-config.php":      "<?php\ndefine('DB_NAME', 'wp');\ndefine( 'DB_PASSWORD', 'W0rd-Pre55' );\n",
		"/var/www/html/.htpasswd":          "admin:$apr1$abcdefgh$" + drawn(alnum, 22) + "\n",
		"/root/.git-credentials":           "https://octo:" + drawn(alnum, 20) + "@git.corp.internal\n",
		"/root/.robomongo.json":            `{"connections":[{"userPassword":"m0ng0-Adm1n","sshPassphrase":"swordfish"}]}`,
		"/app/salesforce.js":               "conn.login('ops@corp.org', 'sfPassw0rd!x', function(err) {});\n",
		"/root/.netrc":                     "machine api.heroku.com\n  login a@b.c\n  password " + drawn(hex, 30) + "\n",
		"/root/.config/hub":                "---\ngithub.com:\n- user: octo\n  oauth_token: \"" + drawn(hex, 40) + "\"\n",
		"/root/irssi/config":               "IRC_HOST=irc.corp.org\nIRC_NICK=nick\nIRC_PASS=irc_pass\n",
		"/root/.pgpass":                    "db.corp:5432:main:app:Pg-Pa55\n",
		"/opt/ventrilo_srv.ini":            "[Server]\nName=Server\nAuth=1\nAdminPassword=AdminPassword123\n",
		"/var/www/html/config.php":         "<?php\n$dbuser = 'root';\n$dbpasswd = 'pass123';\n",
		"/root/dbeaver-data-sources.xml":   `<connection host="h" user="u" password="Orac1e"/>`,
		"/root/.esmtprc":                   "hostname smtp.corp.org:587\nusername \"a@b.c\"\npassword \"password\"\n",
		"/app/settings.py":                 "DEBUG = True\nSECRET_KEY = '" + drawn(alnum+"!@#$%", 50) + "'\n",
		"/app/deployment-config.json":      "{\n  \"host\": \"corp.org\",\n  \"username\": \"root\",\n  \"password\": \"hunter22\"\n}",
		"/app/.ftpconfig":                  "{\n  \"pass\": \"hunter22\",\n  \"promptForPass\": false\n}",
		"/app/.vscode/sftp.json":           `{"host":"h","username":"u","password":"Sf7p-pass"}`,
		"/app/.idea/WebServers.xml":        `<fileTransfer host="h" port="21" password="dff9dfdfdfdadfcfdfd8dff9" username="root">`,
		"/root/.kube/config":               "users:\n- name: admin\n  user:\n    client-key-data: " + drawn(alnum, 80) + "\n",
		"/app/terraform.tfstate":           `{"resources":[{"instances":[{"attributes":{"password":"Tf-Sta7e-pw","username":"u"}}]}]}`,
		"/app/deploy.yaml":                 "env:\n- name: DB_PASSWORD\n  value: \"K8s-Pa55w0rd\"\n",
		"/app/appsettings.json":            `{"ConnectionStrings":{"Main":"Server=db;Database=shop;User Id=sa;Password=Sq1-Serv3r;"}}`,
		"/app/application.properties":      "spring.datasource.url=jdbc:postgresql://db/shop\nspring.datasource.password=Spr1ng-pw\n",
		"/app/config/database.yml":         "production:\n  url: postgres://app:Rai1s-pw@db.corp:5432/shop\n",
		"/app/gcp.json":                    `{"type":"service_account","private_key_id":"` + drawn(hex, 40) + `","client_email":"x@y.iam"}`,
		"/app/.github-token":               withChecksum("ghp_", drawn(alnum, 30)),
		"/app/ci.sh":                       "#!/bin/sh\nexport NPM_TOKEN=" + withChecksum("npm_", drawn(alnum[10:], 30)) + "\n",
		"/app/slack.py":                    "TOKEN = 'xoxb-" + drawn("0123456789", 12) + "-" + drawn(alnum, 24) + "'\n",
		"/app/pay.rb":                      "Stripe.api_key = 'sk_live_" + drawn(alnum, 24) + "'\n",
		"/app/mail.js":                     "sg.setApiKey('SG." + drawn(alnum, 22) + "." + drawn(alnum[5:], 43) + "')\n",
		"/etc/wireguard/wg0.conf":          "[Interface]\nPrivateKey = " + drawn(alnum, 43) + "=\n",
		"/root/.bash_history":              "ls\nmysql -u root\n",
		"/srv/certs/site.p12":              "\x30\x82\x09\x00" + drawn(alnum, 60),
		"/app/azure.env":                   "STORAGE=DefaultEndpointsProtocol=https;AccountName=x;AccountKey=" + drawn(alnum, 86) + "==;EndpointSuffix=core.windows.net\n",
		"/app/token.txt":                   "pypi-AgEIcHlwaS5vcmc" + drawn(alnum, 80) + "\n",
		"/home/a/.config/gh/hosts.yml":     "github.com:\n    oauth_token: gho_" + drawn(alnum, 36) + "\n",
		"/app/web.config":                  "<appSettings>\n<add key=\"SmtpPassword\" value=\"Dot-Ne7-pw\" />\n</appSettings>",
		"/app/mailchimp.yml":               "mailchimp: " + drawn(hex, 32) + "-us11\n",
		"/root/.config/rclone/rclone.conf": "[remote]\ntype = s3\nsecret_access_key = " + drawn(alnum, 40) + "\n",
	}
}

// clean are files without secrets, that look a little like the others.
var clean = map[string]string{
	"/etc/nsswitch.conf":                  "passwd: files systemd\nshadow: files\n",
	"/etc/shadow":                         "root:*:19000:0:99999:7:::\ndaemon:!:19000::::::\n",
	"/root/.docker/config.json":           `{"auths":{"https://index.docker.io/v1/":{}},"credsStore":"desktop"}`,
	"/app/.env":                           "DB_PASSWORD=${DB_PASSWORD}\nAPI_KEY=\nSECRET_KEY=changeme_in_production\nTOKEN=<your-token>\n",
	"/app/config.yml":                     "password: !vault x\npassword_file: /run/secrets/db\npassword_encryption: scram-sha-256\ntoken_url: https://a/b\nmax_tokens: 4096\n",
	"/app/settings.py":                    "SECRET_KEY = os.environ['SECRET_KEY']\nPASSWORD = getpass.getpass()\nlabel_password = 'Password'\n",
	"/app/main.go":                        "func login(password string) error { token := newToken(password) }\nconst tokenKey = \"token\"\n",
	"/app/.npmrc":                         "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n",
	"/app/x.yaml":                         "secretKeyRef:\n  name: db\n  key: password\nimagePullSecrets: [regcred]\nserviceAccountToken: {}\n",
	"/app/README.md":                      "Set `password: s3cr3t-pass` in the file.\n",
	"/app/url.conf":                       "url = postgres://user:${PASSWORD}@db/x\nrepo = https://github.com/a/b\nproxy = http://user:<password>@host/\n",
	"/app/doc.conf":                       "# password = Real-Pa55word\n; token=abcd1234efgh5678ijkl\n",
	"/app/aws.conf":                       "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
	"/usr/share/doc/x/config":             "password = Real-Pa55word\n",
	"/app/node_modules/a/index.js":        "const password = 'Real-Pa55word1';\n",
	"/app/key.pem":                        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
	"/app/parser.c":                       "if (strstr(s, \"-----BEGIN RSA PRIVATE KEY-----\")) password = read_password();\n",
	"/app/locales/en.json":                `{"password":"Your Password 1","login":{"password":"Secret1234!"}}`,
	"/root/.bash_history":                 "\n",
	"/app/package-lock.json":              `{"integrity":"sha512-` + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" + `==","token":"js-tokens-4.0.0"}`,
	"/app/api.ts":                         "const headers = { Authorization: `Bearer ${token}` };\ntype Props = { password: string; apiKey?: string };\n",
	"/app/form.php":                       "<input type=\"password\" name=\"password\" placeholder=\"Password\">\n$password = $_POST['password'];\n",
	"/etc/ssh/sshd_config":                "PasswordAuthentication yes\nPermitRootLogin prohibit-password\n",
	"/etc/mysql/conf.d/mysql.cnf":         "[mysql]\npassword\n#password=x\n",
	"/etc/kubernetes/admin-template.conf": "users:\n- user:\n    token: <token>\n",
}

// TestLeaked holds the goal for files found, and says which were not.
func TestLeaked(t *testing.T) {
	i := newInspector(t)
	for path, content := range leaked() {
		f := file(path, content)
		if i.Wants(f.Info).Zero() || len(i.Inspect(f).Secrets) == 0 {
			t.Errorf("nothing found in %s", path)
		}
	}
}

func TestClean(t *testing.T) {
	i := newInspector(t)
	for path, content := range clean {
		for _, s := range i.Inspect(file(path, content)).Secrets {
			t.Errorf("%s: %+v", path, s)
		}
	}
}

// TestNothingLeaves holds that no secret of the corpus is in a finding.
func TestNothingLeaves(t *testing.T) {
	i := newInspector(t)
	for path, content := range leaked() {
		for _, s := range i.Inspect(file(path, content)).Secrets {
			for _, piece := range strings.Split(s.Masked, "********") {
				if len(piece) > 12 {
					t.Errorf("%s shows %q", path, s.Masked)
				}
			}
			if strings.Contains(s.Title, "hunter22") || s.Category == "password" && s.Masked != "********" {
				t.Errorf("%s shows %+v", path, s)
			}
		}
	}
}

// TestCorpus looks through a folder of leaked files (LIMPET_LEAKED), or of
// clean ones (LIMPET_CLEAN), and prints what it finds: an evaluation.
func TestCorpus(t *testing.T) {
	for _, name := range []string{"LIMPET_LEAKED", "LIMPET_CLEAN"} {
		root := os.Getenv(name)
		if root == "" {
			continue
		}
		i := newInspector(t)
		files, with, total := 0, 0, 0
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return nil
			}
			f := inspect.File{Info: inspect.Info{Path: inRoot(root, path), Mode: info.Mode(), Size: info.Size()}}
			files++
			if i.Wants(f.Info).Zero() {
				return nil
			}
			if f.Head, err = os.ReadFile(path); err != nil {
				return nil
			}
			secrets := i.Inspect(f).Secrets
			if len(secrets) > 0 {
				with++
			} else if name == "LIMPET_LEAKED" {
				t.Logf("nothing in %s", f.Path)
			}
			total += len(secrets)
			for _, s := range secrets {
				t.Logf("%s:%d %s %s %s", s.Place.Path, s.Place.Line, s.Rule, s.Severity, s.Masked)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d files, %d with findings, %d findings", name, files, with, total)
	}
}

// inRoot is the path as the artefact has it; LIMPET_PREFIX stands before it
// where root is a part of a system: /usr.
func inRoot(root, path string) string {
	return filepath.Join("/", os.Getenv("LIMPET_PREFIX"), strings.TrimPrefix(path, root))
}
