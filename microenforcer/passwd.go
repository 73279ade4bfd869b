package microenforcer

import (
	"bytes"
	"io"
	"os"
	"strconv"
)

// maxNames bounds /etc/passwd and /etc/group.
const maxNames = 1 << 20

// verdictNames reads the image's users and groups before the application
// runs, so that policies may name them. An image without these files has none.
func verdictNames() (users, groups map[string]uint32) {
	return readNames("/etc/passwd"), readNames("/etc/group")
}

func readNames(path string) map[string]uint32 {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxNames))
	if err != nil {
		return nil
	}
	return parseNames(b)
}

// parseNames reads name:password:number:... lines; the first of a name wins.
func parseNames(b []byte) map[string]uint32 {
	out := map[string]uint32{}
	for line := range bytes.Lines(b) {
		f := bytes.SplitN(bytes.TrimSpace(line), []byte(":"), 4)
		if len(f) < 3 || len(f[0]) == 0 {
			continue
		}
		n, err := strconv.ParseUint(string(f[2]), 10, 32)
		if _, known := out[string(f[0])]; err == nil && !known {
			out[string(f[0])] = uint32(n)
		}
	}
	return out
}
