package enforcer

import (
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/policy"
)

func TestCaseBlind(t *testing.T) {
	mounts := procfs.ParseMounts([]byte(`22 1 0:20 / / rw - overlay overlay rw
31 22 0:41 / /mnt/share rw,relatime - cifs //storage/share rw,vers=3.1.1
`))
	for pattern, want := range map[policy.Glob]bool{
		"/mnt/share/secret":    true,
		"/mnt/share/keys/**":   true,
		"/mnt/share/*.key":     true,
		"/**/*.key":            true,
		"/mnt/*/secret":        true,
		"/mnt/share/**":        false,
		"/mnt/**":              false,
		"/**":                  false,
		"/mnt/share":           false,
		"/mnt/shared/secret":   false,
		"/etc/*.conf":          false,
		"/mnt":                 false,
		"/mnt/other/**/secret": false,
	} {
		why := caseBlind([]policy.Glob{"/etc/passwd", pattern}, mounts)
		if (why != "") != want || want && !strings.Contains(why, "/mnt/share (cifs)") {
			t.Errorf("%s: %q", pattern, why)
		}
	}
	if why := caseBlind([]policy.Glob{"/mnt/share/secret"}, mounts[:1]); why != "" {
		t.Error(why)
	}
	l, _ := newLoop(t, Config{}, "    fileRead: {mode: enforce, paths: [/mnt/share/secret]}\n    readOnlyFiles: {mode: enforce, paths: [/mnt/share/**]}")
	_, list := Status(l.Policies().Engine, Support{Known: true, Report: host(nil), Arms: seccomp.Arms{Reads: true}, Mounts: mounts})
	for _, st := range list {
		if got := strings.Contains(st.Reason, "takes no notice of case"); got != (st.Control == policy.FileRead) {
			t.Errorf("%s, %s: %s", st.Control, st.State, st.Reason)
		}
	}
}
