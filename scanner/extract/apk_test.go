package extract

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
)

// TestApkDatabase lists a database that apk wrote, in each place where it lies.
func TestApkDatabase(t *testing.T) {
	b, err := os.ReadFile("testdata/apk-installed")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"bash 5.2.21-r0 x86_64 bash [GPL-3.0-or-later]", "busybox-binsh 1.36.1-r15 x86_64 busybox [GPL-2.0-only]",
		"musl 1.2.4_git20230717-r4 x86_64 musl [MIT]", "readline 8.2.1-r2 x86_64 readline [GPL-2.0-or-later]"}
	for _, path := range []string{"lib/apk/db/installed", "usr/lib/apk/db/installed", "var/lib/apk/db/installed"} {
		r := mustScan(t, imageOfTars(tarOf(t, reg(path, string(b)))))
		var got []string
		for _, p := range r.Packages {
			if p.Type == finding.APK {
				got = append(got, fmt.Sprintf("%s %s %s %s %s", p.Name, p.Version, p.Arch, p.SourceName, p.Licences))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}
