package learn

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// write gives the draft as text, with what was seen beside each line.
func (d *draft) write(items []Item, o Options) (string, error) {
	b, err := d.p.YAML()
	if err != nil {
		return "", fmt.Errorf("cannot write proposal: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil || len(doc.Content) != 1 {
		return "", fmt.Errorf("cannot write proposal: %w", err)
	}
	root := doc.Content[0]
	spec := value(root, "spec")
	controls := value(spec, "controls")
	d.comment(value(value(controls, "allowedExecutables"), "paths"), "allowedExecutables")
	d.comment(value(value(controls, "bind"), "allowedPorts"), "bind")
	d.comment(value(value(controls, "dns"), "allow"), "dns")
	d.comment(value(value(controls, "readOnlyFiles"), "except"), "readOnlyFiles")
	if allow := value(value(controls, "outbound"), "allow"); allow != nil {
		for _, rule := range allow.Content {
			if name := value(rule, "name"); name != nil {
				name.LineComment = comment(d.evidence["outbound "+name.Value])
			}
		}
	}
	if x := value(spec, "exceptions"); x != nil {
		for _, e := range x.Content {
			e.HeadComment = "# CHECK: the base rules speak against this. Remove the exception if it was not meant."
		}
	}
	var out bytes.Buffer
	for _, line := range d.head(items, o) {
		out.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return "", fmt.Errorf("cannot write proposal: %w", err)
	}
	return out.String(), nil
}

func (d *draft) comment(list *yaml.Node, control string) {
	if list == nil {
		return
	}
	for _, n := range list.Content {
		if e := d.evidence[control+" "+n.Value]; e != "" {
			n.LineComment = comment(e)
		}
	}
}

// comment makes one line of a workload's words.
func comment(s string) string {
	if s == "" {
		return ""
	}
	return "# " + line(s)
}

func line(s string) string {
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return '?'
		}
		return r
	}, s), "?")
}

// head is what stands above the policy.
func (d *draft) head(items []Item, o Options) []string {
	first, last, total := time.Time{}, time.Time{}, int64(0)
	var workloads []string
	for _, it := range items {
		if first.IsZero() || it.FirstSeen.Before(first) {
			first = it.FirstSeen
		}
		if it.LastSeen.After(last) {
			last = it.LastSeen
		}
		total += it.Count
		if !slices.Contains(workloads, it.Workload) {
			workloads = append(workloads, it.Workload)
		}
	}
	slices.Sort(workloads)
	out := []string{
		fmt.Sprintf("Proposed from what group %s did: %d different things, %d occurrences,", line(o.Group), len(items), total),
		fmt.Sprintf("from %s until %s.", first.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339)),
		"", "Workloads:",
	}
	for i, w := range workloads {
		if i == 20 {
			out = append(out, fmt.Sprintf("  and %d more", len(workloads)-i))
			break
		}
		s := "  " + line(w)
		if r, ok := o.Scores[w]; ok {
			s += fmt.Sprintf(" (readiness %d of 100)", r.Score)
		}
		out = append(out, s)
	}
	if len(d.check) > 0 {
		out = append(out, "", "Look at these before you apply it:")
		for _, c := range d.check {
			out = append(out, "  "+line(c))
		}
	}
	out = append(out, "", "Not covered:")
	for _, u := range d.uncovered {
		out = append(out, "  "+line(u))
	}
	return out
}

func value(m *yaml.Node, key string) *yaml.Node {
	if m == nil {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}
