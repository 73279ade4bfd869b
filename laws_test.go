package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/limpet-security/limpet/"

// law says what packages below From may not import, but for the exceptions.
type law struct {
	name   string
	from   []string // folders the law binds
	not    []string // import path prefixes; own packages as folders
	except []string // folders or imports to which it does not apply
}

var words = []string{"internal/version", "internal/tenant", "internal/workload", "internal/action", "internal/event", "internal/policy", "internal/glob", "internal/addrset", "internal/reputation", "internal/finding"}

var laws = []law{
	{
		name: "words hold plain data: no disk, network, processes",
		from: words,
		not:  []string{"os/exec", "net/http", "database/sql", "internal/kernel", "internal/intercept", "internal/uplink", "internal/enforcer", "controlplane", "layers", "microenforcer"},
	},
	{
		name: "judgement knows no mechanism and no network",
		from: []string{"internal/verdict", "internal/drift", "internal/bundle", "internal/assurance", "internal/attest", "internal/cosign"},
		not:  []string{"os/exec", "net/http", "internal/kernel", "internal/intercept", "internal/wire", "internal/uplink", "controlplane", "layers", "microenforcer"},
	},
	{
		name: "mechanism knows no policy",
		from: []string{"internal/kernel", "internal/intercept"},
		not:  []string{"internal/policy", "internal/verdict", "internal/drift", "internal/bundle", "internal/uplink", "internal/enforcer", "controlplane", "layers", "microenforcer"},
	},
	{
		name: "enforcers and what they share never import the control plane",
		from: []string{"internal/enforcer", "internal/uplink", "internal/wire", "microenforcer"},
		not: []string{"controlplane", "layers", "scanner", "internal/cli", "internal/image", "internal/assurance", "internal/finding",
			"github.com/google/go-containerregistry", "github.com/google/cel-go"},
	},
	{
		name:   "what enforcers link stays small: no Connect, no protobuf JSON",
		from:   []string{"internal", "microenforcer"},
		not:    []string{"connectrpc.com", "google.golang.org/protobuf/encoding/protojson", "internal/wire/handler", "internal/wire/wirepb/wirepbconnect"},
		except: []string{"internal/wire/handler", "internal/wire/wirepb/wirepbconnect", "internal/cli"},
	},
	{
		name: "the gateway holds no database and no room of the control plane",
		from: []string{"controlplane/gateway"},
		not: []string{"database/sql", "github.com/uptrace", "modernc.org", "github.com/jackc", "github.com/hashicorp/vault",
			"controlplane", "layers", "microenforcer", "internal/enforcer", "internal/kernel", "internal/intercept"},
		except: []string{"controlplane/gateway", "controlplane/authority"},
	},
	{
		name: "layers put files into images; they run nothing and know no server",
		from: []string{"layers"},
		not:  []string{"controlplane", "microenforcer", "internal/enforcer", "internal/kernel", "internal/intercept", "internal/uplink"},
	},
	{
		name: "the scanner reads artefacts; it runs nothing and knows no server",
		from: []string{"scanner"},
		not:  []string{"controlplane", "microenforcer", "layers", "internal/enforcer", "internal/kernel", "internal/intercept", "internal/uplink"},
	},
	{
		name: "nobody imports the command line but main and the demo",
		from: []string{"internal", "controlplane", "layers", "microenforcer", "scanner"},
		not:  []string{"internal/cli"},
	},
	{
		name:   "system calls are made in the mechanisms",
		from:   []string{"internal", "controlplane", "layers", "microenforcer", "scanner"},
		not:    []string{"golang.org/x/sys/unix"},
		except: []string{"internal/kernel", "internal/intercept", "microenforcer"},
	},
	{
		name: "nothing that ships uses cgo",
		from: []string{"internal", "controlplane", "layers", "microenforcer", "scanner", "infra"},
		not:  []string{"C", "github.com/seccomp/libseccomp-golang"},
		// The generator runs at build time only.
		except: []string{"internal/kernel/seccomp/gen", "internal/kernel/seccomp/generate"},
	},
}

// TestImports keeps the arrows of docs/ARCHITECTURE.md pointing one way.
func TestImports(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == "node_modules" || e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") && path != ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imp = strings.TrimPrefix(imp, module)
			for _, l := range laws {
				if l.forbids(filepath.ToSlash(path), imp) {
					t.Errorf("%s imports %s: %s", path, imp, l.name)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("only %d files were looked at: the test does not see the tree", files)
	}
}

func (l law) forbids(path, imp string) bool {
	in := func(name string, list []string) bool {
		return slices.ContainsFunc(list, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") })
	}
	return in(path, l.from) && in(imp, l.not) && !in(path, l.except) && !in(imp, l.except)
}

// TestLawsForbid holds the laws themselves: each must refuse something.
func TestLawsForbid(t *testing.T) {
	for _, l := range laws {
		if !l.forbids(l.from[0]+"/x.go", l.not[0]) && len(l.except) == 0 {
			t.Errorf("law %q forbids nothing", l.name)
		}
	}
}
