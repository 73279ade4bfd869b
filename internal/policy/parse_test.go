package policy

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const head = "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata:\n  name: p\nspec:\n"

// TestParseErrors holds what an author is told: where, and what to do.
func TestParseErrors(t *testing.T) {
	tests := []struct {
		name string
		doc  string
		want []string // "line:column path: part of the message", all of them
	}{
		{"empty", "", []string{"1:1 : document is empty"}},
		{"only a comment", "# hi\n", []string{"1:1 : document is empty"}},
		{"not yaml", "a: [", []string{"1:1 : not a YAML document"}},
		{"tab", "a:\n\t- b", []string{"2:1 : not a YAML document"}},
		{"nul", "a: \x00", []string{"0:0 : NUL"}},
		{"two documents", head + "  controls: {drift: {mode: audit}}\n---\na: b\n", []string{"8:1 : a second document"}},
		{"a list", "- a\n", []string{"1:1 : must be a mapping"}},
		{"missing", "kind: RuntimePolicy\n", []string{
			"1:1 apiVersion: is missing; write apiVersion: limpet.dev/v1", "1:1 metadata: is missing", "1:1 spec: is missing"}},
		{"wrong version", "apiVersion: limpet.dev/v2\nkind: Policy\nmetadata: {name: P_}\nspec: {controls: {drift: {mode: audit}}}\n", []string{
			"1:13 apiVersion: \"limpet.dev/v2\" is not known here; write limpet.dev/v1", "2:7 kind: \"Policy\"", "3:18 metadata.name: \"P_\""}},
		{"unknown key", head + "  controls:\n    drift:\n      mode: audit\n      allowedPath: [/a]\n", []string{
			`9:7 spec.controls.drift.allowedPath: unknown key "allowedPath", did you mean "allowedPaths"?`}},
		{"unknown control", head + "  controls:\n    drfit: {mode: audit}\n", []string{
			`7:5 spec.controls.drfit: unknown control "drfit", did you mean "drift"?`}},
		{"unknown far away", head + "  controls: {drift: {mode: audit}}\n  zzzzzzzzzz: 1\n", []string{
			`7:3 spec.zzzzzzzzzz: unknown key "zzzzzzzzzz"; known here: scope`}},
		{"self protection", head + "  controls:\n    selfProtection: {mode: off}\n", []string{
			`7:5 spec.controls.selfProtection: unknown control`}},
		{"no mode", head + "  controls:\n    drift: {}\n", []string{"7:12 spec.controls.drift.mode: is missing; write mode: off, audit or enforce"}},
		{"null", head + "  controls:\n    drift:\n", []string{"7:11 spec.controls.drift: has no value"}},
		{"mode", head + "  controls:\n    drift: {mode: enforced}\n", []string{
			`7:19 spec.controls.drift.mode: "enforced": must be one of off, audit, enforce; did you mean "enforce"?`}},
		{"duplicate key", head + "  controls:\n    drift: {mode: audit}\n    drift: {mode: off}\n", []string{
			"8:5 spec.controls.drift: stands twice; first at line 7"}},
		{"anchor", head + "  controls:\n    drift: &a {mode: audit}\n    fileless: *a\n", []string{
			"7:12 spec.controls.drift: anchors and aliases", "8:15 spec.controls.fileless: anchors and aliases"}},
		{"merge key", head + "  controls:\n    drift: {mode: audit, <<: {}}\n", []string{"7:26 spec.controls.drift: merge keys"}},
		{"type tag", head + "  controls:\n    drift: {mode: !!str audit}\n", []string{"7:19 spec.controls.drift.mode: type tags"}},
		{"types", head + "  enforceAfterDays: soon\n  controls:\n    drift: {mode: audit, allowMoved: maybe, allowedPaths: /a}\n    processLimit: {mode: audit, maxTasks: 1.5}\n", []string{
			"6:21 spec.enforceAfterDays: must be a whole number", "8:38 spec.controls.drift.allowMoved: must be true or false",
			"8:59 spec.controls.drift.allowedPaths: must be a list; write [/a]", "9:43 spec.controls.processLimit.maxTasks: must be a whole number"}},
		{"range", head + "  enforceAfterDays: -1\n  controls:\n    processLimit: {mode: audit, maxTasks: 0}\n", []string{
			"6:21 spec.enforceAfterDays: -1 is out of range; it must be 0 to 3650", "8:43 spec.controls.processLimit.maxTasks: 0 is out of range"}},
		{"number for text", head + "  scope: {groups: [1]}\n  controls: {drift: {mode: audit}}\n", []string{"6:20 spec.scope.groups[0]: must be text; put \"1\" in quotes"}},
		{"globs", head + "  controls:\n    drift:\n      mode: audit\n      allowedPaths: [bin/x, /a/, /a//b, /a/../b, '/a[', /a**, '/{a,b}', '/x\\']\n", []string{
			`9:22 spec.controls.drift.allowedPaths[0]: "bin/x": a path must start with "/"`, `9:29 spec.controls.drift.allowedPaths[1]: "/a/": a path must not end in "/"; write "/a/**"`,
			"9:34 spec.controls.drift.allowedPaths[2]", `9:41 spec.controls.drift.allowedPaths[3]: "/a/../b": a path must be canonical; write "/b"`,
			"9:50 spec.controls.drift.allowedPaths[4]", "9:57 spec.controls.drift.allowedPaths[5]: \"/a**\": not a valid pattern: ** must stand alone", "9:63", "9:73"}},
		{"digest", head + "  controls:\n    deniedExecutables: {mode: audit, digests: [abc, 'sha256:00']}\n", []string{
			"7:48 spec.controls.deniedExecutables.digests[0]: \"abc\": a digest is written sha256:", "7:53"}},
		{"network", head + "  controls:\n    outbound:\n      mode: audit\n      allow:\n        - cidrs: [10.0.0.1/8, 10.0.0.0/33, '::ffff:1.2.3.4/128', x]\n          ports: [0, 70000, 90-80, a]\n          protocols: [tpc]\n", []string{
			`10:19 spec.controls.outbound.allow[0].cidrs[0]: "10.0.0.1/8": bits are set after the first 8; write 10.0.0.0/8, or 10.0.0.1`,
			"10:31", "10:44", "10:66", "11:19 spec.controls.outbound.allow[0].ports[0]: \"0\": a port is 1 to 65535", "11:22",
			`11:29 spec.controls.outbound.allow[0].ports[2]: "90-80": the range is reversed; write 80-90`, "11:36",
			`12:23 spec.controls.outbound.allow[0].protocols[0]: "tpc": must be one of tcp, udp, icmp, unix, other; did you mean "tcp"?`}},
		{"twice", head + "  controls:\n    drift: {mode: audit, allowedPaths: [/a, /a]}\n", []string{"7:45 spec.controls.drift.allowedPaths[1]: \"/a\" stands twice"}},
		{"empty allow list", head + "  controls:\n    allowedExecutables: {mode: enforce}\n", []string{"7:25 spec.controls.allowedExecutables: the list is empty, so nothing could run"}},
		{"empty but off", head + "  controls:\n    allowedExecutables: {mode: off}\n", nil},
		{"no controls", head + "  controls: {}\n", []string{"6:13 spec.controls: is empty; set at least one control"}},
		{"contradiction", head + "  controls:\n    allowedExecutables: {mode: audit, paths: [/bin/a, /bin/b]}\n    deniedExecutables: {mode: audit, paths: [/bin/b]}\n", []string{
			`8:46 spec.controls.deniedExecutables.paths[0]: "/bin/b" also stands in allowedExecutables.paths`}},
		{"network contradictions", head + "  controls:\n    outbound:\n      mode: audit\n      allow:\n        - {cidrs: [10.0.0.0/8]}\n        - {}\n        - {ports: [1], protocols: [icmp]}\n      deny:\n        - {cidrs: [10.0.0.0/8], name: x}\n", []string{
			"11:11 spec.controls.outbound.allow[1]: selects nothing", "12:19 spec.controls.outbound.allow[2].ports: never match",
			"14:11 spec.controls.outbound.deny[0]: selects the same as allow[0]"}},
		{"exceptions", head + "  controls: {drift: {mode: audit}}\n  exceptions:\n    - {controls: [drift]}\n    - {controls: [outbound], users: [0]}\n    - {controls: [drit], users: [9-1], expires: later}\n", []string{
			"10:19 spec.exceptions[2].controls[0]: \"drit\": is not known here; did you mean \"drift\"?", "10:34 spec.exceptions[2].users[0]: \"9-1\": the range is reversed; write 1-9",
			"10:49 spec.exceptions[2].expires: must be a time"}},
		{"exceptions, second look", head + "  controls: {drift: {mode: audit}}\n  exceptions:\n    - {controls: [drift]}\n    - {controls: [outbound], users: [0]}\n", []string{
			"8:7 spec.exceptions[0]: selects nothing", "9:19 spec.exceptions[1].controls[0]: \"outbound\" is not set by this policy"}},
		{"users", head + "  controls:\n    users: {mode: audit, noRoot: true, allow: [root, app], deny: [app]}\n", []string{
			"7:34 spec.controls.users.noRoot: contradicts allow", "7:67 spec.controls.users.deny[0]: \"app\" also stands in allow"}},
		{"too deep", head + "  controls: {drift: {mode: audit, allowedPaths: [" + strings.Repeat("[", 30) + strings.Repeat("]", 30) + "]}}\n", []string{
			"6:50 spec.controls.drift.allowedPaths[0]: must be text, not a list"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.doc))
			var errs Errors
			if err != nil && !errors.As(err, &errs) {
				t.Fatalf("error is a %T", err)
			}
			if len(errs) != len(tt.want) {
				t.Fatalf("%d errors, want %d:\n%v", len(errs), len(tt.want), err)
			}
			for i, e := range errs {
				got := strings.TrimSpace(strings.Join([]string{itoa(e.Line) + ":" + itoa(e.Column), e.Path + ":", e.Message}, " "))
				place, part, _ := strings.Cut(tt.want[i], ": ")
				if !strings.HasPrefix(got, place) || !strings.Contains(got, part) {
					t.Errorf("error %d:\n got %s\nwant %s", i, got, tt.want[i])
				}
			}
		})
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// everything sets every key of every control once.
func everything() *RuntimePolicy {
	p := &RuntimePolicy{APIVersion: APIVersion, Kind: KindRuntime}
	fill(reflect.ValueOf(&p.Spec).Elem(), 1)
	p.Metadata = Meta{Name: "all", Description: "every key: \"quoted\" # and\nmore", Labels: map[string]string{"a": "1", "b": "true"}}
	return p
}

// fill gives every value something valid. It only has to be well formed: not
// every combination has to make sense.
func fill(v reflect.Value, n int) {
	if e, ok := v.Interface().(enumerated); ok {
		v.SetString(e.values()[n%len(e.values())])
		return
	}
	switch v.Interface().(type) {
	case Digest:
		v.Index(0).SetUint(uint64(n))
		return
	case Ports:
		v.Set(reflect.ValueOf(Ports{uint16(n), uint16(n * 3)}))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		if v.Type() == reflect.TypeFor[*RuntimePolicy]() {
			return
		}
		if v.Elem().Type().String() == "time.Time" {
			return
		}
		fill(v.Elem(), n)
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()).list {
			fill(v.FieldByIndex(f.index), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), 1)
		fill(v.Index(1), 2)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"k": "v"}))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(n))
	case reflect.String:
		v.SetString(map[string]string{"glob": "/usr/*/x", "imageGlob": "reg.example/x*", "socketPath": "@abc", "name": "x*", "user": "app",
			"cidr": "10.0.0.0/8", "dnsName": "*.example.com", "syscall": "ptrace", "": "text"}[format(v.Type())] + strings.Repeat("0", n-1))
		switch format(v.Type()) {
		case "policyWord":
			v.SetString([]string{"", "release", "release@7"}[n])
		case "publicKey":
			v.SetString([]string{"", strings.Repeat("A", 43) + "=", "MCowBQYDK2VwAyEA" + strings.Repeat("A", 43) + "="}[n])
		case "cidr":
			v.SetString([]string{"", "10.0.0.0/8", "2001:db8::/32"}[n])
		}
	}
}

// TestYAMLRoundTrip writes every key and reads it back.
func TestYAMLRoundTrip(t *testing.T) {
	for _, p := range []*RuntimePolicy{Default(), everything()} {
		text, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{"yaml": text, "json": mustJSON(t, p)} {
			nodes, err := documents(data)
			if err != nil {
				t.Fatal(err)
			}
			d := newDecoder(KindRuntime)
			var got RuntimePolicy
			d.document(nodes[0], &got)
			if len(d.errs)+len(d.unknown) > 0 {
				t.Fatalf("%s of %s: %v %v", name, p.Metadata.Name, d.errs, d.unknown)
			}
			if diff := cmp.Diff(p, &got); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", name, p.Metadata.Name, diff)
			}
			again, _ := got.YAML()
			if string(again) != string(text) {
				t.Errorf("%s of %s: not canonical", name, p.Metadata.Name)
			}
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestParseNewer holds what an old enforcer makes of a newer document.
func TestParseNewer(t *testing.T) {
	doc := head + `  controls:
    later: {mode: enforce}
    drift: {mode: enforce, alsoLater: 1}
    socketFamilies: {mode: enforce, deny: [quantum, alg]}
  exceptions:
    - {controls: [drift], paths: [/a], onlyOnMondays: true}
    - {controls: [later], paths: [/b]}
`
	p, unknown, err := ParseNewer([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, u := range unknown {
		paths = append(paths, u.Path)
	}
	want := []string{"spec.controls.later", "spec.controls.drift.alsoLater", "spec.controls.socketFamilies.deny[0]",
		"spec.exceptions[0].onlyOnMondays", "spec.exceptions[1].controls[0]"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
	if len(p.Spec.Exceptions) != 1 || p.Spec.Exceptions[0].Controls[0] != "later" {
		t.Errorf("an exception with an unknown key must be left out, one for an unknown control kept: %+v", p.Spec.Exceptions)
	}
	if p.Spec.Controls.Drift == nil || len(p.Spec.Controls.SocketFamilies.Deny) != 2 {
		t.Errorf("known parts are lost: %+v", p.Spec.Controls)
	}
	if _, err := Parse([]byte(doc)); err == nil {
		t.Error("Parse accepts what it does not know")
	}
	if ControlOfPath(paths[1]) != Drift || ControlOfPath("metadata.name") != "" {
		t.Error("ControlOfPath")
	}
}

func TestParseAll(t *testing.T) {
	one := head + "  controls: {drift: {mode: audit}}\n"
	two := strings.Replace(one, "name: p", "name: q", 1)
	ps, err := ParseAll([]byte(one + "---\n" + two + "---\n"))
	if err != nil || len(ps) != 2 || ps[1].Metadata.Name != "q" {
		t.Fatalf("%v, %v", ps, err)
	}
	if _, err := ParseAll([]byte(one + "---\n" + one)); err == nil || !strings.Contains(err.Error(), "already stands at line 1") {
		t.Errorf("same name twice: %v", err)
	}
}

func TestLimits(t *testing.T) {
	big := head + "  controls:\n    drift:\n      mode: audit\n      allowedPaths:\n" + strings.Repeat("        - /a\n", 2000)
	if _, err := Parse([]byte(big)); err == nil || !strings.Contains(err.Error(), "at most 1000") {
		t.Errorf("list: %v", err)
	}
	if _, err := Parse([]byte(strings.Repeat("#", MaxBytes+1))); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("size: %v", err)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n"
	if _, err := Parse([]byte(bomb)); err == nil {
		t.Error("alias bomb accepted")
	}
	many := head + "  controls:\n" + strings.Repeat("    x: 1\n", 5000)
	var errs Errors
	if _, err := Parse([]byte(many)); !errors.As(err, &errs) || len(errs) > 2*MaxErrors {
		t.Errorf("%d errors", len(errs))
	}
}

func TestValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	p := &RuntimePolicy{APIVersion: APIVersion, Kind: KindRuntime, Metadata: Meta{Name: "x"},
		Spec: Spec{Controls: Controls{Drift: &DriftControl{Setting: Setting{Mode: "loud"}}}}}
	if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "spec.controls.drift.mode") {
		t.Errorf("Validate: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(defaultYAML)
	all, _ := everything().YAML()
	f.Add(all)
	f.Add([]byte(head + "  controls: {drift: {mode: audit}}\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("? {a: b}\n: c"))
	f.Add([]byte(`{"apiVersion":"limpet.dev/v1","kind":"RuntimePolicy","metadata":{"name":"p"},"spec":{"controls":{"drift":{"mode":"audit"}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			var errs Errors
			if !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			_ = err.Error()
			return
		}
		text, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		q, err := Parse(text)
		if err != nil {
			t.Fatalf("canonical text is refused: %v\n%s", err, text)
		}
		again, _ := q.YAML()
		if string(again) != string(text) {
			t.Fatalf("canonical text changes:\n%s\n%s", text, again)
		}
	})
}
