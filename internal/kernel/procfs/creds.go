package procfs

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// ReadCreds reads what /proc/TID/status says about the right to files, and
// the umask.
func ReadCreds(tid int) (c linux.Creds, umask uint32, err error) {
	b, _, err := ReadFile(Path(tid, "status"), MaxStatus)
	if err != nil {
		return c, 0, err
	}
	return ParseCreds(b)
}

// maxGroups is the kernel's NGROUPS_MAX; a status file that is cut ends before.
const maxGroups = 65536

// ParseCreds reads the text of a status file.
func ParseCreds(b []byte) (c linux.Creds, umask uint32, err error) {
	const all = 5
	seen := 0
	for len(b) > 0 && seen < all {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break // a line that was cut is no line
		}
		line := b[:i]
		b = b[i+1:]
		k, v, ok := bytes.Cut(line, []byte(":\t"))
		if !ok {
			continue
		}
		var ids IDs
		switch string(k) {
		case "Umask":
			var n uint64
			n, err = strconv.ParseUint(string(v), 8, 9+3)
			umask = uint32(n)
		case "Uid":
			ids, err = parseIDs(v)
			c.UID, c.EUID, c.FSUID = ids.Real, ids.Effective, ids.FS
		case "Gid":
			ids, err = parseIDs(v)
			c.GID, c.EGID, c.FSGID = ids.Real, ids.Effective, ids.FS
		case "Groups":
			for _, f := range bytes.Fields(v) {
				var g uint64
				if g, err = strconv.ParseUint(string(f), 10, 32); err != nil || len(c.Groups) == maxGroups {
					break
				}
				c.Groups = append(c.Groups, uint32(g))
			}
		case "CapEff":
			c.Effective, err = strconv.ParseUint(string(v), 16, 64)
		default:
			continue
		}
		if err != nil {
			return linux.Creds{}, 0, fmt.Errorf("cannot read field %s of a status file: %w", k, ErrFormat)
		}
		seen++
	}
	if seen < all {
		return linux.Creds{}, 0, fmt.Errorf("cannot read a status file: %w", ErrFormat)
	}
	return c, umask, nil
}
