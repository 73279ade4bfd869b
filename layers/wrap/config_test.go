package wrap

import (
	"encoding/json"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestWrapEntrypoint(t *testing.T) {
	ours := "/.limpet/microenforcer run --"
	for in, want := range map[string]string{
		"":                       ours,
		"/bin/app":               ours + " /bin/app",
		ours:                     ours,
		ours + " /bin/app":       ours + " /bin/app",
		ours + " " + ours + " x": ours + " x",
		"/.limpet/microenforcer": ours + " /.limpet/microenforcer",
	} {
		if got := strings.Join(wrapEntrypoint(strings.Fields(in)), " "); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestWrapHealth(t *testing.T) {
	h := []string{"CMD", "/.limpet/microenforcer", "healthcheck", "--"}
	with := func(words ...string) []string { return append(append([]string{}, h...), words...) }
	for _, tc := range []struct {
		name              string
		test, shell, want []string
	}{
		{"inherited", nil, nil, nil},
		{"empty", []string{}, nil, []string{}},
		{"none", []string{"NONE"}, nil, []string{"NONE"}},
		{"CMD", []string{"CMD", "curl", "-f", "x"}, nil, with("curl", "-f", "x")},
		{"CMD-SHELL", []string{"CMD-SHELL", "curl x || exit 1"}, nil, with("/bin/sh", "-c", "curl x || exit 1")},
		{"SHELL instruction", []string{"CMD-SHELL", "true"}, []string{"/bin/bash", "-ec"}, with("/bin/bash", "-ec", "true")},
		{"ours already", with("x"), nil, with("x")},
		{"CMD without a command", []string{"CMD"}, nil, []string{"CMD"}},
	} {
		if diff := cmp.Diff(tc.want, wrapHealth(tc.test, tc.shell)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// TestUnknownKeysSurvive: keys that no library of ours knows stay.
func TestUnknownKeysSurvive(t *testing.T) {
	in := `{"architecture":"amd64","os":"linux","moby.buildkit.cache.v0":"AAA","config":{"Cmd":["/a"],"StopTimeout":7,"X":"<&>"},"rootfs":{"type":"layers","diff_ids":["sha256:` + strings.Repeat("a", 64) + `"],"base":1},"history":[{"created_by":"x"}],"big":12345678901234567890}`
	c, err := parseConfig([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.wrapped(v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("b", 64)}, "1", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"moby.buildkit.cache.v0":"AAA"`, `"StopTimeout":7`, `"X":"<&>"`, `"base":1`, `"big":12345678901234567890`, `"Cmd":["/a"]`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s is lost: %s", want, out)
		}
	}
}

// FuzzConfig: whatever configuration is accepted, the wrapped one starts the
// enforcer, for a reader that minds case and for one that does not.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"config":{"Entrypoint":["/a"],"Healthcheck":{"Test":["CMD","x"]}},"rootfs":{"diff_ids":[]},"history":[{}]}`))
	f.Add([]byte(`{"config":null,"rootfs":null}`))
	f.Add([]byte(`{"CONFIG":{"entryPoint":[],"LABELS":null}}`))
	f.Add([]byte(`{"config":{"Entrypoint":"x"}}`))
	f.Add([]byte(`{"config":{"Entrypoint":["a"],"Entrypoint":["b"]}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := parseConfig(raw)
		if err != nil {
			return
		}
		out, err := c.wrapped(v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("b", 64)}, "1", map[string]string{"x": "y"})
		if err != nil {
			return
		}
		var got v1.ConfigFile
		if err := json.Unmarshal(out, &got); err != nil {
			return // a key we do not touch is not what the library expects
		}
		if len(got.Config.Entrypoint) < 3 || !cmp.Equal(got.Config.Entrypoint[:3], runPrefix) {
			t.Fatalf("%s -> %s", raw, out)
		}
		again, err := parseConfig(out)
		if err != nil {
			t.Fatalf("own output is refused: %v: %s", err, out)
		}
		if !cmp.Equal(wrapEntrypoint(again.Entrypoint), again.Entrypoint) {
			t.Fatalf("wrapping twice changes the entrypoint: %q", again.Entrypoint)
		}
	})
}

func FuzzOwnLayer(f *testing.F) {
	layer, err := layerFiles{"/.limpet/config.json": []byte("{}"), originalConfig: []byte("{}")}.build("", true)
	if err != nil {
		f.Fatal(err)
	}
	rc, err := layer.Uncompressed()
	if err != nil {
		f.Fatal(err)
	}
	defer rc.Close()
	var b strings.Builder
	buf := make([]byte, 32<<10)
	for {
		n, err := rc.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			break
		}
	}
	f.Add([]byte(b.String()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		files, err := parseOwnLayer(raw)
		if err != nil {
			return
		}
		for name := range files {
			if !strings.HasPrefix(name, "/.limpet/") || path.Clean(name) != name {
				t.Fatalf("accepted %q", name)
			}
		}
	})
}
