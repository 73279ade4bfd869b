package extract

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	mediatypes "github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
)

// hiveOf lets Debian's hivexsh write a hive. Each line is a key's path with its
// values: a\b|name=string:x|number=dword:1.
func hiveOf(t testing.TB, keys ...string) string {
	t.Helper()
	bare, err := os.ReadFile("hive/testdata/bare.hive")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "hive")
	if err := os.WriteFile(file, bare, 0o600); err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	made := map[string]bool{}
	for _, k := range keys {
		values := strings.Split(k, "|")
		at := ""
		for _, part := range strings.Split(values[0], `\`) {
			if next := at + `\` + part; !made[next] {
				fmt.Fprintf(&script, "cd \\%s\nadd %s\n", strings.TrimPrefix(at, `\`), part)
				made[next] = true
			}
			at += `\` + part
		}
		fmt.Fprintf(&script, "cd %s\nsetval %d\n", at, len(values)-1)
		for _, v := range values[1:] {
			name, value, _ := strings.Cut(v, "=")
			fmt.Fprintf(&script, "%s\n%s\n", name, value)
		}
	}
	cmd := exec.Command("hivexsh", "-w", file)
	cmd.Stdin = strings.NewReader(script.String() + "commit\n")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("hivexsh: %v %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	uninstall = `Microsoft\Windows\CurrentVersion\Uninstall`
	servicing = `Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages`
	version   = `Microsoft\Windows NT\CurrentVersion`
)

// windowsLayers are the layers of an image as Windows writes them.
func windowsLayers(t testing.TB) [][]tarEntry {
	lowest := hiveOf(t, version+`|ProductName=string:Windows Server 2022 Datacenter|DisplayVersion=string:21H2|CurrentBuild=string:20348|CurrentMajorVersionNumber=dword:10|CurrentMinorVersionNumber=dword:0|UBR=dword:1006`,
		servicing+`\Package_for_KB5034770~31bf3856ad364e35~amd64~~20348.2322.1.9|CurrentState=dword:112`, servicing+`\Package_for_KB1~31bf3856ad364e35~amd64~~1|CurrentState=dword:64`)
	second := hiveOf(t, version+`|UBR=dword:2340`, uninstall+`\{1}|DisplayName=string:Git|DisplayVersion=string:2.44.0`, `WOW6432Node\`+uninstall+`\x|DisplayName=string:Old Tool|DisplayVersion=string:1.2`)
	third := hiveOf(t, uninstall+`\{2}|DisplayName=string:Node.js|DisplayVersion=string:20.11.1`)
	return [][]tarEntry{
		{reg("Files/Windows/System32/config/SOFTWARE", lowest), reg("UtilityVM/Files/Windows/System32/config/SOFTWARE", third)},
		{reg("Hives/Software_Delta", second), reg("Files/app/node_modules/a/package.json", pkgJSON("a"))},
		{reg("Hives/Software_Delta", third), reg("Files/shop/shop.deps.json", `{"runtimeTarget":{"name":".NETCoreApp,Version=v8.0"},"targets":{".NETCoreApp,Version=v8.0":{"Newtonsoft.Json/12.0.1":{}}},"libraries":{"Newtonsoft.Json/12.0.1":{"type":"package","serviceable":true,"sha512":"x","path":"newtonsoft.json/12.0.1"}}}`)},
	}
}

func TestWindowsImage(t *testing.T) {
	var tars [][]byte
	for _, l := range windowsLayers(t) {
		tars = append(tars, tarOf(t, l...))
	}
	r := mustScan(t, imageOfTars(tars...))
	if d := cmp.Diff(&finding.OS{ID: "windows", Version: "10.0.20348.2340", Codename: "21H2", Name: "Windows Server 2022 Datacenter 21H2"}, r.OS); d != "" {
		t.Error(d)
	}
	var got []string
	for _, p := range r.Packages {
		layer := slices.IndexFunc(tars, func(b []byte) bool { return image.Digest(b).String() == p.Places[0].Layer })
		got = append(got, fmt.Sprintf("%s %s %s %d", p.Type, p.Name, p.Version, layer))
	}
	want := []string{"npm a 1.0.0 1", "nuget Newtonsoft.Json 12.0.1 2", "windows Git 2.44.0 1", "windows KB5034770 20348.2322.1.9 0", "windows Node.js 20.11.1 2", "windows Old Tool 1.2 1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if r.Integrity.Verdict != finding.Complete {
		t.Errorf("%+v", r.Integrity)
	}
	for _, p := range r.Packages {
		if p.Type == finding.Windows && !strings.HasPrefix(p.PURL, "pkg:generic/") {
			t.Errorf("%s", p.PURL)
		}
	}
}

// TestForeignLayers: layers that registries may not give out are read where they
// are at hand, and told of where not; no address in a manifest is asked.
func TestForeignLayers(t *testing.T) {
	b := tarOf(t, good)
	l := layerOf(b, b)
	l.MediaType = mediatypes.DockerForeignLayer
	if r := mustScan(t, imageOf(l)); r.Integrity.Verdict != finding.Complete || len(r.Packages) != 1 {
		t.Errorf("at hand: %+v", r)
	}
	l.Open = func() (io.ReadCloser, error) { return nil, image.ErrNotFound }
	other := tarOf(t, reg("app/node_modules/b/package.json", pkgJSON("b")))
	r := mustScan(t, imageOf(l, layerOf(other, other)))
	if r.Integrity.Verdict != finding.Partial || len(r.Integrity.Anomalies) != 1 || r.Integrity.Anomalies[0].Code != "layer-foreign" || len(r.Packages) != 1 {
		t.Errorf("not at hand: %+v", r)
	}
}
