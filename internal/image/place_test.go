package image

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestParsePlace(t *testing.T) {
	dir := t.TempDir()
	layout := filepath.Join(dir, "lay")
	if err := os.MkdirAll(layout, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(layout, "oci-layout"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	digest := "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for in, want := range map[string]Place{
		"nginx:1.27":                            {Kind: Registry},
		"registry.example.com/a/b:1":            {Kind: Registry},
		"registry://registry.example.com/a:1":   {Kind: Registry},
		"registry.example.com:5000/a@" + digest: {Kind: Registry},
		"docker://app:1":                        {Kind: Daemon},
		"daemon:app:1":                          {Kind: Daemon},
		"docker://" + digest:                    {Kind: Daemon, ID: digest},
		"docker://0123456789ab":                 {Kind: Daemon, ID: "0123456789ab"},
		"app.tar":                               {Kind: Archive, Path: "app.tar"},
		"app.tar#shop/web:1":                    {Kind: Archive, Path: "app.tar", Tag: "shop/web:1"},
		"tar:app":                               {Kind: Archive, Path: "app"},
		"tar:app#web:1":                         {Kind: Archive, Path: "app", Tag: "web:1"},
		"docker-archive:a.tar":                  {Kind: Archive, Path: "a.tar"},
		"./app":                                 {Kind: Archive, Path: "./app"},
		"oci:out":                               {Kind: Layout, Path: "out"},
		"oci:out:v1":                            {Kind: Layout, Path: "out", Tag: "v1"},
		"oci:/a:b/out":                          {Kind: Layout, Path: "/a:b/out"},
		"oci:out@" + digest:                     {Kind: Layout, Path: "out", Tag: digest},
		layout:                                  {Kind: Layout, Path: layout},
		"oci:" + layout:                         {Kind: Layout, Path: layout},
	} {
		got, err := ParsePlace(in, false)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got.Kind != want.Kind || got.ID != want.ID || got.Path != want.Path || got.Tag != want.Tag || got.String() != in {
			t.Errorf("%s: got %+v, want %+v", in, got, want)
		}
	}
	for _, in := range []string{"", "nginx", "docker://", "docker://nginx", "registry.example.com/a", "tar:", "tar:#x", "oci:", "UPPER/case:1", "a b:1", "localhost:5000/app"} {
		if p, err := ParsePlace(in, false); !errors.Is(err, ErrPlace) {
			t.Errorf("%q: got %+v, %v; want ErrPlace", in, p, err)
		}
	}
}

func FuzzParsePlace(f *testing.F) {
	for _, s := range []string{"nginx:1", "docker://a:1", "oci:x:y", "tar:a#b", "./x", "a@sha256:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePlace(s, false)
		if err != nil {
			return
		}
		if (p.Kind == Registry) != (p.Ref != nil) && p.Kind != Daemon {
			t.Fatalf("%q: %+v", s, p)
		}
	})
}
