package wrap

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/policy"
)

// instructions are the lines without comments.
func instructions(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSuffix(line, "\n"))
		}
	}
	return out
}

func TestDockerfileLines(t *testing.T) {
	host := registryHost(t)
	push(t, ref(host, "app:1"), sample(t, "amd64", true, theConfig))
	push(t, ref(host, "multi:1"), sampleIndex(t))
	start := []string{
		`ENTRYPOINT ["/.limpet/microenforcer","run","--","/bin/app","--serve"]`,
		`CMD ["a","b"]`,
		`HEALTHCHECK --interval=30s --retries=3 CMD ["/.limpet/microenforcer","healthcheck","--","/bin/sh","-c","curl -f localhost"]`,
	}
	for _, tc := range []struct {
		d    Dockerfile
		want []string
	}{
		{Dockerfile{Version: "1"}, []string{"ARG TARGETARCH=amd64", "COPY .limpet/${TARGETARCH}/ /.limpet/", `LABEL dev.limpet.wrapped="1"`, `ENTRYPOINT ["/.limpet/microenforcer","run","--"]`}},
		{Dockerfile{Version: "1", From: "limpet:1", Source: open(t, ref(host, "app:1"))}, append([]string{"COPY --from=limpet:1 /.limpet/ /.limpet/", `LABEL dev.limpet.wrapped="1"`}, start...)},
		{Dockerfile{Version: "1", From: "limpet:1", Source: open(t, ref(host, "multi:1"))}, append([]string{"COPY --from=limpet:1 /.limpet/ /.limpet/", `LABEL dev.limpet.wrapped="1"`}, start...)},
	} {
		got, err := tc.d.Lines()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, instructions(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestWriteContext(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // again over what is there
		if err := WriteContext(context.Background(), dir, localIdentity(t, policy.Audit), []string{"amd64", "arm64"}, fakeEnforcer); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"amd64/microenforcer": 0o555, "arm64/microenforcer": 0o555, "amd64/config.json": 0o444, "arm64/bundle": 0o444} {
		info, err := os.Stat(filepath.Join(dir, ContextDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	all, err := filepath.Glob(filepath.Join(dir, ContextDir, "*", "*"))
	if err != nil || len(all) != 6 {
		t.Errorf("%v %v", all, err)
	}
}
