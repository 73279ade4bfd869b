package procfs

import (
	"bytes"
	"fmt"
	"strconv"
)

// Capabilities are sets of a task, by number.
type Capabilities struct {
	Permitted, Bounding uint64
	Root                bool // its effective user is 0
}

// ReadCapabilities reads those of a task; 0: our own.
func ReadCapabilities(tid int) (c Capabilities, err error) {
	path := "/proc/self/status"
	if tid != 0 {
		path = Path(tid, "status")
	}
	b, _, err := ReadFile(path, MaxGroups)
	if err != nil {
		return c, err
	}
	st, err := ParseStatus(b)
	if err != nil {
		return c, err
	}
	c.Root = st.UID.Effective == 0
	for key, v := range map[string]*uint64{"\nCapPrm:\t": &c.Permitted, "\nCapBnd:\t": &c.Bounding} {
		_, rest, ok := bytes.Cut(b, []byte(key))
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 64)
		if !ok || err != nil {
			return c, fmt.Errorf("cannot read the capabilities of a status file: %w", ErrFormat)
		}
		*v = n
	}
	return c, nil
}
