package scanner

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
)

// installed gives "name version" of the packages of a type, each once, in order.
func installed(r *finding.Report, t finding.Type, keep func(finding.Package) bool) []string {
	var out []string
	for _, p := range r.Packages {
		if p.Type == t && (keep == nil || keep(p)) {
			out = append(out, p.Name+" "+p.Version)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestRecallGo compares the modules of a Go program with what `go version -m` says.
func TestRecallGo(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if b, err := exec.Command("go", "build", "-o", program, "connectrpc.com/connect/cmd/protoc-gen-connect-go").CombinedOutput(); err != nil {
		t.Fatalf("cannot build a program: %v\n%s", err, b)
	}
	b, err := exec.Command("go", "version", "-m", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, program+":"):
			want = append(want, "stdlib "+strings.TrimPrefix(f[1], "go"))
		case (f[0] == "dep" || f[0] == "mod") && len(f) >= 3:
			want = append(want, f[1]+" "+f[2])
		}
	}
	r, err := Scan(t.Context(), Options{Kind: finding.KindRootfs, Source: dir})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, installed(r, finding.Go, nil)); diff != "" || len(want) < 3 {
		t.Errorf("%d modules, differs from go version -m:\n%s", len(want), diff)
	}
}
