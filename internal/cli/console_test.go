package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane"
	"github.com/limpet-security/limpet/internal/policy"
)

// startServer runs a control plane for commands to talk to, and points the
// environment at it.
func startServer(t *testing.T, more ...func(*controlplane.Config)) (data string) {
	t.Helper()
	data = t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan controlplane.Started, 1), make(chan error, 1)
	go func() {
		c := controlplane.Config{
			Data: data, Listen: "127.0.0.1:0", GatewayListen: "127.0.0.1:0", Names: []string{"127.0.0.1"}, Out: io.Discard, ScanWorkers: -1,
			Ready: func(s controlplane.Started) { ready <- s },
		}
		for _, f := range more {
			f(&c)
		}
		ended <- controlplane.Run(ctx, c)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case s := <-ready:
		t.Setenv("LIMPET_SERVER", s.Console)
		t.Setenv("LIMPET_CA_FILE", s.CAFile)
	case <-time.After(30 * time.Second):
		t.Fatal("server did not start")
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	token := strings.TrimSpace(limpet(t, 0, "", "token", "create", "test", "--role", "administrator", "--data", data))
	t.Setenv("LIMPET_TOKEN", token)
	return data
}

// limpet runs a command line and wants an exit code; it gives what was printed.
func limpet(t *testing.T, code int, stdin string, args ...string) string {
	t.Helper()
	root := Root()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	if err != nil {
		out.WriteString(err.Error())
	}
	got := exitCode(err)
	if got != code {
		t.Fatalf("limpet %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, &out)
	}
	return out.String()
}

const group = `apiVersion: limpet.dev/v1
kind: EnforcerGroup
metadata:
  name: shop
  description: The shop's web servers
spec:
  mode: enforce
  onNoPolicy: refuse
  labels:
    team: shop
  policies: [shop]
`

func TestApplyTwiceChangesNothing(t *testing.T) {
	startServer(t)
	dir := t.TempDir()
	shop := strings.Replace(string(policy.DefaultYAML()), "name: default", "name: shop", 1)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The group stands before the policy that it names, and both in one file
	// with a document that holds a comment only.
	write("all.yaml", "# made by hand\n---\n"+group+"---\n"+shop)

	if out := limpet(t, 1, "", "diff", "-f", dir); !strings.Contains(out, "+  mode: enforce") {
		t.Errorf("diff before the first apply:\n%s", out)
	}
	if out := limpet(t, 0, "", "get", "groups"); strings.Contains(out, "shop") {
		t.Errorf("diff made something:\n%s", out)
	}
	if out := limpet(t, 0, "", "apply", "-f", dir); out != "RuntimePolicy shop created\nEnforcerGroup shop created\n" {
		t.Error(out)
	}
	for range 2 {
		if out := limpet(t, 0, "", "apply", "-f", dir); out != "RuntimePolicy shop unchanged\nEnforcerGroup shop unchanged\n" {
			t.Error(out)
		}
	}
	if out := limpet(t, 0, "", "diff", "-f", dir); out != "" {
		t.Errorf("diff after apply:\n%s", out)
	}

	// What get writes, apply takes, and it changes nothing.
	for _, what := range [][]string{{"policy", "shop"}, {"group", "shop"}, {"policies"}, {"groups"}} {
		text := limpet(t, 0, "", append([]string{"get", "-o", "yaml"}, what...)...)
		if out := limpet(t, 0, text, "apply", "-f", "-"); strings.Contains(out, "changed\n") && !strings.Contains(out, "unchanged") {
			t.Errorf("get %v and apply: %s", what, out)
		}
	}
	write("all.yaml", strings.Replace(group, "mode: enforce", "mode: audit", 1)+"---\n"+shop)
	if out := limpet(t, 0, "", "apply", "-f", dir, "--dry-run"); !strings.Contains(out, "EnforcerGroup shop changed (dry run)") {
		t.Error(out)
	}
	if out := limpet(t, 1, "", "diff", "-f", dir); !strings.Contains(out, "-  mode: enforce\n+  mode: audit") {
		t.Error(out)
	}
	if out := limpet(t, 0, "", "apply", "-f", dir); !strings.Contains(out, "RuntimePolicy shop unchanged\nEnforcerGroup shop changed\n") {
		t.Error(out)
	}
}

// What people mistype is answered with what to do.
func TestMistyped(t *testing.T) {
	data := startServer(t)
	file := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(string(policy.DefaultYAML()), "name: default", "name: shop", 1)+"---\n"+group), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{0, "the server has no ReputationList", []string{"get", "lists"}},
		{0, "[]\n", []string{"get", "lists", "-o", "json"}},
		{0, `"name": "test"`, []string{"token", "list", "-o", "json"}},
		{0, "[]\n", []string{"enforcer", "list", "-o", "json"}},
		{2, `is not table or json`, []string{"enforcer", "list", "-o", "yaml"}},
		{2, "'limpet enforcer list' shows them", []string{"enforcer", "revoke", "web"}},
		{2, "name files and folders with -f", []string{"apply", file}},
		{2, `did you mean "outbound"?`, []string{"policy", "platforms", "--control", "outbund"}},
		{1, "roles are administrator,", []string{"token", "create", "x", "--role", "admin", "--data", data}},
		{1, "name the server's CA with --ca-file", []string{"get", "groups", "--ca-file", "/etc/ssl/certs/ca-certificates.crt"}},
		{1, "is the server running", []string{"get", "groups", "--server", "https://127.0.0.1:1"}},
		{0, "EnforcerGroup shop created", []string{"apply", "-f", file}},
		{0, "would have been blocked: 0", []string{"policy", "simulate", "--group", "shop", "-f", file}}, // a group stands beside it
		{1, `group "shpo": not found`, []string{"enforcer", "join-token", "shpo"}},
		{0, "limpet_join_", []string{"enforcer", "join-token", "shop", "--expires", "90d", "--uses", "3"}},
		{2, "want a time such as 1h or 90d", []string{"enforcer", "join-token", "shop", "--expires", "soon"}},
		{0, `"blocked": 0`, []string{"policy", "simulate", "--group", "shop", "--format", "json"}},
	} {
		if out := limpet(t, c.code, "", c.args...); !strings.Contains(out, c.says) {
			t.Errorf("limpet %s: %s", strings.Join(c.args, " "), out)
		}
	}
	t.Setenv("LIMPET_TOKEN", "limpet_api_wrong")
	if out := limpet(t, 1, "", "get", "groups"); !strings.Contains(out, "the server does not take the API token") {
		t.Error(out)
	}
}

func TestApplyRefuses(t *testing.T) {
	startServer(t)
	for name, c := range map[string]struct{ text, says string }{
		"unknown kind":   {"kind: Secret\nmetadata: {name: x}\n", "kind"},
		"no kind":        {"a: 1\n", "no kind"},
		"unknown key":    {strings.Replace(group, "mode:", "modus: x\n  mode:", 1), "modus"},
		"bad policy":     {strings.Replace(string(policy.DefaultYAML()), "mode: enforce", "mode: on", 1), "standard input:16:13: spec.controls.drift.mode: "},
		"missing policy": {group, "not found"},
		"twice":          {group + "---\n" + group, "as well"},
		"nothing":        {"# nothing\n", "none"},
	} {
		if out := limpet(t, 1, c.text, "apply", "-f", "-"); !strings.Contains(out, c.says) {
			t.Errorf("%s: %s", name, out)
		}
	}
	limpet(t, 2, "", "apply")
	limpet(t, 2, "", "get", "secrets")
	limpet(t, 1, "", "get", "policy", "missing")
}

func TestLists(t *testing.T) {
	startServer(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	bad := write("bad.txt", "192.0.2.1\nnot an entry\n10.0.0.1/8\n")
	if out := limpet(t, 1, "", "list", "import", "bad", bad); !strings.Contains(out, "line 2, column 1") || !strings.Contains(out, "line 3") {
		t.Error(out)
	}
	good := write("good.txt", "# of today\r\n192.0.2.1   \n10.0.0.0/8\n")
	if out := limpet(t, 0, "", "list", "import", "bad", good, "--dry-run"); !strings.Contains(out, "created (dry run)") || !strings.Contains(out, "private") {
		t.Error(out)
	}
	limpet(t, 1, "", "get", "list", "bad")
	for _, want := range []string{"created", "unchanged"} {
		if out := limpet(t, 0, "", "list", "import", "bad", good); !strings.Contains(out, "ReputationList bad "+want+": 2 entries, 2 ranges of addresses, 0 names") {
			t.Error(out)
		}
	}
	table := write("pools.csv", "id,pool\n1,mine.test\n2,dig.test\n")
	limpet(t, 0, "", "list", "import", "pools", table, "--column", "pool", "--description", "Mining pools")
	if out := limpet(t, 0, "192.0.2.7\n", "list", "import", "feed", "-"); !strings.Contains(out, "feed created") {
		t.Error(out)
	}
	text := limpet(t, 0, "", "get", "lists", "-o", "yaml")
	if out := limpet(t, 0, text, "apply", "-f", "-"); out != "ReputationList bad unchanged\nReputationList feed unchanged\nReputationList pools unchanged\n" {
		t.Errorf("%s\n%s", out, text)
	}
	if out := limpet(t, 0, "", "get", "lists"); strings.Count(out, "ReputationList") != 3 {
		t.Error(out)
	}
	text = strings.Replace(text, "mine.test", "ours.test", 1)
	if out := limpet(t, 1, text, "diff", "-f", "-"); !strings.Contains(out, "+    1,ours.test") || strings.Contains(out, "10.0.0.0/8\n+") {
		t.Error(out)
	}
	if out := limpet(t, 0, text, "apply", "-f", "-"); !strings.Contains(out, "ReputationList pools changed\n") {
		t.Error(out)
	}
	limpet(t, 0, "", "list", "delete", "pools")
	limpet(t, 1, "", "list", "delete", "pools")
	limpet(t, 2, "", "list", "import", "x")
	limpet(t, 1, "kind: ReputationList\napiVersion: limpet.dev/v1\nmetadata: {name: x}\nspec: {content: \"?\"}\n", "apply", "-f", "-")
}

func TestEnforcers(t *testing.T) {
	startServer(t)
	const id = "01939c1e-0000-7000-8000-000000000001"
	limpet(t, 2, "", "enforcer", "revoke", "nonsense")
	if out := limpet(t, 0, "", "enforcer", "revoke", id, "--reason", "lost"); out != "enforcer "+id+" revoked\n" {
		t.Error(out)
	}
	if out := limpet(t, 1, "", "enforcer", "revoke", id); !strings.Contains(out, "already exists") {
		t.Error(out)
	}
	if out := limpet(t, 0, "", "enforcer", "revoked"); !strings.Contains(out, id) || !strings.Contains(out, "lost") {
		t.Error(out)
	}
	if out := limpet(t, 0, "", "enforcer", "list", "--group", "web"); strings.Contains(out, id) || !strings.HasPrefix(out, "ID") {
		t.Error(out)
	}
	limpet(t, 2, "", "enforcer", "revoke")
}

func TestTokens(t *testing.T) {
	startServer(t)
	secret := strings.TrimSpace(limpet(t, 0, "", "token", "create", "ci", "--role", "auditor", "--expires", "1d"))
	list := limpet(t, 0, "", "token", "list")
	if strings.Contains(list, secret) || !strings.Contains(list, "ci") {
		t.Errorf("list: %s", list)
	}
	admin := os.Getenv("LIMPET_TOKEN")
	t.Setenv("LIMPET_TOKEN", secret)
	limpet(t, 1, "", "token", "create", "more") // an auditor makes none
	t.Setenv("LIMPET_TOKEN", admin)
	for line := range strings.Lines(list) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == "ci" {
			limpet(t, 0, "", "token", "delete", f[0])
		}
	}
	t.Setenv("LIMPET_TOKEN", secret)
	limpet(t, 1, "", "get", "policies")
}

func TestBackupCommands(t *testing.T) {
	data := startServer(t)
	file := filepath.Join(t.TempDir(), "b")
	limpet(t, 0, "", "backup", "--data", data, "-o", file, "--with-master-key")
	limpet(t, 1, "", "backup", "--data", data, "-o", file) // it exists
	limpet(t, 2, "", "backup")
	fresh := filepath.Join(t.TempDir(), "fresh")
	limpet(t, 0, "", "restore", file, "--data", fresh)
	limpet(t, 1, "", "restore", file, "--data", fresh) // it is not empty
	limpet(t, 1, "", "restore", os.Args[0], "--data", filepath.Join(t.TempDir(), "x"))
	limpet(t, 2, "", "restore")
}

func TestServerSettings(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "limpet.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := ServerCommand()
	write("data: /from/file\nlisten: :1\ngatewayListen: :2\nname: [a, b]\nretentionAge: 7d\n")
	t.Setenv("LIMPET_LISTEN", ":3")
	if err := cmd.ParseFlags([]string{"--gateway-listen", ":4"}); err != nil {
		t.Fatal(err)
	}
	if err := fillFlags(cmd, file); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{
		"data": "/from/file", "listen": ":3", "gateway-listen": ":4", "name": "[a,b]", "retention-age": "7d", "log-level": "info",
	} {
		if got := cmd.Flags().Lookup(flag).Value.String(); got != want {
			t.Errorf("%s is %s, want %s", flag, got, want)
		}
	}
	for _, bad := range []string{"unknown: 1\n", "gatewayListen: [1, [2]]\n", "printJson: perhaps\n", "- a list\n"} {
		write(bad)
		if err := fillFlags(ServerCommand(), file); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	limpet(t, 2, "", "server", "--data", dir, "--retention-size", "many")
	limpet(t, 2, "", "server", "--nonsense")
}

func TestParseSizes(t *testing.T) {
	for in, want := range map[string]int64{"20GiB": 20 << 30, "500MB": 500e6, "1024": 1024, "none": -1, "10 KiB": 10 << 10} {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("%q: %d, %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "GiB", "-1", "0", "1.5GiB", "99999999999TiB"} {
		if n, err := parseSize(bad); err == nil {
			t.Errorf("%q was read as %d", bad, n)
		}
	}
	for in, want := range map[string]time.Duration{"30d": 30 * 24 * time.Hour, "12h": 12 * time.Hour, "none": -1} {
		if got, err := parseAge(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "d", "-1d", "0d", "0s", "week"} {
		if d, err := parseAge(bad); err == nil {
			t.Errorf("%q was read as %v", bad, d)
		}
	}
}
