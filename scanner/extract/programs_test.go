package extract

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
)

func TestPrograms(t *testing.T) {
	for _, c := range []struct {
		list string
		code string
		more bool
	}{
		{"/.\n/usr\n/usr/bin\n/usr/bin/nginx\n/usr/share\n/usr/share/doc/nginx/copyright\n/etc/nginx/nginx.conf\n", "/usr/bin/nginx", false},
		{"/lib/x86_64-linux-gnu/libc.so.6\n/etc/ld.so.conf\n", "/lib/x86_64-linux-gnu/libc.so.6", false},
		{"/usr/bin/git\n/usr/lib/git-core/git-daemon\n", "/usr/bin/git", true}, // lists do not tell modes
		{"/usr/bin/perl\n/usr/share/perl5/A.pm\n", "/usr/bin/perl", true},
		{"/usr/share/zoneinfo/UTC\n", "", false},
		{"relative\n\n/usr/bin/" + strings.Repeat("a", maxCodePath), "", true},
	} {
		code, more := programs(c.list)
		if strings.Join(code, " ") != c.code || more != c.more {
			t.Errorf("%q: %q %v", c.list, code, more)
		}
	}
}

func TestFillFiles(t *testing.T) {
	packages := []finding.Package{{ID: "1", Type: finding.Deb, Name: "a"}, {ID: "2", Type: finding.Deb, Name: "many"}, {ID: "3", Type: finding.PyPI, Name: "b"}}
	many := ""
	for i := range finding.MaxFiles + 1 {
		many += fmt.Sprintf("/usr/lib/a/b/m%03d.so\n", i)
	}
	many += "/usr/lib/many.so.6\n"
	list := func(name, paths string) *placed {
		return &placed{File: &File{Owned: []Owned{{Name: name, Paths: paths}}}}
	}
	fillFiles(packages, []*placed{list("a", "/usr/bin/z\n/usr/bin/a\n"), list("a", "/usr/bin/a\n"), list("many", many), list("b", "/usr/bin/b\n"), list("gone", "/usr/bin/c\n")})
	if !slices.Equal(packages[0].Files, []string{"/usr/bin/a", "/usr/bin/z"}) || packages[0].MoreFiles || len(packages[1].Files) != finding.MaxFiles || !packages[1].MoreFiles || !slices.Contains(packages[1].Files, "/usr/lib/many.so.6") || packages[2].Files != nil {
		t.Errorf("%+v", packages)
	}
}
