package events

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
)

func TestCSVHoldsNoFormula(t *testing.T) {
	var b bytes.Buffer
	c, err := NewCSV(&b)
	if err != nil {
		t.Fatal(err)
	}
	evil := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", `"=1`, "a,b\n=1"}
	for _, s := range evil {
		if err := c.Write(View{ID: s, Reason: s, Process: &Process{Exe: s, Args: []string{s, s}}, Object: &Object{Type: "file", Path: s}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != len(evil)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") || strings.HasPrefix(cell, "＝") {
				t.Errorf("%s begins with a formula: %q", rows[0][i], cell)
			}
		}
	}
}

// propose runs Propose on the default policy with one line of comment more.
func propose(t *testing.T, v View) (Proposal, error) {
	t.Helper()
	v.ID, v.Policy = "01a2", "default"
	return Propose(v, string(policy.DefaultYAML()))
}

func TestProposeIsNarrow(t *testing.T) {
	sh := &Process{Exe: "/bin/sh"}
	digest := "sha256:" + strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		v    View
		want string // the exception without name and reason
	}{
		"file":          {View{Control: "drift", Process: sh, Object: &Object{Type: "file", Path: "/tmp/x", Digest: digest}}, `{"controls":["drift"],"paths":["/tmp/x"],"digests":["` + digest + `"]}`},
		"wildcards":     {View{Control: "drift", Process: sh, Object: &Object{Type: "file", Path: "/tmp/**/*[a]?\\"}}, `{"controls":["drift"],"paths":["/tmp/\\*\\*/\\*\\[a\\]\\?\\\\"]}`},
		"memfd":         {View{Control: "fileless", Process: sh, Object: &Object{Type: "file", Digest: digest}}, `{"controls":["fileless"],"digests":["` + digest + `"]}`},
		"connection":    {View{Control: "metadataEndpoints", Process: sh, Object: &Object{Type: "network", Protocol: "tcp", Address: "169.254.169.254", Port: 80}}, `{"controls":["metadataEndpoints"],"processes":["/bin/sh"],"cidrs":["169.254.169.254"],"ports":["80"]}`},
		"mapped":        {View{Control: "reverseShell", Process: sh, Object: &Object{Type: "network", Address: "::ffff:10.0.0.1", Port: 5}}, `{"controls":["reverseShell"],"processes":["/bin/sh"],"cidrs":["10.0.0.1"],"ports":["5"]}`},
		"call":          {View{Control: "namespaces", Process: sh, Object: &Object{Type: "call", Syscall: "unshare"}}, `{"controls":["namespaces"],"processes":["/bin/sh"],"syscalls":["unshare"]}`},
		"process alone": {View{Control: "injection", Process: sh}, `{"controls":["injection"],"processes":["/bin/sh"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := propose(t, c.v)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]json.RawMessage
			if err := json.Unmarshal(p.Exception, &got); err != nil {
				t.Fatal(err)
			}
			delete(got, "name")
			delete(got, "reason")
			have, _ := json.Marshal(got)
			var want map[string]json.RawMessage
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			sorted, _ := json.Marshal(want)
			if string(have) != string(sorted) {
				t.Errorf("exception %s, want %s", have, sorted)
			}
			// Every line of the author's stays.
			for line := range strings.Lines(string(policy.DefaultYAML())) {
				if !strings.Contains(p.YAML, line) {
					t.Errorf("line %q went", line)
				}
			}
		})
	}
}

func TestProposeTwice(t *testing.T) {
	v := View{ID: "1", Policy: "p", Control: "drift", Object: &Object{Type: "file", Path: "/tmp/x"}}
	first, err := Propose(v, string(policy.DefaultYAML()))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Propose(v, first.YAML)
	if err != nil {
		t.Fatal(err)
	}
	q, err := policy.Parse([]byte(second.YAML))
	if err != nil || len(q.Spec.Exceptions) != 2 || q.Spec.Exceptions[0].Name == q.Spec.Exceptions[1].Name {
		t.Errorf("%+v, %v", q, err)
	}
	if strings.Count(second.YAML, "exceptions:") != 1 {
		t.Errorf("two lists:\n%s", second.YAML)
	}
}

func TestProposeForJSON(t *testing.T) {
	b, err := json.Marshal(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	p, err := Propose(View{ID: "1", Control: "drift", Object: &Object{Type: "file", Path: "/tmp/x"}}, string(b))
	if err != nil {
		t.Fatal(err)
	}
	if q, err := policy.Parse([]byte(p.YAML)); err != nil || len(q.Spec.Exceptions) != 1 {
		t.Errorf("%v\n%s", err, p.YAML)
	}
}

func TestNoProposal(t *testing.T) {
	for name, v := range map[string]View{
		"self protection": {Control: "selfProtection", Process: &Process{Exe: "/bin/sh"}},
		"nothing known":   {Control: "drift"},
		"bad call":        {Control: "mounts", Object: &Object{Type: "call", Syscall: "NOT A CALL"}},
	} {
		if _, err := propose(t, v); !errors.Is(err, ErrNoProposal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzPropose(f *testing.F) {
	f.Add("drift", "/tmp/x", "10.0.0.1", "unshare", "/bin/sh")
	f.Add("outbound", "/**", "::", "'\n- x", "/a\nb: c")
	f.Fuzz(func(t *testing.T, control, path, address, call, exe string) {
		for _, o := range []*Object{{Type: "file", Path: path}, {Type: "network", Address: address, Port: 1}, {Type: "call", Syscall: call}} {
			v := View{ID: "1", Control: control, Process: &Process{Exe: exe}, Object: o}
			p, err := Propose(v, string(policy.DefaultYAML()))
			if err != nil {
				continue
			}
			q, err := policy.Parse([]byte(p.YAML))
			if err != nil || len(q.Spec.Exceptions) != 1 {
				t.Fatalf("%v\n%s", err, p.YAML)
			}
			for _, g := range q.Spec.Exceptions[0].Paths {
				if o.Type == "file" && g != literal(path) {
					t.Fatalf("path %q became %q", path, g)
				}
			}
		}
	})
}

func TestDecode(t *testing.T) {
	e := &eventpb.Event{
		Verdict: eventpb.Verdict_VERDICT_DENY, Mode: eventpb.Mode_MODE_ENFORCE, Errno: 13, Rule: "r", LastObservedAtNs: 5,
		Object:  &eventpb.Event_Network{Network: &eventpb.NetworkObject{Protocol: "tcp", Address: "10.0.0.1", Port: 443}},
		Process: &eventpb.Process{Exe: "/bin/sh"}, Ancestors: []*eventpb.Process{{Pid: 1}},
	}
	payload, err := proto.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Decode(store.Event{ID: "x", Payload: payload, Verdict: "deny"})
	if err != nil || v.Mode != "enforce" || v.ErrnoName != "EACCES" || v.Subject() != "tcp 10.0.0.1 port 443" || v.Count != 1 || len(v.Ancestors) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	if v.Process.Args == nil || v.Attributes == nil || v.Workload.Labels == nil {
		t.Error("a list or map would be null in JSON")
	}
	if _, err := Decode(store.Event{Payload: []byte{0xff}}); err == nil {
		t.Error("garbage was decoded")
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		v                View
		asked, mode, say string
	}{
		{View{Control: "drift", Verdict: "deny", ErrnoName: "EACCES", Rule: "r", Policy: "p"}, "enforce", "enforce", "failed with EACCES"},
		{View{Control: "drift", Verdict: "deny", Killed: true}, "enforce", "enforce", "killed"},
		{View{Control: "drift", Verdict: "audit"}, "enforce", "audit", "group is in audit mode"},
		{View{Control: "drift", Verdict: "audit"}, "audit", "enforce", "let through"},
		{View{Control: "selfProtection", Verdict: "deny"}, "", "", "Self-protection"},
		{View{Kind: "lifecycle", Verdict: "allow"}, "", "", "for information"},
	} {
		if x := Explain(c.v, c.asked, c.mode); !strings.Contains(x.Why, c.say) {
			t.Errorf("%+v: %q lacks %q", c.v, x.Why, c.say)
		}
	}
}

func TestHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		h.Committed() // nobody waits
		woken := make(chan int, 3)
		for i := range 3 {
			go func() { <-h.Wait(); woken <- i }()
		}
		synctest.Wait()
		if len(woken) != 0 {
			t.Error("woken too early")
		}
		h.Committed()
		synctest.Wait()
		if len(woken) != 3 {
			t.Errorf("%d of 3 woken", len(woken))
		}
	})
}
