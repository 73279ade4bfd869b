package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

// ErrNoProposal reports an event that no exception in a policy can allow.
var ErrNoProposal = errors.New("no exception can allow this")

// Proposal is the change of a policy that would allow what an event stopped.
type Proposal struct {
	Policy    string          `json:"policy"`
	Exception json.RawMessage `json:"exception" doc:"What is added under spec.exceptions"`
	Diff      string          `json:"diff" doc:"Unified diff of the policy's YAML"`
	YAML      string          `json:"yaml" doc:"The policy with the exception"`
	Document  json.RawMessage `json:"document" doc:"The same as JSON"`
}

// Propose adds to a policy's text the narrowest exception that covers the
// event: the program with its digest, the peer and port for that process, the
// system call for that process. The rest of the text, with its comments,
// stays as it is.
func Propose(v View, text string) (Proposal, error) {
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return Proposal{}, fmt.Errorf("cannot read policy %q: %w", v.Policy, err)
	}
	x, err := exceptionFor(v)
	if err != nil {
		return Proposal{}, err
	}
	x.Name = freeName(x.Name, p)
	changed, err := insert(text, p, x)
	if err != nil {
		return Proposal{}, err
	}
	q, err := policy.Parse([]byte(changed))
	if err != nil {
		return Proposal{}, fmt.Errorf("%w: the exception would not be valid (%w)", ErrNoProposal, err)
	}
	doc, err := json.Marshal(q)
	if err != nil {
		return Proposal{}, fmt.Errorf("cannot write policy: %w", err)
	}
	exception, err := json.Marshal(x)
	if err != nil {
		return Proposal{}, fmt.Errorf("cannot write exception: %w", err)
	}
	name := v.Policy + ".yaml"
	return Proposal{
		Policy: v.Policy, Exception: exception, YAML: changed, Document: doc,
		Diff: string(diff.Diff("a/"+name, []byte(text), "b/"+name, []byte(changed))),
	}, nil
}

// exceptionFor finds selectors that hold for this event and little else.
func exceptionFor(v View) (policy.Exception, error) {
	x := policy.Exception{
		Controls: []policy.ControlID{policy.ControlID(v.Control)},
		Reason:   "Proposed from event " + v.ID,
	}
	var exe string
	if v.Process != nil {
		exe = v.Process.Exe
	}
	switch o := v.Object; {
	case v.Control == string(policy.SelfProtection):
		return x, fmt.Errorf("%w: self-protection cannot be turned off", ErrNoProposal)
	case v.Control == string(policy.RevokedImage):
		return x, fmt.Errorf("%w: the image is revoked; restore it instead", ErrNoProposal)
	case v.Control == string(policy.ImageAssurance):
		return x, fmt.Errorf("%w: have the image judged and its verdict signed", ErrNoProposal)
	case v.Control == string(policy.Capabilities):
		return x, fmt.Errorf("%w: take the capability out of the control's drop, or list it in keep", ErrNoProposal)
	case o == nil || v.Control == string(policy.ProcessLimit) || v.Kind == "socket":
		// Only the process can be named.
	case o.Type == "file":
		x.Name = "allow-" + path.Base(o.Path)
		for _, p := range []string{o.Path, mountedPart(o)} {
			if strings.HasPrefix(p, "/") {
				x.Paths = append(x.Paths, literal(p))
			}
		}
		if d, err := workload.ParseDigest(o.Digest); err == nil && !d.IsZero() {
			x.Digests = []policy.Digest{d}
		}
		if v.Kind != "file" && (x.Paths != nil || x.Digests != nil) {
			return x, nil // the caller of a program that is known by its content may be anybody
		}
	case o.Type == "network":
		peer(&x, o, path.Base(exe))
	case o.Type == "dns":
		x.Name = "allow-" + path.Base(exe) + "-to-resolve-" + o.Name
		name := o.Name
		if _, above, ok := strings.Cut(name, "."); ok && v.Rule == "tunnel" {
			name = "*." + above // each question is for another name
		}
		x.DNSNames = []policy.DNSName{policy.DNSName(name)}
	case o.Type == "call":
		x.Name = "allow-" + path.Base(exe) + "-" + o.Syscall
		x.Syscalls = []policy.SyscallName{policy.SyscallName(o.Syscall)}
	}
	if strings.HasPrefix(exe, "/") && v.Control != string(policy.Volumes) { // a mount is nobody's doing
		x.Processes = []policy.Glob{literal(exe)}
	}
	if x.Name == "" {
		x.Name = "allow-" + path.Base(exe)
	}
	if x.Empty() {
		return x, fmt.Errorf("%w: the event names neither a file, a peer nor a process", ErrNoProposal)
	}
	return x, nil
}

// mountedPart is the part of its source that a mount shows; "" if the event is
// of no mount. Either end of a mount can be what a rule speaks of.
func mountedPart(o *Object) string {
	if o.Operation != "mount" || o.OtherPath == "/" {
		return ""
	}
	return o.OtherPath
}

// peer selects the far end of a connection, or what was bound.
func peer(x *policy.Exception, o *Object, who string) {
	address, port := o.Address, o.Port
	if o.Direction == "inbound" {
		port = o.LocalPort // that of the far end is another each time
	}
	if address == "" {
		address = o.LocalAddress
	}
	x.Name = "allow-" + who + "-to-" + address
	if a, err := netip.ParseAddr(address); err == nil && !a.IsUnspecified() {
		x.CIDRs = []policy.CIDR{policy.CIDR(a.WithZone("").Unmap().String())}
	} else if strings.HasPrefix(address, "/") {
		x.Paths = []policy.Glob{literal(address)}
		return
	} else {
		x.Name = "allow-" + who + "-on-port-" + strconv.Itoa(int(port))
	}
	if port > 0 && port < 1<<16 {
		x.Ports = []policy.Ports{{First: uint16(port), Last: uint16(port)}}
	}
}

// literal writes a path as a pattern that matches it and nothing else: what
// stands in an event must never widen an exception.
func literal(p string) policy.Glob {
	return policy.Glob(strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(p))
}

// maxName bounds the name of an exception, in bytes.
const maxName = 100

// freeName makes a name of plain characters that no exception of p has.
func freeName(name string, p *policy.RuntimePolicy) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		}
		return '-'
	}, name)
	if len(clean) > maxName {
		clean = clean[:maxName]
	}
	taken := map[string]bool{}
	for _, x := range p.Spec.Exceptions {
		taken[x.Name] = true
	}
	for i, candidate := 2, clean; ; i++ {
		if !taken[candidate] {
			return candidate
		}
		candidate = clean + "-" + strconv.Itoa(i)
	}
}

// insert puts an exception into the text of a policy: right after the line
// of "exceptions:", or with such a line right after "spec:". Where the text is
// not written in lines (JSON, flow style), the whole policy is written anew.
func insert(text string, p *policy.RuntimePolicy, x policy.Exception) (string, error) {
	want := *p
	want.Spec.Exceptions = append([]policy.Exception{x}, p.Spec.Exceptions...)
	if out, ok := insertLines(text, x); ok {
		if got, err := policy.Parse([]byte(out)); err == nil && sameJSON(got, &want) {
			return out, nil
		}
	}
	out, err := want.YAML()
	if err != nil {
		return "", fmt.Errorf("cannot write policy: %w", err)
	}
	return string(out), nil
}

func sameJSON(a, b *policy.RuntimePolicy) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

func insertLines(text string, x policy.Exception) (string, bool) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) != 1 {
		return "", false
	}
	specKey, spec := child(doc.Content[0], "spec")
	if spec == nil || spec.Kind != yaml.MappingNode || spec.Style&yaml.FlowStyle != 0 || len(spec.Content) == 0 {
		return "", false
	}
	column := spec.Content[0].Column - 1 // of the keys under spec
	item, ok := itemLines(x)
	if !ok {
		return "", false
	}
	line := specKey.Line
	var add []string
	if key, list := child(spec, "exceptions"); list != nil {
		if list.Kind != yaml.SequenceNode || list.Style&yaml.FlowStyle != 0 || len(list.Content) == 0 {
			return "", false
		}
		line, column = key.Line, max(list.Column-1, 0)
	} else {
		add = append(add, strings.Repeat(" ", column)+"exceptions:")
		column += 2
	}
	for _, l := range item {
		add = append(add, strings.Repeat(" ", column)+l)
	}
	lines := strings.SplitAfter(text, "\n")
	if line > len(lines) {
		return "", false
	}
	end := "\n"
	if strings.HasSuffix(lines[line-1], "\r\n") {
		end = "\r\n"
	}
	if !strings.HasSuffix(lines[line-1], "\n") {
		return "", false
	}
	return strings.Join(lines[:line], "") + strings.Join(add, end) + end + strings.Join(lines[line:], ""), true
}

func child(m *yaml.Node, name string) (key, value *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == name {
			return m.Content[i], m.Content[i+1]
		}
	}
	return nil, nil
}

// itemLines writes an exception as one entry of a list, in lines.
func itemLines(x policy.Exception) ([]string, bool) {
	b, err := json.Marshal(x)
	if err != nil {
		return nil, false
	}
	var n yaml.Node
	if err := yaml.Unmarshal(b, &n); err != nil {
		return nil, false
	}
	block(&n)
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&yaml.Node{Kind: yaml.SequenceNode, Content: n.Content}); err != nil {
		return nil, false
	}
	return strings.Split(strings.TrimRight(out.String(), "\n"), "\n"), true
}

// block turns the style of JSON into that of YAML.
func block(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle
	if n.Kind == yaml.ScalarNode && n.Style == yaml.DoubleQuotedStyle {
		n.Style = 0
	}
	for _, c := range n.Content {
		block(c)
	}
}
