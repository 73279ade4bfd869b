package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
)

// shellKeys are the keys of a pipeline's file under which shell stands.
var shellKeys = map[string]bool{"run": true, "command": true, "bash": true, "script": true, "before_script": true}

// shellOf gives the shell of a pipeline's file in its order.
func shellOf(name string, data []byte) ([]string, error) {
	var all []string
	if name == "Jenkinsfile" {
		for _, m := range regexp.MustCompile(`(?s)sh '''(.*?)'''`).FindAllStringSubmatch(string(data), -1) {
			all = append(all, m[1])
		}
		if strings.Count(string(data), "{") != strings.Count(string(data), "}") {
			return nil, fmt.Errorf("%s: its braces do not match", name)
		}
		return all, nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			value := n.Content[i+1]
			if shellKeys[n.Content[i].Value] && value.Kind == yaml.ScalarNode {
				all = append(all, value.Value)
				continue
			}
			if shellKeys[n.Content[i].Value] && value.Kind == yaml.SequenceNode {
				for _, line := range value.Content {
					all = append(all, line.Value)
				}
				continue
			}
			walk(value)
		}
		if n.Kind != yaml.MappingNode {
			for _, c := range n.Content {
				walk(c)
			}
		}
	}
	walk(&doc)
	return all, nil
}

// TestPipelines runs the shell of each template of infra/ci: on an image that
// must not pass, so that it is the judging step that ends it.
func TestPipelines(t *testing.T) {
	files, err := filepath.Glob("../../infra/ci/*")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	n := 0
	for _, file := range files {
		name := filepath.Base(file)
		if name == "README.md" {
			continue
		}
		n++
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := shellOf(name, data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		last := len(steps) - 1
		if last < 2 || !strings.Contains(steps[last], "limpet check") || strings.Contains(strings.Join(steps[:last], ""), "limpet check") {
			t.Fatalf("%s: judging is not its last step: %q", name, steps)
		}
		script := fmt.Sprintf(`env XDG_CACHE_HOME=$WORK/cache
env IMAGE=web.tar
env LIMPET_DB=$WORK/vulns.db
mkdebian web.tar 12
mkdb vulns.db 1
exec bash -eu before.sh
exists limpet.json
! exec bash -eu judge.sh
stdout 'fail'
-- before.sh --
%s
-- judge.sh --
%s
`, strings.Join(steps[:last], "\n"), steps[last])
		if err := os.WriteFile(filepath.Join(dir, strings.TrimSuffix(name, ".yml")+".txtar"), []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n != 5 {
		t.Fatalf("%d templates, want 5", n)
	}
	testscript.Run(t, testscript.Params{Dir: dir, RequireExplicitExec: true, Cmds: scriptCommands()})
}
