package extract

import (
	"crypto/sha1"
	"fmt"
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
)

// TestJarNames: Maven's properties are a name; a manifest and a file name are a
// guess, said to be one, with the digest that may tell better.
func TestJarNames(t *testing.T) {
	plain := jarOf(map[string][]byte{"a.class": []byte("x")})
	lang := jarOf(map[string][]byte{"META-INF/MANIFEST.MF": []byte("Manifest-Version: 1.0\nBundle-SymbolicName: org.apache.commons.lang3\nImplementation-Version: 3.12.0\n")})
	shaded := jarOf(map[string][]byte{"META-INF/maven/g/own/pom.properties": []byte("groupId=g\nartifactId=own\nversion=1\n"), "META-INF/maven/h/in/pom.properties": []byte("groupId=h\nartifactId=in\nversion=2\n")})
	war := jarOf(map[string][]byte{"WEB-INF/lib/plain-7.1.jar": plain, "WEB-INF/lib/own.jar": shaded})
	sum := func(b []byte) string { return fmt.Sprintf("%x", sha1.Sum(b)) }
	for _, c := range []struct {
		file string
		data []byte
		want []string
	}{
		{"plain-7.1.jar", plain, []string{"plain 7.1 guess java archive's name " + sum(plain)}},
		{"plain.jar", plain, nil},
		{"commons-lang3.jar", lang, []string{"org.apache.commons:commons-lang3 3.12.0 guess java manifest " + sum(lang)}},
		{"own.jar", shaded, []string{"g:own 1  java archive ", "h:in 2  java archive "}},
		{"shop.war", war, []string{"g:own 1  java archive ", "h:in 2  java archive ", "plain 7.1 guess java archive's name " + sum(plain)}},
	} {
		r := mustScan(t, imageOfTars(tarOf(t, reg("app/"+c.file, string(c.data)))))
		var got []string
		for _, p := range r.Packages {
			if p.Type == finding.Maven {
				got = append(got, fmt.Sprintf("%s %s %s %s %s", p.Name, p.Version, p.Confidence, p.Evidence, p.SHA1))
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %q, want %q", c.file, got, c.want)
		}
	}
}
