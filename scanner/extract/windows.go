package extract

import (
	"cmp"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/extract/hive"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// Where the hive of installed software lies: on a disk, in the lowest layer of a
// Windows image (files below Files/), and what the layers above it changed.
const (
	windowsHive  = "/windows/system32/config/software"
	windowsDelta = "/hives/software_delta"
)

func isHive(i inspect.Info) bool {
	p := strings.ToLower(i.Path)
	return i.Size > 0 && (p == windowsHive || p == "/files"+windowsHive || p == windowsDelta || p == "/hives/software_base")
}

// maxPrograms is how many programs one hive may list.
const maxPrograms = 20_000

// readHive reads what Windows is and what is installed on it. A layer's delta
// holds the keys that it changed, and nothing else.
func readHive(in *input, out *File) error {
	h, err := hive.Open(in.data, in.Size)
	if err != nil {
		return err
	}
	var flaws []error
	if err := readWindowsVersion(h, out); err != nil {
		flaws = append(flaws, err)
	}
	for _, at := range [][]string{{"Microsoft"}, {"WOW6432Node", "Microsoft"}} {
		flaws = append(flaws, readPrograms(h, append(at, "Windows", "CurrentVersion", "Uninstall"), out))
	}
	flaws = append(flaws, readUpdates(h, out))
	if h.Dirty {
		flaws = append(flaws, errors.New("changes wait in its log, which is not read"))
	}
	return errors.Join(flaws...)
}

// readWindowsVersion writes the version as os-release has it: in a delta only
// what has changed.
func readWindowsVersion(h *hive.Hive, out *File) error {
	k, err := h.Key("Microsoft", "Windows NT", "CurrentVersion")
	if err != nil || k == nil {
		return err
	}
	v, err := k.Values()
	for _, name := range []string{"productname", "displayversion", "currentmajorversionnumber", "currentminorversionnumber", "currentbuild", "currentbuildnumber", "ubr", "installationtype"} {
		if s := v[name]; s != "" && len(s) < 200 && !strings.ContainsAny(s, "\n=") {
			out.Text += name + "=" + s + "\n"
		}
	}
	return err
}

// readPrograms lists what the installed programs wrote of themselves.
func readPrograms(h *hive.Hive, at []string, out *File) error {
	k, err := h.Key(at...)
	if err != nil || k == nil {
		return err
	}
	return errors.Join(k.Each(func(c *hive.Key) bool {
		var v map[string]string
		if v, err = c.Values(); err != nil {
			return false
		}
		if v["displayname"] != "" && v["displayversion"] != "" {
			out.Packages = append(out.Packages, finding.Package{Type: finding.Windows, Name: clip(v["displayname"]), Version: clip(v["displayversion"]), Evidence: "registry: installed programs"})
		}
		return len(out.Packages) < maxPrograms
	}), err)
}

// installedState is CurrentState of an update that is in force.
const installedState = "112"

// readUpdates lists the updates: Package_for_KB5034770~31bf3856ad364e35~amd64~~20348.2322.1.9.
func readUpdates(h *hive.Hive, out *File) error {
	k, err := h.Key("Microsoft", "Windows", "CurrentVersion", "Component Based Servicing", "Packages")
	if err != nil || k == nil {
		return err
	}
	return errors.Join(k.Each(func(c *hive.Key) bool {
		name, ok := strings.CutPrefix(c.Name, "Package_for_")
		parts := strings.Split(name, "~")
		if !ok || len(parts) < 5 {
			return true
		}
		var v map[string]string
		if v, err = c.Values(); err != nil {
			return false
		}
		if v["currentstate"] == installedState {
			out.Packages = append(out.Packages, finding.Package{Type: finding.Windows, Name: clip(parts[0]), Version: clip(parts[4]), Arch: clip(parts[2]), Evidence: "registry: updates"})
		}
		return len(out.Packages) < maxPrograms
	}), err)
}

func clip(s string) string { return s[:min(len(s), 300)] }

// windows puts the hives of all layers together, lowest first: a delta stands
// at the same path in each layer and changes what lies below.
func (t *tree) windows(r *finding.Report) {
	var hives []placed
	for name, all := range t.versions {
		if isHive(inspect.Info{Path: name, Size: 1}) {
			hives = append(hives, all...)
		}
	}
	if len(hives) == 0 {
		return
	}
	slices.SortStableFunc(hives, func(a, b placed) int { return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.path, b.path)) })
	values := map[string]string{}
	for _, h := range hives {
		for line := range strings.Lines(h.Text) {
			if key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
				values[key] = value
			}
		}
	}
	if build := cmp.Or(values["currentbuild"], values["currentbuildnumber"]); build != "" && r.OS == nil {
		number := cmp.Or(values["currentmajorversionnumber"], "10") + "." + cmp.Or(values["currentminorversionnumber"], "0") + "." + build
		if values["ubr"] != "" {
			number += "." + values["ubr"]
		}
		r.OS = &finding.OS{ID: "windows", Version: number, Codename: values["displayversion"], Name: strings.TrimSpace(values["productname"] + " " + values["displayversion"])}
	}
	// What a lower delta installed is there still: only the uppermost is visible in the tree.
	listed := map[string]bool{}
	for _, h := range slices.Backward(hives) {
		for _, p := range h.Packages {
			id := p.Name + "\x00" + p.Version + "\x00" + p.Arch
			if listed[id] {
				continue
			}
			listed[id] = true
			p.Places = []finding.Place{{Path: h.path, Layer: t.layers[h.layer].DiffID}}
			r.Packages = append(r.Packages, p)
		}
	}
	for _, h := range hives {
		if path.Base(strings.ToLower(h.path)) == "software_delta" {
			// A key that a layer removed is marked in a way of its own in deltas.
			r.Integrity.Note(finding.Anomaly{Code: "windows-delta", Effect: finding.Complete, Layer: t.layers[h.layer].DiffID, Path: h.path, Detail: "what this layer uninstalled may be listed still"})
		}
	}
}
