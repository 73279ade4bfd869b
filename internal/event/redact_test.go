package event

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedact(t *testing.T) {
	const h = Hidden
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	tests := []struct {
		name     string
		in, want []string
	}{
		{"nothing", []string{"nginx", "-g", "daemon off;"}, []string{"nginx", "-g", "daemon off;"}},
		{"empty", []string{}, []string{}},
		{"flag with equals", []string{"app", "--password=hunter2", "--port=80"}, []string{"app", "--password=" + h, "--port=80"}},
		{"flag and value", []string{"app", "--db-password", "hunter2", "-v"}, []string{"app", "--db-password", h, "-v"}},
		{"flag, value with dash and space", []string{"app", "--token", "-a b"}, []string{"app", "--token", h}},
		{"flag without value", []string{"app", "--password", "--verbose"}, []string{"app", "--password", "--verbose"}},
		{"last flag", []string{"app", "--password"}, []string{"app", "--password"}},
		{"single dash", []string{"java", "-Ddb.password=x1", "-jar", "a.jar"}, []string{"java", "-Ddb.password=" + h, "-jar", "a.jar"}},
		{"switches stay", []string{"app", "--use-token=true", "--no-password=1"}, []string{"app", "--use-token=true", "--no-password=1"}},
		{"files stay", []string{"app", "--password-file=/run/secrets/db", "--token-ttl=60", "--secret-name=db"}, []string{"app", "--password-file=/run/secrets/db", "--token-ttl=60", "--secret-name=db"}},
		{"mysql glued", []string{"/usr/bin/mysql", "-uroot", "-phunter2", "db"}, []string{"/usr/bin/mysql", "-uroot", "-p" + h, "db"}},
		{"mysqldump glued", []string{"mysqldump", "-phunter2"}, []string{"mysqldump", "-p" + h}},
		{"mysql asks", []string{"mysql", "-p", "db"}, []string{"mysql", "-p", "db"}},
		{"other -p stays", []string{"mkdir", "-p/var/lib"}, []string{"mkdir", "-p/var/lib"}},
		{"redis", []string{"redis-cli", "-a", "hunter2", "PING"}, []string{"redis-cli", "-a", h, "PING"}},
		{"redis server", []string{"redis-server", "--requirepass", "hunter2"}, []string{"redis-server", "--requirepass", h}},
		{"sshpass", []string{"sshpass", "-p", "hunter2", "ssh", "h"}, []string{"sshpass", "-p", h, "ssh", "h"}},
		{"curl user", []string{"curl", "-u", "bob:hunter2", "https://h/"}, []string{"curl", "-u", h, "https://h/"}},
		{"curl user glued", []string{"curl", "-ubob:hunter2"}, []string{"curl", "-u" + h}},
		{"curl header", []string{"curl", "-H", "Authorization: Bearer abc.def"}, []string{"curl", "-H", "Authorization: Bearer " + h}},
		{"curl basic", []string{"curl", "-H", "authorization: Basic Ym9iOmh1bnRlcjI="}, []string{"curl", "-H", "authorization: Basic " + h}},
		{"curl key header", []string{"curl", "-H", "X-Api-Key: abcdef"}, []string{"curl", "-H", "X-Api-Key: " + h}},
		{"cookie", []string{"curl", "-H", "Cookie: sid=abc; b=c"}, []string{"curl", "-H", "Cookie: " + h}},
		{"url", []string{"git", "clone", "https://bob:hunter2@example.com/r.git"}, []string{"git", "clone", "https://bob:" + h + "@example.com/r.git"}},
		{"url with at in password", []string{"psql", "postgres://u:p@ss@db:5432/x"}, []string{"psql", "postgres://u:" + h + "@db:5432/x"}},
		{"url token user", []string{"git", "clone", "https://0123456789abcdef0123@example.com/r"}, []string{"git", "clone", "https://" + h + "@example.com/r"}},
		{"url plain user", []string{"git", "clone", "ssh://git@example.com/r"}, []string{"git", "clone", "ssh://git@example.com/r"}},
		{"url query", []string{"curl", "https://h/?a=1&token=abc123&b=2"}, []string{"curl", "https://h/?a=1&token=" + h + "&b=2"}},
		{"variable", []string{"env", "DB_PASSWORD=hunter2", "PATH=/bin", "app"}, []string{"env", "DB_PASSWORD=" + h, "PATH=/bin", "app"}},
		{"shell", []string{"sh", "-c", "TOKEN=abc123 curl -d 'password=x9' http://h"}, []string{"sh", "-c", "TOKEN=" + h + " curl -d 'password=" + h + "' http://h"}},
		{"shell variable stays", []string{"sh", "-c", "mysql -u root --password=$PW"}, []string{"sh", "-c", "mysql -u root --password=$PW"}},
		{"shell flag", []string{"sh", "-c", "app --password hunter2 --verbose"}, []string{"sh", "-c", "app --password " + h + " --verbose"}},
		{"shell quoted", []string{"sh", "-c", `app --password "hunter 2" x`}, []string{"sh", "-c", `app --password "` + h + `" x`}},
		{"json", []string{"curl", "-d", `{"user":"bob","password":"hunter2"}`}, []string{"curl", "-d", `{"user":"bob","password":"` + h + `"}`}},
		{"aws id", []string{"app", "AKIAIOSFODNN7EXAMPLE"}, []string{"app", h}},
		{"aws secret", []string{"app", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}, []string{"app", h}},
		{"git commit stays", []string{"git", "checkout", "2f0a297d9c3b1a5e8f7061524334251607a8b9c0"}, []string{"git", "checkout", "2f0a297d9c3b1a5e8f7061524334251607a8b9c0"}},
		{"digest stays", []string{"app", "sha256:2f0a297d9c3b1a5e8f7061524334251607a8b9c02f0a297d9c3b1a5e8f706152"}, []string{"app", "sha256:2f0a297d9c3b1a5e8f7061524334251607a8b9c02f0a297d9c3b1a5e8f706152"}},
		{"jwt", []string{"app", jwt}, []string{"app", h}},
		{"jwt inside", []string{"app", "x=" + jwt + ","}, []string{"app", "x=" + h + ","}},
		{"github", []string{"app", "ghp_0123456789abcdefghijABCDEFGHIJ012345"}, []string{"app", h}},
		{"vault", []string{"app", "hvs.CAESIJ0123456789abcdefgh"}, []string{"app", h}},
		{"pem", []string{"app", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"}, []string{"app", "-----BEGIN PRIVATE KEY-----" + h + "-----END PRIVATE KEY-----"}},
		{"pem over arguments", []string{"app", "-----BEGIN RSA PRIVATE KEY-----", "MIIE", "-----END RSA PRIVATE KEY-----", "x"}, []string{"app", "-----BEGIN RSA PRIVATE KEY-----" + h, h, h, "x"}},
		{"certificate stays", []string{"app", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----"}, []string{"app", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----"}},
		{"openssl", []string{"openssl", "enc", "-k", "hunter2"}, []string{"openssl", "enc", "-k", h}},
		{"paths stay", []string{"ls", "/usr/share/password-store", "/etc/passwd"}, []string{"ls", "/usr/share/password-store", "/etc/passwd"}},
		{"cat shadow stays", []string{"sh", "-c", "cat /etc/passwd; ls secret"}, []string{"sh", "-c", "cat /etc/passwd; ls secret"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Redact(tt.in)); diff != "" {
				t.Errorf("Redact(%q) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestRedactKeepsItsInput(t *testing.T) {
	in := []string{"app", "--password", "hunter2"}
	Redact(in)
	if in[2] != "hunter2" {
		t.Error("the caller's arguments were changed")
	}
}

// FuzzRedact holds that a secret in a known place never comes through, and
// that nothing crashes or grows without bound.
func FuzzRedact(f *testing.F) {
	f.Add("hunter2", "app", "x")
	f.Add("-----BEGIN PRIVATE KEY-----", "mysql", "https://a:b@c/")
	f.Add("a\\", "sh", `{"token":"`)
	f.Add("eyJ", "curl", "-----BEGIN -----BEGIN ")
	f.Fuzz(func(t *testing.T, secret, program, extra string) {
		out := Redact([]string{program, extra, "--password=" + secret, extra})
		if len(out) != 4 {
			t.Fatalf("%d arguments from 4", len(out))
		}
		if secret != "" && len(secret) < 1000 && !harmless(secret) && out[2] != "--password="+Hidden && out[2] != Hidden {
			t.Errorf("secret %q came through: %q", secret, out[2])
		}
		for _, a := range Redact(out) {
			if len(a) > 4*(len(program)+len(extra)+len(secret)+100) {
				t.Errorf("grew to %d bytes", len(a))
			}
		}
		_ = strings.Join(out, " ")
	})
}
