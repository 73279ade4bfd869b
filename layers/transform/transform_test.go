package transform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the expected files anew")

// images are what the definitions of testdata run.
var images = map[string]Start{
	"registry.example.com/shop/web:1.4":   {Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx", "-g", "daemon off;"}},
	"registry.example.com/shop/worker:2":  {Cmd: []string{"python3"}},
	"registry.example.com/shop/wrapped:1": {Entrypoint: []string{"/.limpet/microenforcer", "run", "--", "/app"}},
}

func ask(_ context.Context, image string) (Start, error) {
	s, ok := images[image]
	if !ok {
		return Start{}, errors.New("no such image")
	}
	return s, nil
}

func options() Options {
	return Options{Carrier: "registry.example.com/limpet-carrier:1", Ignore: []string{"log-*"}, Start: ask, Gateway: "limpet.example.com:8444"}
}

func transform(t *testing.T, data []byte, o Options) ([]byte, *Result) {
	t.Helper()
	out, r, err := Transform(t.Context(), data, o)
	if err != nil {
		t.Fatal(err)
	}
	return out, r
}

// Each definition of testdata becomes what lies beside it; again it becomes
// the same, and undone what it was.
func TestDefinitions(t *testing.T) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		if strings.Contains(file, ".want") {
			continue
		}
		n++
		t.Run(filepath.Base(file), func(t *testing.T) {
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			o := options()
			switch filepath.Base(file) {
			case "ecs.json":
				o.TokenSecret, o.CPU, o.Memory = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:limpet", "64", "128"
			case "arm.json":
				o.TokenSecret = "[parameters('token')]"
			case "kubernetes.yaml", "cloudrun.yaml":
				o.TokenSecret, o.CPU, o.Memory = "limpet/token", "100m", "64Mi"
			case "cloudformation.yaml":
				o.Priority = Availability
			case "terraform.tf":
				o.Carrier, o.TokenSecret, o.CPU = "${var.registry}/limpet-carrier:1", "${aws_secretsmanager_secret.limpet.arn}", "64"
			case "terraform-concat.tf":
				o.Ignore = append(o.Ignore, "*.sidecars")
			case "terraform-json-style.tf":
				o.Gateway, o.Entrypoints = "", map[string][]string{"b": {"/entry"}}
			}
			out, r := transform(t, in, o)
			if !r.Changed {
				t.Error("nothing changed")
			}
			want := strings.TrimSuffix(file, filepath.Ext(file)) + ".want" + filepath.Ext(file)
			if *update {
				if err := os.WriteFile(want, out, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(golden), string(out)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if again, r := transform(t, out, o); r.Changed || !bytes.Equal(again, out) {
				t.Errorf("again it changes:\n%s", cmp.Diff(string(out), string(again)))
			}
			back, r := transform(t, out, Options{Undo: true})
			if !r.Changed {
				t.Error("there was nothing to undo")
			}
			was := func(data []byte) string { // Terraform gets commas where they may stand
				if filepath.Ext(file) != ".tf" {
					return string(data)
				}
				return strings.ReplaceAll(string(data), ",\n", "\n")
			}
			if d := cmp.Diff(was(in), was(back)); d != "" {
				t.Errorf("undone it is not the original:\n%s", d)
			}
			marked := func(data []byte) []byte {
				return append([]byte("\ufeff"), bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))...)
			}
			if windows, _ := transform(t, marked(in), o); !bytes.Equal(windows, marked(out)) {
				t.Errorf("with a mark and other ends of lines it becomes something else:\n%s", cmp.Diff(string(marked(out)), string(windows)))
			}
			if again, r := transform(t, in, Options{Undo: true}); r.Changed || !bytes.Equal(again, in) {
				t.Error("undoing nothing changes something")
			}
		})
	}
	if n < 20 {
		t.Errorf("only %d definitions", n)
	}
}

func TestCommandsGoOnMeaningTheSame(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"of the image", `"image":"registry.example.com/shop/web:1.4"`, "/docker-entrypoint.sh nginx -g daemon off;"},
		{"own arguments", `"image":"registry.example.com/shop/web:1.4","command":["sh"]`, "/docker-entrypoint.sh sh"},
		{"no arguments", `"image":"registry.example.com/shop/web:1.4","command":[]`, "/docker-entrypoint.sh nginx -g daemon off;"},
		{"own entrypoint drops the image's arguments", `"image":"registry.example.com/shop/web:1.4","entryPoint":["/x"]`, "/x"},
		{"own both", `"image":"nobody.example.com/knows:1","entryPoint":["/x"],"command":["y"]`, "/x y"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, _ := transform(t, []byte(`[{"name":"a",`+tt.in+`}]`), options())
			var list []struct {
				EntryPoint, Command []string
			}
			if err := json.Unmarshal(out, &list); err != nil {
				t.Fatal(err)
			}
			got := strings.Join(append(list[0].EntryPoint, list[0].Command...), " ")
			if want := "/.limpet/microenforcer run -- " + tt.want; got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// Texts that are written in ways that are hard to change become right all the
// same, if not as they were written.
func TestHardToWrite(t *testing.T) {
	for name, in := range map[string]string{
		"a dash alone":          "kind: Pod\napiVersion: v1\nspec:\n  containers:\n  -\n    name: a\n    image: registry.example.com/shop/web:1.4\n  -\n    name: b\n    image: registry.example.com/shop/worker:2\n",
		"brackets over lines":   "kind: Pod\napiVersion: v1\nspec: {containers: [{name: a,\n    image: 'registry.example.com/shop/web:1.4', # a\n    env: [\n      {name: \"A]\", value: it's},\n    ]},\n  {name: b, image: \"registry.example.com/shop/worker:2\"\n}]}\n",
		"no end of line":        "kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - name: a\n    image: registry.example.com/shop/web:1.4\n  - {name: b, image: registry.example.com/shop/worker:2}",
		"a text that keeps all": "kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - name: a\n    image: registry.example.com/shop/web:1.4\n  - name: b\n    image: registry.example.com/shop/worker:2\n    env:\n    - name: A\n      value: |+\n        x\n\n\n",
		"other letters":         "kind: Pod\napiVersion: v1\nspec:\n  \"containers\":\n  - {name: a, env: [{name: ключ, value: \"日本\"}], image: registry.example.com/shop/web:1.4}\n  - name: b # 日本\n    image: registry.example.com/shop/worker:2\n",
		"question marks":        "kind: Pod\napiVersion: v1\nspec:\n  ? containers\n  : - name: a\n      image: registry.example.com/shop/web:1.4\n    - name: b\n      image: registry.example.com/shop/worker:2\n",
		"documents":             "# one\n---\n# two\n---\nkind: Pod\napiVersion: v1\nspec:\n  containers:\n  - name: a\n    image: registry.example.com/shop/web:1.4\n  - name: b\n    image: registry.example.com/shop/worker:2\n...\n---\nkind: Service\napiVersion: v1\n",
	} {
		t.Run(name, func(t *testing.T) {
			out, r := transform(t, []byte(in), options())
			var pod struct {
				Spec struct {
					Containers []struct {
						Name          string
						Command, Args []string
					}
				}
			}
			if err := yaml.Unmarshal(out[bytes.Index(out, []byte("kind: Pod")):], &pod); err != nil {
				t.Fatal(err)
			}
			if c := pod.Spec.Containers; len(c) != 2 || c[0].Name != "a" || strings.Join(append(c[0].Command, c[0].Args...), " ") != "/.limpet/microenforcer run -- /docker-entrypoint.sh nginx -g daemon off;" ||
				strings.Join(append(c[1].Command, c[1].Args...), " ") != "/.limpet/microenforcer run -- python3" || len(r.Containers) != 2 {
				t.Errorf("%+v\n%s", c, out)
			}
			if again, r := transform(t, out, options()); r.Changed {
				t.Errorf("again it changes:\n%s", again)
			}
			back, _ := transform(t, out, Options{Undo: true})
			var was, is any
			if yaml.Unmarshal([]byte(in), &was) != nil || yaml.Unmarshal(back, &is) != nil || !cmp.Equal(was, is) {
				t.Errorf("undone it is\n%s", back)
			}
		})
	}
}

// Where a pod must not run as root, neither must the carrier; elsewhere nothing
// is said of a user, because some clusters choose one themselves.
func TestCarrierThatMustNotBeRoot(t *testing.T) {
	for _, tt := range []struct {
		name, pod, container string
		user, warnings       int
	}{
		{"nobody asks", "", "", 0, 0},
		{"the pod asks", "securityContext: {runAsNonRoot: true}", "", nobody, 2},
		{"the pod asks and names a user", "securityContext: {runAsNonRoot: true, runAsUser: 1000}", "", 0, 1},
		{"the container asks", "restartPolicy: Always", "securityContext: {runAsNonRoot: true, runAsUser: 1000},", nobody, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, r := transform(t, []byte("apiVersion: v1\nkind: Pod\nspec:\n  "+tt.pod+"\n  containers:\n    - {name: a, "+tt.container+" image: registry.example.com/shop/web:1.4}\n"), options())
			var pod struct {
				Spec struct {
					InitContainers []struct {
						SecurityContext struct {
							RunAsNonRoot bool `yaml:"runAsNonRoot"`
							RunAsUser    int  `yaml:"runAsUser"`
						} `yaml:"securityContext"`
					} `yaml:"initContainers"`
				}
			}
			if err := yaml.Unmarshal(out, &pod); err != nil {
				t.Fatal(err)
			}
			sc := pod.Spec.InitContainers[0].SecurityContext
			if sc.RunAsUser != tt.user || sc.RunAsNonRoot != (tt.warnings > 0) || len(r.Warnings) != tt.warnings {
				t.Errorf("%+v, %q\n%s", sc, r.Warnings, out)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		o        func(*Options)
		want     error
		says     string
	}{
		{"nothing known", `{"a":1}`, nil, ErrUnknown, "Kubernetes"},
		{"empty", "", nil, ErrShape, "empty"},
		{"no YAML", "a: [", nil, ErrSyntax, "line 1"},
		{"twice the same key", `{"containerDefinitions":[],"containerDefinitions":[]}`, nil, ErrSyntax, "twice"},
		{"unknown command", `[{"name":"a","image":"nobody.example.com/knows:1"}]`, nil, ErrStart, "--entrypoint a="},
		{"no carrier", `[{"name":"a","image":"registry.example.com/shop/web:1.4"}]`, func(o *Options) { o.Carrier = "" }, ErrCarrier, "--carrier"},
		{"no priority", `[{"name":"a","image":"x"}]`, func(o *Options) { o.Priority = "speed" }, nil, "security or availability"},
		{"Windows", `{"containerDefinitions":[],"runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}}`, nil, ErrShape, "Windows"},
		{"an expression for a command", `{"Resources":{"T":{"Type":"AWS::ECS::TaskDefinition","Properties":{"ContainerDefinitions":[{"Name":"a","Image":"x","EntryPoint":{"Ref":"E"}}]}}}}`, nil, ErrShape, "not written out"},
		{"an alias", "kind: Pod\napiVersion: v1\nspec:\n  volumes: &v []\n  containers: [{name: a, image: registry.example.com/shop/web:1.4, volumeMounts: *v}]\n", nil, ErrShape, "alias"},
		{"merged", "kind: Pod\napiVersion: v1\nx: &b {image: registry.example.com/shop/web:1.4}\nspec:\n  containers:\n    - name: a\n      <<: *b\n", nil, ErrShape, "line 6: container \"a\" merges"},
		{"a shared command", "kind: Pod\napiVersion: v1\nspec:\n  containers:\n    - {name: a, image: x, command: &c [/x]}\n    - {name: b, image: x, command: *c}\n", nil, ErrShape, "line 5: container \"a\": command is shared"},
		{"a comma too many", "{\n \"containerDefinitions\": [\n  {\"name\": \"a\",}\n ]\n}", nil, ErrSyntax, "line 3: "},
		{"no number of CPU units", `[{"name":"a","image":"registry.example.com/shop/web:1.4"}]`, func(o *Options) { o.CPU = "100m" }, nil, `"100m": ECS wants a whole number`},
		{"no Terraform", "resource \"aws_ecs_task_definition\" \"a\" {\n  container_definitions = jsonencode([)\n}\n", nil, ErrSyntax, "line 2: "},
		{"Terraform without a task", "resource \"null_resource\" \"a\" {\n}\n", nil, ErrShape, "no aws_ecs_task_definition"},
		{"Terraform that reads a file", "resource \"aws_ecs_task_definition\" \"a\" {\n  container_definitions = file(\"task.json\")\n}\n", nil, ErrShape, "line 2: container_definitions of a is not written as jsonencode"},
		{"a computed container", "resource \"aws_ecs_task_definition\" \"a\" {\n  container_definitions = jsonencode([\n    local.web,\n  ])\n}\n", nil, ErrShape, "line 3: local.web is not written out here"},
		{"a computed list", "resource \"aws_ecs_task_definition\" \"a\" {\n  container_definitions = jsonencode(concat([], var.more))\n}\n", nil, ErrShape, "line 2: var.more is not written out here"},
		{"a computed Windows", "resource \"aws_ecs_task_definition\" \"a\" {\n  container_definitions = jsonencode([])\n  runtime_platform {\n    operating_system_family = \"WINDOWS_SERVER_2022_CORE\"\n  }\n}\n", nil, ErrShape, "line 4: the task is for Windows"},
		{"a Helm template", "kind: Pod\nspec:\n{{- if .Values.x }}\n  a: b\n{{- end }}\n", nil, ErrSyntax, "helm template"},
		{"tabs", "kind: Pod\nspec:\n\ta: b\n", nil, ErrSyntax, "no tabs"},
		{"a Compose file", "services:\n  web:\n    image: x\n", nil, ErrUnknown, "limpet wrap IMAGE"},
		{"a Terraform module", "module \"ecs\" {\n  source = \"x\"\n}\n", nil, ErrShape, "no aws_ecs_task_definition"},
		{"a heredoc with directives", "resource \"aws_ecs_task_definition\" \"a\" {\n  container_definitions = <<EOF\n[%{ if x }%{ endif }]\nEOF\n}\n", nil, ErrShape, "line 2: container_definitions of a has template directives"},
		{"a heredoc that is no JSON", "resource \"aws_ecs_task_definition\" \"a\" {\n  container_definitions = <<EOF\n[\n  {,}\n]\nEOF\n}\n", nil, ErrSyntax, "at line 2 of its heredoc"},
		{"Terraform's JSON that reads a file", "{\"resource\": {\"aws_ecs_task_definition\": {\n\"a\": {\"container_definitions\": \"${file(\\\"task.json\\\")}\"}}}}", nil, ErrShape, "line 2: container_definitions of a is not written as jsonencode"},
		{"Terraform's JSON with a list", `{"resource": {"aws_ecs_task_definition": {"a": {"container_definitions": [{"name": "a"}]}}}}`, nil, ErrShape, "container_definitions of a is no text"},
		{"Terraform's JSON with half a text", `{"resource": {"aws_ecs_task_definition": {"a": {"container_definitions": "[{"}}}}`, nil, ErrSyntax, "container_definitions of a cannot be read as JSON"},
		{"Terraform's JSON with two expressions", `{"resource": {"aws_ecs_task_definition": {"a": {"container_definitions": "${jsonencode([])}${x}"}}}}`, nil, ErrSyntax, "container_definitions of a"},
		{"Terraform's JSON with a computed container", `{"resource": {"aws_ecs_task_definition": {"a": [{"container_definitions": "${jsonencode([local.web])}"}]}}}`, nil, ErrShape, "line 1: container_definitions of a cannot be changed: local.web is not written out here"},
		{"a pod for nodes of Windows", "kind: Pod\napiVersion: v1\nspec:\n  nodeSelector: {kubernetes.io/os: windows}\n", nil, ErrShape, "line 4: the pod is for Windows"},
		{"two of a name", "kind: Pod\napiVersion: v1\nspec:\n  containers:\n    - {name: a, image: x, command: [/x]}\n    - {name: a, image: registry.example.com/shop/web:1.4}\n", nil, ErrShape, "another container has this name"},
		{"two nameless containers", "apiVersion: serving.knative.dev/v1\nkind: Service\nspec:\n  template:\n    spec:\n      containers:\n        - {image: x}\n        - {image: y}\n", nil, ErrShape, "line 7: container 1 has no name; give it one"},
		{"a forged original", `[{"name":"limpet-enforcer","image":"x","environment":[{"name":"LIMPET_ORIGINAL","value":"{"}]},{"name":"a","image":"x"}]`, nil, ErrShape, "LIMPET_ORIGINAL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options()
			if tt.o != nil {
				tt.o(&o)
			}
			_, _, err := Transform(t.Context(), []byte(tt.in), o)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %v with %q", err, tt.want, tt.says)
			}
		})
	}
}

func FuzzTransform(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o := options()
		o.Start = func(context.Context, string) (Start, error) { return Start{Entrypoint: []string{"/x"}}, nil }
		out, _, err := Transform(t.Context(), data, o)
		if err != nil {
			return
		}
		if json.Valid(data) && !json.Valid(out) {
			t.Errorf("no JSON any more: %s", out)
		}
		again, r, err := Transform(t.Context(), out, o)
		if err != nil || r.Changed {
			t.Errorf("again: %v\n%s\n%s", err, out, again)
		}
		back, _, err := Transform(t.Context(), out, Options{Undo: true})
		if err != nil || json.Valid(data) && !json.Valid(back) {
			t.Errorf("undo: %v\n%s", err, back)
		}
	})
}
