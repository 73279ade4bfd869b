package misconfig_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/misconfig"
)

// Files with nothing to say against them.
const (
	goodDockerfile = `# syntax=docker/dockerfile:1
ARG BASE=debian:12.5
FROM golang:1.26 AS build
COPY go.mod cmd/ /src/
RUN go build -o /app ./cmd
FROM $BASE
RUN apt-get update && apt-get install -y --no-install-recommends nginx=1.22.1-9 \
    && rm -rf /var/lib/apt/lists/*
ENV TOKEN_FILE=/run/t PATH=/bin DB_PASSWORD=
COPY --from=build /app /app
COPY site.tls.pub /etc/
ADD rootfs.tar.gz /srv/
WORKDIR /srv
COPY .limpet/amd64/ /.limpet/
USER app
EXPOSE 8080
HEALTHCHECK CMD ["/app", "health"]
ENTRYPOINT ["/.limpet/microenforcer", "--", "/app"]
CMD ["serve"]
`
	goodCompose = `services:
  web:
    image: shop/web:1.4
    user: "1000:1000"
    read_only: true
    mem_limit: 200m
    security_opt: ["no-new-privileges:true"]
    cap_drop: [ALL]
    ports: ["8080:80"]
    environment:
      DB_PASSWORD: ${DB_PASSWORD}
      LEVEL: info
    volumes: ["data:/data", "./conf:/conf:ro"]
volumes: {data: {}}
`
	goodKube = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      volumes: [{name: tmp, emptyDir: {}}]
      containers:
        - name: web
          image: shop/web:1.4
          env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: p}}}]
          resources: {limits: {memory: 200Mi}}
          readinessProbe: {httpGet: {path: /, port: 8080}}
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
`
)

// configCases change a good file so that exactly one check fails, on the line given.
var configCases = []struct {
	id       string
	old, new string // in the good file of the id's kind
	line     int
}{
	{"LMP-DOCKER-0001", "USER app", "USER root", 15},
	{"LMP-DOCKER-0001", "USER app", "USER \"0:0\"", 15},
	{"LMP-DOCKER-0002", "USER app\n", "", 6},
	{"LMP-DOCKER-0003", "golang:1.26", "golang", 3},
	{"LMP-DOCKER-0003", "=debian:12.5", "=corp.io:5000/debian", 6},
	{"LMP-DOCKER-0004", "ADD rootfs.tar.gz", "ADD https://x.org/a.bin", 12},
	{"LMP-DOCKER-0005", "ADD rootfs.tar.gz", "ADD conf", 12},
	{"LMP-DOCKER-0006", "PASSWORD=", "PASSWORD=hunter2", 9},
	{"LMP-DOCKER-0007", "WORKDIR /srv", "ARG NPM_TOKEN", 13},
	{"LMP-DOCKER-0008", "HEALTHCHECK CMD [\"/app\", \"health\"]\n", "", 6},
	{"LMP-DOCKER-0009", "RUN go build", "RUN sudo go build", 5},
	{"LMP-DOCKER-0010", "nginx=1.22.1-9", "nginx", 7},
	{"LMP-DOCKER-0011", "rm -rf /var/lib/apt/lists/*", "true", 7},
	{"LMP-DOCKER-0012", "RUN go build -o /app ./cmd", "RUN apt-get update", 5},
	{"LMP-DOCKER-0013", "install -y", "install", 7},
	{"LMP-DOCKER-0014", "&& rm", "&& curl -s https://x.org/i | bash && rm", 8},
	{"LMP-DOCKER-0015", "&& rm", "&& curl -k https://x.org/i && rm", 8},
	{"LMP-DOCKER-0016", "EXPOSE 8080", "EXPOSE 22/tcp", 16},
	{"LMP-DOCKER-0017", "site.tls.pub", "site.tls.key", 11},
	{"LMP-DOCKER-0017", "COPY site.tls.pub /etc/", "COPY [\".env\", \"x\", \"/a\"]", 11},
	{"LMP-DOCKER-0018", "&& rm", "&& chmod -R 777 /srv && rm", 8},
	{"LMP-DOCKER-0019", "go.mod cmd/", ". ", 4},
	{"LMP-DOCKER-0020", "CMD [\"serve\"]", "CMD [\"serve\"]\nCMD [\"x\"]", 20},
	{"LMP-DOCKER-0021", "WORKDIR /srv", "WORKDIR srv", 13},
	{"LMP-DOCKER-0022", "WORKDIR /srv", "MAINTAINER me", 13},
	{"LMP-DOCKER-0023", "EXPOSE 8080", "EXPOSE 80", 16},
	{"LMP-DOCKER-0024", "RUN go", "RUN --security=insecure go", 5},
	{"LMP-DOCKER-0025", "CMD [\"serve\"]", "CMD serve", 19},
	{"LMP-DOCKER-0026", "RUN go build", "RUN DB_PASSWORD=hunter2 go build", 5},
	{"LMP-DOCKER-0027", ".limpet", "x", 6},

	{"LMP-COMPOSE-0001", "    user:", "    privileged: true\n    user:", 4},
	{"LMP-COMPOSE-0002", "    user:", "    network_mode: host\n    user:", 4},
	{"LMP-COMPOSE-0003", "    user:", "    pid: host\n    user:", 4},
	{"LMP-COMPOSE-0004", "data:/data", "/var/run/docker.sock:/s", 13},
	{"LMP-COMPOSE-0005", "\"data:/data\"", "{type: bind, source: /etc, target: /e}", 13},
	{"LMP-COMPOSE-0006", "cap_drop: [ALL]", "cap_add: [CAP_SYS_ADMIN]", 8},
	{"LMP-COMPOSE-0007", "${DB_PASSWORD}", "hunter2", 11},
	{"LMP-COMPOSE-0008", "web:1.4", "web", 3},
	{"LMP-COMPOSE-0009", "[\"no", "[\"seccomp=unconfined\", \"no", 7},
	{"LMP-COMPOSE-0010", "no-new-privileges:true", "label:type:x", 2},
	{"LMP-COMPOSE-0011", "8080:80", "2222:22/tcp", 9},
	{"LMP-COMPOSE-0012", "    mem_limit: 200m\n", "", 2},
	{"LMP-COMPOSE-0013", "read_only: true", "read_only: false", 2},
	{"LMP-COMPOSE-0014", "1000:1000", "0:0", 4},
	{"LMP-COMPOSE-0015", "    user:", "    devices: [\"/dev/kvm:/dev/kvm\"]\n    user:", 4},

	{"LMP-KUBE-0001", "{allow", "{privileged: true, allow", 17},
	{"LMP-KUBE-0002", "      auto", "      hostNetwork: true\n      auto", 8},
	{"LMP-KUBE-0003", "      auto", "      hostPID: true\n      auto", 8},
	{"LMP-KUBE-0004", "emptyDir: {}", "hostPath: {path: /srv/x}", 10},
	{"LMP-KUBE-0005", "emptyDir: {}", "hostPath: {path: /run/containerd/containerd.sock}", 10},
	{"LMP-KUBE-0006", "          env", "          ports: [{containerPort: 80, hostPort: 80}]\n          env", 14},
	{"LMP-KUBE-0007", "{drop:", "{add: [NET_ADMIN], drop:", 17},
	{"LMP-KUBE-0008", "{allow", "{procMount: Unmasked, allow", 17},
	{"LMP-KUBE-0009", "{allow", "{appArmorProfile: {type: Unconfined}, allow", 17},
	{"LMP-KUBE-0009", "{labels: {app: web}}", "{annotations: {container.apparmor.security.beta.kubernetes.io/web: unconfined}}", 6},
	{"LMP-KUBE-0010", "{allow", "{seLinuxOptions: {type: spc_t}, allow", 17},
	{"LMP-KUBE-0011", "{runAsNonRoot", "{sysctls: [{name: kernel.msgmax, value: \"1\"}], runAsNonRoot", 9},
	{"LMP-KUBE-0012", "{allow", "{windowsOptions: {hostProcess: true}, allow", 17},
	{"LMP-KUBE-0013", "allowPrivilegeEscalation: false, ", "", 12},
	{"LMP-KUBE-0014", "runAsNonRoot: true, ", "", 12},
	{"LMP-KUBE-0015", "{allow", "{runAsUser: 0, allow", 17},
	{"LMP-KUBE-0016", ", seccompProfile: {type: RuntimeDefault}", "", 12},
	{"LMP-KUBE-0017", "[ALL]", "[CHOWN]", 12},
	{"LMP-KUBE-0018", "emptyDir: {}", "nfs: {server: x, path: /}", 10},
	{"LMP-KUBE-0019", "limits: {memory", "requests: {memory", 12},
	{"LMP-KUBE-0020", "automountServiceAccountToken: false", "restartPolicy: Always", 8},
	{"LMP-KUBE-0021", "web:1.4", "web:latest", 13},
	{"LMP-KUBE-0022", "valueFrom: {secretKeyRef: {name: db, key: p}}", "value: hunter2", 14},
	{"LMP-KUBE-0023", "readOnlyRootFilesystem: true, ", "", 12},
	{"LMP-KUBE-0024", "readinessProbe", "startupProbe", 12},
	{"LMP-KUBE-0025", goodKube, "apiVersion: v1\nkind: List\nitems:\n- apiVersion: rbac.authorization.k8s.io/v1\n  kind: ClusterRole\n  rules:\n  - verbs: ['*']\n    resources: ['*']\n", 7},
	{"LMP-KUBE-0026", goodKube, "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nroleRef:\n  name: cluster-admin\n", 4},
	{"LMP-KUBE-0027", goodKube, "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nrules:\n- verbs: [list]\n  resources: [pods, secrets]\n", 4},
	{"LMP-KUBE-0028", goodKube, "apiVersion: v1\nkind: Secret\ndata:\n  a: aHVudGVyMg==\n", 4},
}

func scanText(t testing.TB, name, text string) *finding.Report {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r := &finding.Report{}
	if err := misconfig.Scan(context.Background(), dir, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func goodFile(id string) (name, text string) {
	switch strings.Split(id, "-")[1] {
	case "DOCKER":
		return "Dockerfile", goodDockerfile
	case "COMPOSE":
		return "compose.yaml", goodCompose
	}
	return "web.yaml", goodKube
}

// TestEveryConfigCheck holds that each check fails for its case alone, on its
// line, and that no value of a secret is in what it says.
func TestEveryConfigCheck(t *testing.T) {
	for _, id := range []string{"LMP-DOCKER-0", "LMP-COMPOSE-0", "LMP-KUBE-0"} {
		name, text := goodFile(id)
		if r := scanText(t, name, text); len(r.Misconfigurations) > 0 || r.Integrity.Verdict != finding.Complete {
			t.Errorf("the good %s: %+v", name, r)
		}
	}
	for _, c := range configCases {
		name, text := goodFile(c.id)
		if !strings.Contains(text, c.old) {
			t.Fatalf("%s: the good file has no %q", c.id, c.old)
		}
		r := scanText(t, name, strings.ReplaceAll(text, c.old, c.new))
		if len(r.Misconfigurations) != 1 || r.Misconfigurations[0].ID != c.id || r.Misconfigurations[0].Place.Line != c.line || r.Misconfigurations[0].Place.Path != name {
			t.Errorf("%s %q: %+v", c.id, c.new, r.Misconfigurations)
			continue
		}
		if m := r.Misconfigurations[0]; m.Why == "" || m.Resolution == "" || strings.Contains(m.Message, "hunter2") || strings.Contains(m.Message, "aHVu") {
			t.Errorf("%s: %+v", c.id, m)
		}
	}
}

func TestYAMLAnchors(t *testing.T) {
	r := scanText(t, "compose.yml", strings.NewReplacer("services:\n", "x-all: &all\n  privileged: true\nservices:\n", "    user:", "    <<: *all\n    user:").Replace(goodCompose))
	if len(r.Misconfigurations) != 1 || r.Misconfigurations[0].ID != "LMP-COMPOSE-0001" || r.Misconfigurations[0].Place.Line != 2 {
		t.Errorf("%+v", r.Misconfigurations)
	}
}

func TestIgnoreComments(t *testing.T) {
	r := scanText(t, "Dockerfile", "# limpet:ignore LMP-DOCKER-0003 the base is pinned elsewhere\nFROM a\n# limpet:ignore LMP-DOCKER-0001\nUSER root\n# limpet:ignore-file LMP-DOCKER-0008,LMP-DOCKER-0027 probed by the orchestrator\n# limpet:ignore LMP-DOCKER-0020 nothing of the kind\nEXPOSE 8080\n")
	var ids []string
	for _, m := range r.Misconfigurations {
		ids = append(ids, m.ID)
	}
	if d := cmp.Diff([]string{"LMP-DOCKER-0001"}, ids); d != "" {
		t.Error(d)
	}
	if len(r.Suppressed) != 3 || r.Suppressed[0].By != misconfig.ByComment || r.Suppressed[0].Reason != "the base is pinned elsewhere" {
		t.Errorf("%+v", r.Suppressed)
	}
	if len(r.Integrity.Anomalies) != 2 || r.Integrity.Verdict != finding.Complete {
		t.Errorf("%+v", r.Integrity)
	}
	r = scanText(t, "a.yaml", strings.NewReplacer("        - name: web\n", "        # limpet:ignore LMP-KUBE-0017,LMP-KUBE-0013 old image\n\n        - name: web\n", "allowPrivilegeEscalation: false, ", "", "image: shop/web:1.4", "image: shop/web # limpet:ignore LMP-KUBE-0021 local only").Replace(goodKube))
	if len(r.Misconfigurations) != 0 || len(r.Suppressed) != 2 {
		t.Errorf("%+v %+v", r.Misconfigurations, r.Suppressed)
	}
}

// TestConfigTrees is what is found in folders, and what cannot be read.
func TestConfigTrees(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	scan := func() (*finding.Report, error) {
		r := &finding.Report{}
		return r, misconfig.Scan(context.Background(), dir, r)
	}
	put("package.json", `{"services": 1}`)
	put("values.yaml", "image: x\n")
	put("node_modules/x/Dockerfile", "FROM x\n")
	if _, err := scan(); !errors.Is(err, misconfig.ErrNothing) {
		t.Errorf("nothing to check: %v", err)
	}
	put("a/app.Dockerfile", "FROM x:1\nCOPY . /\n")
	put("a/.dockerignore", ".git\n")
	put("pod.json", `{"apiVersion": "v1", "kind": "Pod", "spec": {"hostIPC": true}}`)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "out.yaml")); err != nil {
		t.Fatal(err)
	}
	r, err := scan()
	if err != nil || r.Integrity.Verdict != finding.Complete {
		t.Fatalf("%v %+v", err, r.Integrity)
	}
	for _, want := range []string{"LMP-DOCKER-0002", "LMP-KUBE-0003"} {
		if !has(r.Misconfigurations, want) {
			t.Errorf("no %s: %+v", want, r.Misconfigurations)
		}
	}
	if has(r.Misconfigurations, "LMP-DOCKER-0019") {
		t.Error("the .dockerignore was not seen")
	}
	put("chart/templates/a.yaml", "apiVersion: v1\nkind: Pod\nspec: {{ .Values.x }}\n")
	put("broken.yaml", "apiVersion: v1\nkind: [\n")
	put("b/Dockerfile", "this is none\n")
	put("cycle.yaml", "apiVersion: v1\nkind: List\nitems: &a [*a, {apiVersion: v1, kind: List, items: *a}]\n")
	put("large.yaml", "apiVersion: v1\n#"+strings.Repeat("x", 5<<20))
	put("many.yaml", "apiVersion: v1\nkind: List\nx: &b ["+strings.Repeat("{apiVersion: v1, kind: Pod},", 1000)+"]\nitems: ["+strings.Repeat("{apiVersion: v1, kind: List, items: *b},", 300)+"]\n")
	r, err = scan()
	if err != nil || r.Integrity.Verdict != finding.Partial {
		t.Fatalf("%v %+v", err, r.Integrity)
	}
	var notes []string
	for _, a := range r.Integrity.Anomalies {
		notes = append(notes, a.Code+" "+a.Path)
	}
	if d := cmp.Diff([]string{"config-unreadable b/Dockerfile", "config-unreadable broken.yaml", "config-template chart/templates/a.yaml", "file-unreadable large.yaml", "config-unreadable many.yaml"}, notes); d != "" {
		t.Error(d)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("Dockerfile", goodDockerfile)
	f.Add("a.yaml", goodCompose)
	f.Add("a.yaml", goodKube)
	f.Add("a.yaml", "apiVersion: v1\nkind: List\nitems: &a [*a]\n")
	f.Add("a.yaml", "services: {a: &a {image: x, <<: *a}}\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		if name != "Dockerfile" {
			name = "a.yaml"
		}
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		r := &finding.Report{}
		if err := misconfig.Scan(context.Background(), file, r); err != nil && !errors.Is(err, misconfig.ErrNothing) {
			t.Fatal(err)
		}
		for _, m := range r.Misconfigurations {
			if m.Title == "" || m.Place.Path != name {
				t.Errorf("%+v", m)
			}
		}
		for _, a := range r.Integrity.Anomalies {
			if strings.Contains(a.Detail, "went wrong") {
				t.Error(a.Detail)
			}
		}
	})
}
