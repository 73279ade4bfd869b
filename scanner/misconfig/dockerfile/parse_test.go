package dockerfile

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	f, err := Parse([]byte("\xef\xbb\xbf# syntax=docker/dockerfile:1\r\n# a remark\nfrom --platform=$BUILDPLATFORM debian:12 AS base\n\n" +
		"RUN apt-get update && \\\n  # in between\n\n  apt-get install -y \"a b\" \\\n  nginx\n" +
		"COPY --from=base [\"a b\", \"/c\"]\nENV A=\"x y\" B=z\nRUN <<-EOF cat <<'TWO'\n\techo $HOME\n\tEOF\n  two\nTWO\nCMD echo \"<<NOT\"\nCMD echo <<<here\n"))
	if err != nil {
		t.Fatal(err)
	}
	type short struct {
		Name, Args string
		Words      []string
		Heredocs   []string
		Line       int
	}
	var got []short
	for _, i := range f.Instructions {
		got = append(got, short{i.Name, i.Args, i.Words(), i.Heredocs, i.Line})
	}
	want := []short{
		{"FROM", "debian:12 AS base", []string{"debian:12", "AS", "base"}, nil, 3},
		{"RUN", `apt-get update &&   apt-get install -y "a b"   nginx`, []string{"apt-get", "update", "&&", "apt-get", "install", "-y", "a b", "nginx"}, nil, 5},
		{"COPY", `["a b", "/c"]`, []string{"a b", "/c"}, nil, 10},
		{"ENV", `A="x y" B=z`, []string{"A=x y", "B=z"}, nil, 11},
		{"RUN", "<<-EOF cat <<'TWO'", []string{"<<-EOF", "cat", "<<'TWO'"}, []string{"echo $HOME\n", "  two\n"}, 12},
		{"CMD", `echo "<<NOT"`, []string{"echo", "<<NOT"}, nil, 17},
		{"CMD", "echo <<<here", []string{"echo", "<<<here"}, nil, 18},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Comment{{2, "a remark"}, {6, "in between"}}, f.Comments); d != "" {
		t.Error(d)
	}
	if v, ok := f.Instructions[2].Flag("from"); v != "base" || !ok {
		t.Errorf("--from is %q, %v", v, ok)
	}
}

func TestEscapeDirective(t *testing.T) {
	f, err := Parse([]byte("# escape=`\nFROM x\nRUN dir c:\\\nCOPY a `\n  b\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Instructions) != 3 || f.Instructions[1].Args != `dir c:\` || f.Instructions[2].Args != "a   b" {
		t.Errorf("%+v", f.Instructions)
	}
}

func TestNoDockerfile(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "a comment": "# x\n", "another language": "import os\n", "no end": "FROM x\nRUN <<EOF\nx\n", "bad escape": "# escape=x\nFROM x\n",
		"too large": "FROM x\n#" + strings.Repeat("x", MaxBytes), "too many": strings.Repeat("RUN x\n", MaxInstructions+1),
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("FROM a AS b\nRUN <<EOF\nx\nEOF\nCOPY [\"a\",\"b\"]\nRUN a \\\n#x\n b"))
	f.Add([]byte("# escape=`\nFROM x\nENV A=\"b\\\""))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse(text)
		if err != nil {
			return
		}
		lines := strings.Count(string(text), "\n") + 1
		for _, i := range file.Instructions {
			i.Words()
			if i.Line < 1 || i.Line+len(i.Lines)-1 > lines || !names[i.Name] {
				t.Errorf("%+v of %d lines", i, lines)
			}
		}
	})
}
