package extract

import (
	"bytes"
	"io"
	"path"
	"regexp"

	"github.com/limpet-security/limpet/internal/finding"
)

// fingerprint tells a program that no package manager installed by a line that
// it carries.
type fingerprint struct {
	name  string         // what it is
	file  *regexp.Regexp // of its name
	lines []*regexp.Regexp
}

func shows(name, file string, lines ...string) fingerprint {
	f := fingerprint{name: name, file: regexp.MustCompile(`^(?:` + file + `)$`)}
	for _, l := range lines {
		f.lines = append(f.lines, regexp.MustCompile(l))
	}
	return f
}

// fingerprints: the lines are what the programs print or keep themselves, as
// their sources write them.
var fingerprints = []fingerprint{
	shows("python", `python\d*(\.\d+)?|libpython\d\.\d+m?\.so.*`, `\x00(\d\.\d+\.\d+(?:(?:a|b|rc)\d+)?\+?)\x00`, `python/(\d\.\d+\.\d+)`),
	shows("node", `node|libnode\.so.*`, `node\.js/v(\d+\.\d+\.\d+)`, `\x00node v(\d+\.\d+\.\d+)`, `nodejs\.org/download/release/v(\d+\.\d+\.\d+)`),
	shows("nginx", `nginx`, `nginx version: nginx/(\d+\.\d+\.\d+)`, `\x00nginx/(\d+\.\d+\.\d+)`),
	shows("redis", `redis-(?:server|cli|sentinel|benchmark)`, `Redis version=(\d+\.\d+\.\d+)`, `[^\d.](\d+\.\d+\.\d+)[a-z\d-]*\d{13,}\x00`, `redis-cli (\d+\.\d+\.\d+)`, `\x00(\d\.\d+\.\d+)\x00`),
	shows("openssl", `openssl|libcrypto\.so.*|libssl\.so.*`, `OpenSSL (\d\.\d\.\d+[a-z]*) +\d{1,2} [A-Z][a-z]{2} \d{4}`),
	shows("php", `php\d*(?:\.\d)?|php-fpm\d*(?:\.\d)?|libphp\d*\.so`, `X-Powered-By: PHP/(\d\.\d+\.\d+)`, `PHP/(\d\.\d+\.\d+)`),
	shows("ruby", `ruby\d*(?:\.\d)?|libruby.*\.so.*`, `ruby (\d\.\d+\.\d+)(?:p\d+)? \(`),
	shows("perl", `perl\d*(?:\.\d+)*|libperl\.so.*`, `/perl5?/(5\.\d+\.\d+)[/\x00]`, `This is perl.*v(5\.\d+\.\d+)`, `\x00v(5\.\d+\.\d+)\x00`),
	shows("busybox", `busybox.*`, `BusyBox v(\d+\.\d+\.\d+)`),
	shows("java", `java|libjvm\.so`, `\x00(\d+\.\d+\.\d+(?:\.\d+)*\+\d+(?:-\S{1,40})?)\x00`, `\x00(1\.[5-8]\.0_\d+-b\d+)\x00`),
	shows("httpd", `httpd|apache2`, `Apache/(2\.\d+\.\d+)`),
	shows("haproxy", `haproxy`, `HAProxy version (\d+\.\d+\.\d+)`, `\x00(\d\.\d+\.\d+)-[0-9a-f]{7,}\x00`),
	shows("memcached", `memcached`, `memcached (\d+\.\d+\.\d+)`),
	shows("postgresql", `postgres`, `PostgreSQL (\d+(?:\.\d+){1,2})`, `postgres \(PostgreSQL\) (\d+(?:\.\d+){1,2})`),
	shows("mariadb", `mariadbd|mysqld`, `(\d+\.\d+\.\d+)-MariaDB`),
	shows("curl", `curl|libcurl.*\.so.*`, `libcurl/(\d+\.\d+\.\d+)`, `curl/(\d+\.\d+\.\d+)`),
	shows("bash", `bash`, `@\(#\)Bash version (\d+\.\d+\.\d+)`),
	shows("sqlite", `libsqlite3\.so.*|sqlite3`, `\x00(3\.\d+\.\d+)\x00`),
	shows("zlib", `libz\.so.*`, `deflate (\d+\.\d+(?:\.\d+)*) Copyright`),
	shows("traefik", `traefik`, `traefik/(\d+\.\d+\.\d+)`),
	shows("envoy", `envoy`, `[0-9a-f]{40}/(\d+\.\d+\.\d+)/(?:Clean|Modified)`),
	shows("lighttpd", `lighttpd`, `lighttpd/(\d+\.\d+\.\d+)`),
	shows("dash", `dash`, `\x00dash (\d+\.\d+\.\d+)\x00`),
}

func readFingerprint(in *input, out *File) error {
	base := path.Base(in.Path)
	for _, f := range fingerprints {
		if !f.file.MatchString(base) {
			continue
		}
		version, err := f.version(in)
		if err != nil {
			return err
		}
		if version != "" {
			out.Packages = append(out.Packages, finding.Package{Type: finding.Binary, Name: f.name, Version: version, Evidence: "fingerprint of the program", Confidence: "medium"})
		}
		return nil
	}
	return nil
}

const (
	searchPiece   = 4 << 20
	searchOverlap = 4 << 10
)

// version gives what the first line that occurs anywhere says.
func (f *fingerprint) version(in *input) (string, error) {
	for _, line := range f.lines {
		v, err := search(in, line)
		if v != "" || err != nil {
			return v, err
		}
	}
	return "", nil
}

func search(in *input, line *regexp.Regexp) (string, error) {
	if in.all != nil {
		return firstGroup(line, in.all), nil
	}
	buf := make([]byte, min(searchPiece, in.Size))
	for off := int64(0); off < in.Size; off += searchPiece - searchOverlap {
		n, err := in.data.ReadAt(buf, off)
		if err != nil && err != io.EOF {
			return "", err
		}
		if v := firstGroup(line, buf[:n]); v != "" {
			return v, nil
		}
	}
	return "", nil
}

// firstGroup looks first where the fixed beginning of the expression occurs:
// most programs hold it nowhere.
func firstGroup(line *regexp.Regexp, b []byte) string {
	if prefix, _ := line.LiteralPrefix(); prefix != "" && !bytes.Contains(b, []byte(prefix)) {
		return ""
	}
	if m := line.FindSubmatch(b); m != nil && len(m[1]) < 64 {
		return string(m[1])
	}
	return ""
}
