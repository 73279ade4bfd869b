package enforcer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/glob"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/policy"
)

// caseBlindTypes are file systems on which "secret" and "SECRET" are, or may be,
// one file: those of Windows and its shares, and those of a Mac.
var caseBlindTypes = []string{"cifs", "smb3", "smbfs", "vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "hfs", "hfsplus"}

// caseBlind says where a rule knows a file by one of its spellings only: on a
// file system that takes no notice of case, unless the pattern means all of it.
func caseBlind(patterns []policy.Glob, mounts []procfs.Mount) string {
	for _, m := range mounts {
		if !slices.Contains(caseBlindTypes, m.Type) {
			continue
		}
		for _, g := range patterns {
			if spells(g, m.Point) {
				return fmt.Sprintf("%s (%s) takes no notice of case, and a rule knows the spelling that it uses: name all of it, %s/**", m.Point, m.Type, strings.TrimSuffix(m.Point, "/"))
			}
		}
	}
	return ""
}

// spells says that a pattern may match something below a folder, and not
// everything.
func spells(g policy.Glob, folder string) bool {
	p, err := glob.Compile(string(g))
	if err != nil {
		return false
	}
	parts, below := p.Prefix()
	prefix, folder := strings.Join(parts, "/"), strings.TrimSuffix(folder, "/")
	switch {
	case strings.HasPrefix(prefix, folder+"/"):
		return true
	case prefix != folder && !strings.HasPrefix(folder, prefix+"/"):
		return false // elsewhere
	}
	_, literal := p.Literal()
	return !below && !literal
}
