package procfs

import (
	"bytes"
	"fmt"
	"strconv"
)

// MaxGroups bounds a status file with all 65,536 supplementary groups that a
// process can have.
const MaxGroups = 1 << 20

// ParseGroups reads the line Groups of a status file.
func ParseGroups(b []byte) ([]uint32, error) {
	_, rest, ok := bytes.Cut(b, []byte("\nGroups:\t"))
	if !ok {
		return nil, fmt.Errorf("cannot find the groups of a status file: %w", ErrFormat)
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	var out []uint32
	for _, f := range bytes.Fields(line) {
		n, err := strconv.ParseUint(string(f), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("cannot read the groups of a status file: %w", ErrFormat)
		}
		out = append(out, uint32(n))
	}
	return out, nil
}
