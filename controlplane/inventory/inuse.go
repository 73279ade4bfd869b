package inventory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/limpet-security/limpet/controlplane/learn"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/profile"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/internal/wire"
)

// Use says whether workloads of an image were seen to use one of its packages.
type Use string

// What is known of a package's use.
const (
	InUse      Use = "yes"     // a file of it was executed or opened
	NotSeen    Use = "notSeen" // none was, by profiles that are ready, and all its code would have been seen
	UseUnknown Use = "unknown"
)

// Bounds of what is read and shown.
const (
	maxImageProfiles = 20 // groups that run one image
	maxUses          = 5  // of one package
)

// UseEvidence is one sighting of a package's file.
type UseEvidence struct {
	Path     string // a pattern where it changes from run to run
	How      string // executed, opened
	By       string // the program that did; "": not known
	Group    string
	LastSeen time.Time
}

// Usage is what profiles say of the packages of one report. A nil Usage knows
// nothing.
type Usage struct {
	seen    map[string][]UseEvidence // by package ID
	notSeen map[string]bool
}

// Of gives what is known of a package, and of what was seen some.
func (u *Usage) Of(packageID string) (Use, []UseEvidence) {
	switch {
	case u == nil:
	case len(u.seen[packageID]) > 0:
		return InUse, u.seen[packageID]
	case u.notSeen[packageID]:
		return NotSeen, nil
	}
	return UseUnknown, nil
}

// Packages lists the packages of which one thing is known, never nil.
func (u *Usage) Packages(use Use) []string {
	out := []string{}
	if u == nil {
		return out
	}
	switch use {
	case InUse:
		for id := range u.seen {
			out = append(out, id)
		}
	case NotSeen:
		for id := range u.notSeen {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// LoadUsage asks the profiles of workloads that run the image of a report, by
// its digest; nil if there is none.
func LoadUsage(ctx context.Context, r store.Reader, t tenant.ID, report *finding.Report, now time.Time) (*Usage, error) {
	if report.Artifact.Digest == "" {
		return nil, nil
	}
	profiles, err := r.ProfilesOfImage(ctx, t, clip(report.Artifact.Digest), maxImageProfiles+1)
	if err != nil || len(profiles) == 0 {
		return nil, err
	}
	whole := len(profiles) <= maxImageProfiles
	o := owned(report)
	var all []sighting
	touched := map[string]bool{} // whatever ran or was read, by whatever origin
	for _, p := range profiles[:min(len(profiles), maxImageProfiles)] {
		rows, err := r.ProfileItems(ctx, t, p.GroupName, p.Workload, time.Time{}, time.Time{})
		if err != nil {
			return nil, err
		}
		items := make([]learn.Item, 0, len(rows))
		libraries := false
		for _, row := range rows {
			it, err := learn.FromRow(row)
			if err != nil {
				return nil, err
			}
			items = append(items, it)
			touch(touched, it)
			if s, ok := sightingOf(it, p.GroupName); ok {
				all = append(all, s)
				libraries = libraries || !s.exec && profile.SharedObject(profile.Sample(s.item.Path))
			}
		}
		// Enforcers of before this was told do not say which libraries are opened,
		// nor do those that began to learn amid a run.
		whole = whole && libraries && p.Dropped == 0 && learn.Assess(p, items, now).Score >= learn.ReadyScore
	}
	u := &Usage{seen: map[string][]UseEvidence{}, notSeen: map[string]bool{}}
	for _, s := range all {
		for _, id := range o.of(s) {
			u.seen[id] = append(u.seen[id], s.evidence())
		}
	}
	for id, e := range u.seen {
		slices.SortFunc(e, func(a, b UseEvidence) int {
			return cmp.Or(b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Group, b.Group), cmp.Compare(a.By, b.By), cmp.Compare(a.How, b.How))
		})
		e = slices.Compact(e)
		u.seen[id] = e[:min(maxUses, len(e))]
	}
	if whole {
		u.notSeen = o.notSeen(touched, u.seen)
	}
	return u, nil
}

// sighting is one thing that a workload did with a file of its image.
type sighting struct {
	item  learn.Item
	group string
	exec  bool
}

// sightingOf leaves out what says nothing of the image's files: programs that
// are not the image's own any more, changes, what has no path.
func sightingOf(it learn.Item, group string) (sighting, bool) {
	s := sighting{it, group, it.Kind == wire.ProfileExec}
	switch {
	case len(it.Path) == 0 || it.Path[0] != '/':
		return s, false
	case s.exec:
		return s, !it.Fileless && (it.Origin == "" || it.Origin == "image")
	case it.Kind == wire.ProfileFile:
		a := action.ParseFileAccess(it.Call)
		return s, a&action.FileRead != 0 && a&action.FileChange == 0
	}
	return s, false
}

// touch notes the programs and files of an item.
func touch(touched map[string]bool, it learn.Item) {
	touched[merged(it.Exe)], touched[merged(it.Interpreter)] = true, true
	if it.Kind == wire.ProfileExec || it.Kind == wire.ProfileFile && action.ParseFileAccess(it.Call)&action.FileRead != 0 {
		touched[merged(it.Path)] = true
	}
}

func (s sighting) evidence() UseEvidence {
	e := UseEvidence{Path: s.item.Path, How: "opened", By: s.item.Exe, Group: s.group, LastSeen: s.item.LastSeen}
	if s.exec {
		e.How = "executed"
	}
	if !profile.Wild(e.Path) {
		e.Path = profile.Sample(e.Path) // without escapes
	}
	return e
}
