package verdict

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// naiveHolds says that a pattern names something below dir for certain.
func naiveHolds(patterns []policy.Glob, dir string) bool {
	if dir == "" {
		return false
	}
	for _, p := range patterns {
		literal, wild := "", false
		for _, part := range strings.Split(string(p), "/")[1:] {
			if strings.ContainsAny(part, "*?") {
				wild = true
				break
			}
			literal += "/" + part
		}
		if strings.HasPrefix(literal, dir+"/") || wild && literal == dir {
			return true
		}
	}
	return false
}

func naiveFileList(k *policy.FileControl, w *Workload, a *action.FileOp) string {
	moved := a.Access&action.FileMove != 0 && a.File.Mode>>12 == 4
	for i, g := range k.Paths {
		if naiveGlob(string(g), a.Path) && !anyGlob(k.Except, a.Path) {
			return fmt.Sprintf("paths[%d]", i)
		}
	}
	if moved && naiveHolds(k.Paths, a.Path) {
		return "folder-above"
	}
	for i, r := range k.Rules {
		if len(r.Processes) > 0 && !anyGlob(r.Processes, a.Proc.Exe) || len(r.Users) > 0 && !anyUser(r.Users, a.Proc.UID, w) {
			continue
		}
		if anyGlob(r.Paths, a.Path) && !anyGlob(r.Except, a.Path) {
			if r.Name != "" {
				return r.Name
			}
			return fmt.Sprintf("rules[%d]", i)
		}
		if moved && naiveHolds(r.Paths, a.Path) {
			return "folder-above"
		}
	}
	return ""
}

func has(a *action.FileOp, some ...action.FileAccess) bool {
	for _, s := range some {
		if a.Access&s != 0 {
			return true
		}
	}
	return false
}

func naiveFile(ps []*policy.RuntimePolicy, w *Workload, a *action.FileOp) Decision {
	var vs []violation
	for _, p := range ps {
		if !naiveScope(p, w) {
			continue
		}
		c := &p.Spec.Controls
		add := func(id policy.ControlID, s policy.Setting, rule string) {
			if rule != "" {
				vs = append(vs, violation{id, s, rule, p})
			}
		}
		if k := c.FileRead; k != nil && has(a, action.FileRead, action.FileMove, action.FileLink) {
			add(policy.FileRead, k.Setting, naiveFileList(k, w, a))
		}
		if k := c.FileWrite; k != nil && has(a, action.FileModify, action.FileCreate, action.FileMove, action.FileLink) {
			add(policy.FileWrite, k.Setting, naiveFileList(k, w, a))
		}
		if k := c.ReadOnlyFiles; k != nil && has(a, action.FileModify, action.FileCreate, action.FileMove, action.FileLink, action.FileDelete, action.FileAttributes) {
			add(policy.ReadOnlyFiles, k.Setting, naiveFileList(k, w, a))
		}
		if k := c.Honeypots; k != nil {
			for i, g := range k.Paths {
				if a.Access&^action.FileAppend != 0 && naiveGlob(string(g), a.Path) {
					add(policy.Honeypots, k.Setting, fmt.Sprintf("paths[%d]", i))
					break
				}
			}
		}
		if k := c.SystemTampering; k != nil && !anyGlob(k.AllowedProcesses, a.Proc.Exe) {
			shrinks := has(a, action.FileModify) && !has(a, action.FileAppend, action.FileCreate)
			rule := ""
			if shrinks || has(a, action.FileDelete, action.FileMove, action.FileLink) {
				for i := len(k.LogPaths) - 1; i >= 0; i-- {
					if naiveGlob(string(k.LogPaths[i]), a.Path) {
						rule = fmt.Sprintf("logPaths[%d]", i)
					}
				}
				if rule == "" && has(a, action.FileMove) && a.File.Mode>>12 == 4 && naiveHolds(k.LogPaths, a.Path) {
					rule = "folder-above"
				}
			}
			add(policy.SystemTampering, k.Setting, rule)
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc, path: a.Path, syscall: a.Syscall}, w)
}

func naiveIntegrity(ps []*policy.RuntimePolicy, w *Workload, a *action.FileOp) Decision {
	var vs []violation
	for _, p := range ps {
		k := p.Spec.Controls.FileIntegrity
		if k == nil || !naiveScope(p, w) || anyGlob(k.Except, a.Path) || anyGlob(k.IgnoredProcesses, a.Proc.Exe) || anyUser(k.IgnoredUsers, a.Proc.UID, w) {
			continue
		}
		wanted := func(o policy.FileOperation) bool {
			if len(k.Operations) == 0 {
				return o != "read"
			}
			for _, x := range k.Operations {
				if x == o {
					return true
				}
			}
			return false
		}
		if !(has(a, action.FileCreate) && wanted("create") || has(a, action.FileModify) && wanted("modify") || has(a, action.FileDelete, action.FileMove) && wanted("delete") ||
			has(a, action.FileAttributes) && wanted("attributes") || has(a, action.FileRead) && wanted("read")) {
			continue
		}
		for i, g := range k.Paths {
			if naiveGlob(string(g), a.Path) {
				vs = append(vs, violation{policy.FileIntegrity, k.Setting, fmt.Sprintf("paths[%d]", i), p})
				break
			}
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc, path: a.Path, syscall: a.Syscall}, w)
}

func naiveVolume(ps []*policy.RuntimePolicy, w *Workload, v *Volume) Decision {
	var vs []violation
	nobody := &action.Process{UID: 4242}
	for _, p := range ps {
		k := p.Spec.Controls.Volumes
		if k == nil || !naiveScope(p, w) {
			continue
		}
		for _, at := range []string{v.Point, v.Root, v.Source} {
			rule := ""
			for i := len(k.Paths) - 1; i >= 0; i-- {
				if at != "/" && naiveGlob(string(k.Paths[i]), at) {
					rule = fmt.Sprintf("paths[%d]", i)
				}
			}
			one := violation{policy.Volumes, k.Setting, rule, p}
			if rule != "" && !naiveExcepted(one, facts{proc: nobody, path: at}, w) {
				vs = append(vs, one)
				break
			}
		}
	}
	return naiveDecide(vs, facts{proc: nobody}, w)
}

func (r random) files() *policy.FileControl {
	k := &policy.FileControl{Setting: r.setting(), Paths: r.globs(2), Except: r.globs(1)}
	for i := range r.IntN(3) {
		k.Rules = append(k.Rules, policy.FileRule{Name: pick(r, "", fmt.Sprintf("f%d", i)), Paths: r.globs(2), Except: r.globs(1), Processes: r.globs(1), Users: r.users()})
	}
	return k
}

// fileControls fills in the controls that judge files.
func (r random) fileControls(c *policy.Controls) {
	c.FileRead, c.FileWrite, c.ReadOnlyFiles = maybe(r, r.files), maybe(r, r.files), maybe(r, r.files)
	c.FileIntegrity = maybe(r, func() *policy.FileIntegrityControl {
		return &policy.FileIntegrityControl{Setting: r.setting(), Paths: r.globs(2), Except: r.globs(1),
			Operations: some[policy.FileOperation](r, 2, "create", "modify", "delete", "attributes", "read"), IgnoredProcesses: r.globs(1), IgnoredUsers: r.users()}
	})
	c.Honeypots = maybe(r, func() *policy.HoneypotControl {
		return &policy.HoneypotControl{Setting: r.setting(), Paths: r.globs(1)}
	})
	c.SystemTampering = maybe(r, func() *policy.SystemTamperingControl {
		return &policy.SystemTamperingControl{Setting: r.setting(), LogPaths: r.globs(2), AllowedProcesses: r.globs(1)}
	})
	c.Volumes = maybe(r, func() *policy.VolumeControl {
		return &policy.VolumeControl{Setting: r.setting(), Paths: r.globs(2)}
	})
}

func (r random) fileOp() *action.FileOp {
	a := &action.FileOp{Proc: r.proc(), Path: pick(r, append(paths, "/tmp", "/usr", "/usr/lib", "/bin")...), Access: action.FileAccess(1 << r.IntN(8)), Syscall: pick(r, "mount", "openat", "unshare")}
	if r.IntN(3) == 0 {
		a.Access |= action.FileAccess(1 << r.IntN(8))
	}
	if a.Access == action.FileAppend {
		a.Access |= action.FileModify
	}
	a.File.Mode = pick[uint32](r, 0o100644, 0o040755, 0)
	return a
}

// TestFilesAgreeWithNaiveEvaluator judges random uses of files both ways.
func TestFilesAgreeWithNaiveEvaluator(t *testing.T) {
	r := random{rand.New(rand.NewPCG(20261122, 5))}
	counts := map[Verdict]int{}
	for range 3000 {
		ps := []*policy.RuntimePolicy{r.policy("p0"), r.policy("p1"), r.policy("p2")}[:1+r.IntN(3)]
		for _, p := range ps {
			r.fileControls(&p.Spec.Controls)
		}
		w := r.workload()
		e, err := Compile(ps, w)
		if err != nil {
			t.Fatal(err)
		}
		care := e.Needs().Files
		for range 20 {
			a := r.fileOp()
			v := &Volume{Point: pick(r, "/tmp", "/tmp/a", "/app", "/"), Root: pick(r, "/", "/usr/bin/a", "/bin/b"), Source: pick(r, "/dev/sda1", "overlay", "/bin/a")}
			got, i, vol := e.File(a), e.Integrity(a), e.Volume(v)
			want, wi, wv := naiveFile(ps, &w, a), naiveIntegrity(ps, &w, a), naiveVolume(ps, &w, v)
			counts[got.Verdict]++
			most := care.Changes
			if a.Access&action.FileChange == 0 {
				most = care.Reads
			}
			if got != want || i != wi || vol != wv || max(got.Verdict, i.Verdict) > max(most, care.Reads) {
				text := ""
				for _, p := range ps {
					y, _ := p.YAML()
					text += "---\n" + string(y)
				}
				t.Fatalf("%+v\n%+v\nworkload %+v\nfile     %+v\nnaive    %+v\nintegrity %+v\nnaive     %+v\nvolume %+v\nnaive  %+v\n%s", a, v, w, got, want, i, wi, vol, wv, text)
			}
		}
	}
	if counts[Allow] < 3000 || counts[Audit] < 3000 || counts[Deny] < 3000 {
		t.Errorf("the mixture is poor: %v", counts)
	}
}

// An allowed use of a file costs no allocation.
func TestFileVerdictDoesNotAllocate(t *testing.T) {
	e := compile(t, Workload{}, "    fileRead: {mode: enforce, paths: [/etc/shadow, /srv/**/*.key]}\n    readOnlyFiles: {mode: enforce, paths: [/usr/**], except: [/usr/local/**]}\n    fileIntegrity: {mode: audit, paths: [/etc/**]}\n")
	a := &action.FileOp{Proc: &action.Process{Exe: "/bin/sh"}, Path: "/var/lib/app/data/file", Access: action.FileRead | action.FileModify}
	if n := testing.AllocsPerRun(100, func() {
		if e.File(a).Verdict != Allow || e.Integrity(a).Verdict != Allow {
			t.Fatal("denied")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
