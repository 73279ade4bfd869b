package sensitive

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
)

// class says how a file is looked at.
type class int

const (
	plain   class = iota // rules
	config               // rules, and assignments
	code                 // rules, and assignments of literals
	quiet                // documentation, tests, a package manager's: rules, of low severity
	skipped              // not at all
)

// Files that hold no text worth a look, by extension.
var skipExt = words(`
	.png .jpg .jpeg .gif .bmp .ico .webp .svg .tif .tiff .ttf .otf .woff .woff2 .eot .mp3 .mp4 .ogg .wav .avi .mov .pdf .psd
	.gz .xz .bz2 .zst .lz4 .br .zip .jar .war .ear .whl .egg .gem .rpm .deb .apk .7z .rar .tar .tgz .nupkg
	.so .a .o .ko .pyc .pyo .class .dll .exe .mo .gmo .db-journal .wasm .bin .dat .afm .pfb .hyb .map .vim .po .pot`)

// Configuration, by extension.
var configExt = words(`
	.env .yml .yaml .json .properties .conf .cfg .cnf .ini .toml .xml .config .tf .tfvars .tfstate .plist .rc .settings .prefs .local
	.credentials .service .pgpass .htpasswd .netrc .hcl .secret .secrets .key .reg .inc .opts .json5 .jsonc .sql .dist .prod .production .staging .dev .development .backup .bak .old .orig .save`)

// Source code, by extension.
var codeExt = words(`.php .py .rb .js .ts .mjs .cjs .jsx .tsx .go .java .kt .scala .cs .vb .pl .pm .sh .bash .zsh .ps1 .psm1 .bat .cmd .groovy .gradle .lua .r .swift .c .cpp .h .rs .ex .exs .clj .erb .ejs .jsp .asp .aspx .vue .dockerfile .mk .cmake .ipynb`)

// Folders whose content is somebody else's: a distribution's packages, a
// language's packages.
var ownedPrefix = []string{
	"/usr/share/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/", "/usr/libexec/", "/usr/include/", "/usr/bin/", "/usr/sbin/", "/usr/src/", "/usr/games/",
	"/lib/", "/lib32/", "/lib64/", "/bin/", "/sbin/", "/boot/", "/snap/",
	"/usr/local/go/", "/usr/local/lib/python", "/usr/local/lib/ruby/", "/usr/local/include/", "/usr/local/share/",
}

var ownedPart = regexp.MustCompile(`/(?:node_modules|bower_components|site-packages|dist-packages|vendor/(?:bundle|github\.com|golang\.org|k8s\.io|google\.golang\.org|gopkg\.in|[\w-]+/[\w-]+/src)|gems/[\w.-]+-\d|go/pkg/mod|\.cargo/registry|\.m2/repository|[\w.-]+\.dist-info|[\w.-]+\.egg-info|__pycache__)/`)

var quietPart = regexp.MustCompile(`(?i)(?:^|[/._-])(?:tests?|testdata|testing|specs?|fixtures?|mocks?|examples?|samples?|demos?|docs?|documentation|man|locales?|i18n|translations?|lang|languages)/|/(?:readme|changelog|changes|news|history\.md|license|copying|copyright|authors)[\w.-]{0,20}$|\.(?:md|rst|adoc|txt\.gz|html?|css|example|sample|template|tmpl|tpl|po|1|3|5|8)$|(?:^|/)[\w.-]*(?:example|sample|_test)\.[a-z]+$|(?:^|/)(?:package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|composer\.lock|poetry\.lock|cargo\.lock|go\.sum|gemfile\.lock|pipfile\.lock)$|\.min\.js$`)

// Files of a distribution in which words such as passwd are no credentials.
var ordinary = regexp.MustCompile(`^/etc/(?:nsswitch\.conf|login\.defs|services|protocols|pam\.d/|security/|debconf\.conf|adduser\.conf|deluser\.conf|apt/|dpkg/|alternatives/|init\.d/|default/useradd|bash_completion\.d/|ssl/openssl\.cnf|ssh/sshd?_config$|ssh/moduli$|pki/tls/openssl|mime\.types$|locale)|^/etc/(?:passwd|group|subuid|subgid)-?$|^/var/(?:lib/(?:dpkg|apt|rpm|pam|systemd|ucf|apk|yum|dnf)|cache|log)/|^/(?:proc|sys|dev)/`)

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// owned says that a package manager brought the file, as far as its path tells.
func owned(file string) bool {
	return slices.ContainsFunc(ownedPrefix, func(p string) bool { return strings.HasPrefix(file, p) }) || ownedPart.MatchString(file)
}

// classify says how the file is looked at.
func classify(file string) class {
	base := path.Base(file)
	ext := strings.ToLower(path.Ext(base))
	switch {
	case skipExt[ext], strings.HasPrefix(file, "/proc/"), strings.HasPrefix(file, "/sys/"), strings.HasPrefix(file, "/dev/"):
		return skipped
	case owned(file), quietPart.MatchString(file):
		return quiet
	case ordinary.MatchString(file):
		return plain
	case configExt[ext], ext == "", strings.HasPrefix(base, "."), strings.HasPrefix(base, "env."), strings.HasSuffix(base, "rc"):
		return config
	case codeExt[ext]:
		return code
	}
	return plain
}

// unprintable says that the content is no text.
func unprintable(head []byte) bool {
	return bytes.IndexByte(head[:min(len(head), 4096)], 0) >= 0
}

// program says that the content is an ELF file, a PE file or an archive.
func program(head []byte) bool {
	for _, magic := range []string{"\x7fELF", "MZ\x90", "!<arch>\n", "\xfe\xed\xfa", "\xcf\xfa\xed\xfe", "\x1f\x8b", "PK\x03\x04", "\xfd7zXZ", "(\xb5/\xfd"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

// placeholder says that the value (in lower case) stands for another.
func placeholder(s string) bool {
	for _, word := range []string{
		"example", "changeme", "change_me", "change-me", "change_this", "placeholder", "your_", "your-", "yourp", "yours", "<your", "xxxx", "****", "....", "redacted",
		"insert", "replace", "dummy", "sample", "notreal", "not_real", "fakep", "fake_", "enter_", "put_your", "my-secret", "mysecret", "some-secret", "super-secret",
		"abcdefgh", "12345678901", "0000000000", "foobar", "lorem", "none of", "${", "{{", "$(", "<%", "%s", "%(", "%{", "...",
	} {
		if strings.Contains(s, word) {
			return true
		}
	}
	return false
}

// filler says that a token's characters were not drawn: EXAMPLE, xxxx, 1234.
func filler(secret []byte) bool {
	s := strings.ToLower(string(secret))
	for _, word := range []string{"example", "xxxxxx", "000000", "123456789", "abcdefghijk", "placeholder", "redacted", "yourtoken", "your_", "......", "******"} {
		if strings.Contains(s, word) {
			return true
		}
	}
	return false
}
