package learn

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/glob"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/profile"
	"github.com/limpet-security/limpet/internal/wire"
)

// crowdOfFiles is how many names in one folder must have been changed until
// the folder stands for them.
const crowdOfFiles = 4

// scratch are trees in which programs make up names, and which hold no program
// that may run: drift sees to that. They stay open to changes.
var scratch = append(slices.Clone(madeUp), "/dev/", "/proc/")

// madeUp are the trees for names that programs make up.
var madeUp = []string{"/tmp/", "/var/tmp/"}

// secrets are what a workload that was not seen to read it has no reason to.
var secrets = []policy.Glob{
	"/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d/**", "/root/.ssh/**", "/home/*/.ssh/**",
	"/root/.aws/**", "/home/*/.aws/**", "/root/.kube/**", "/home/*/.kube/**", "/root/.docker/**", "/home/*/.docker/**", "/root/.netrc", "/home/*/.netrc",
	"/var/run/secrets/kubernetes.io/**", "/run/secrets/**", "/etc/kubernetes/**", "/etc/ssl/private/**",
}

// fileControls proposes that nothing changes but what was seen to, and that
// secrets are read only by what read them.
func (d *draft) fileControls(items []Item) {
	changed, read := map[string]*tally{}, []Item{}
	nameless, observed := int64(0), false
	for _, it := range items {
		if it.Kind != wire.ProfileFile {
			continue
		}
		access := action.ParseFileAccess(it.Call)
		if access&action.FileChange == 0 {
			read, observed = append(read, it), true
			continue
		}
		if !strings.HasPrefix(it.Path, "/") || policyGlob(it.Path) != nil {
			nameless += it.Count
			continue
		}
		if changed[it.Path] == nil {
			changed[it.Path] = &tally{}
		}
		changed[it.Path].add(it)
		if access&action.FileRead != 0 {
			read = append(read, it)
		}
	}
	d.readOnly(changed, nameless)
	if !observed {
		read = nil // opens for both are seen with the changes, without the other reads
	}
	d.secrets(read)
}

func (d *draft) readOnly(changed map[string]*tally, nameless int64) {
	if len(changed) == 0 {
		d.uncovered = append(d.uncovered, "files: no change of a file was seen, so changes are not governed")
		return
	}
	c := &policy.FileControl{Setting: policy.Setting{Mode: policy.Enforce}, Paths: []policy.Glob{"/**"}}
	for _, s := range scratch {
		c.Except = append(c.Except, policy.Glob(s+"**"))
		d.evidence["readOnlyFiles "+s+"**"] = "programs make up names there, or it is no file"
	}
	open := joinFiles(changed)
	for _, p := range slices.Sorted(maps.Keys(open)) {
		if len(c.Except) >= maxLines {
			c.Mode = policy.Audit
			d.uncovered = append(d.uncovered, fmt.Sprintf("readOnlyFiles only audits: %d different paths were changed", len(open)))
			break
		}
		c.Except = append(c.Except, policy.Glob(p))
		d.evidence["readOnlyFiles "+p] = open[p].String()
	}
	if nameless > 0 {
		c.Mode = policy.Audit
		d.uncovered = append(d.uncovered, fmt.Sprintf("readOnlyFiles only audits: %d changes were of files without a usable path", nameless))
	}
	d.p.Spec.Controls.ReadOnlyFiles = c
}

// joinFiles makes one pattern of a folder in which many names were changed.
// What lies in the trees of scratch is left out.
func joinFiles(changed map[string]*tally) map[string]*tally {
	inside := map[string]int{}
	for p := range changed {
		inside[path.Dir(p)]++
	}
	out := map[string]*tally{}
	for p, t := range changed {
		if slices.ContainsFunc(scratch, func(s string) bool { return strings.HasPrefix(p, s) }) {
			continue
		}
		if dir := path.Dir(p); inside[dir] >= crowdOfFiles && strings.Count(dir, "/") >= 2 {
			if all := dir + "/**"; policyGlob(all) == nil {
				p = all
			}
		}
		if out[p] == nil {
			out[p] = &tally{}
		}
		out[p].join(t)
	}
	return out
}

// secrets proposes that secrets are not read, but for those that were, if reads
// were seen at all.
func (d *draft) secrets(read []Item) {
	if len(read) == 0 {
		d.uncovered = append(d.uncovered, "reads of files: none was seen; they are observed from a start at which the group was learning already")
		return
	}
	c := &policy.FileControl{Setting: policy.Setting{Mode: policy.Enforce}}
	for _, g := range secrets {
		pattern, err := glob.Compile(string(g))
		if err != nil {
			continue // TestSecrets holds that there is none
		}
		wanted := &tally{}
		for _, it := range read {
			if pattern.Match(profile.Sample(it.Path)) {
				wanted.add(it)
			}
		}
		if wanted.count > 0 {
			d.uncovered = append(d.uncovered, fmt.Sprintf("fileRead leaves %s open: %s", g, wanted))
			continue
		}
		c.Paths = append(c.Paths, g)
	}
	if len(c.Paths) > 0 {
		d.p.Spec.Controls.FileRead = c
	}
}
