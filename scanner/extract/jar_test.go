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
	foreign := jarOf(map[string][]byte{"META-INF/MANIFEST.MF": []byte("Manifest-Version: 1.0\nBundle-Version: 4.2.3\n"), "META-INF/maven/cglib/cglib/pom.properties": []byte("groupId=cglib\nartifactId=cglib\nversion=3.2.12\n")})
	hamcrest := jarOf(map[string][]byte{"META-INF/MANIFEST.MF": []byte("Manifest-Version: 1.0\nBundle-SymbolicName: org.hamcrest\n")})
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
		{"renamed.jar", shaded, []string{"g:own 1  java archive ", "h:in 2  java archive "}},
		{"guice.jar", foreign, []string{"cglib:cglib 3.2.12  java archive ", "guice 4.2.3 guess java manifest " + sum(foreign)}},
		{"hamcrest-2.2.jar", hamcrest, []string{"org.hamcrest:hamcrest 2.2 guess java archive's name " + sum(hamcrest)}},
		{"jsr305-0.1~+svn49.jar", plain, []string{"jsr305 0.1~+svn49 guess java archive's name " + sum(plain)}},
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
