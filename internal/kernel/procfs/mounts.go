package procfs

import (
	"bytes"
	"strconv"
)

// MaxMounts bounds a mountinfo file.
const MaxMounts = 4 << 20

// Mount is one line of /proc/PID/mountinfo.
type Mount struct {
	Point  string // where it is mounted
	Root   string // what of the file system is mounted
	Type   string
	Source string
}

// ParseMounts reads the text of a mountinfo file. Lines that do not look as
// the kernel writes them are left out.
func ParseMounts(b []byte) []Mount {
	var out []Mount
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		dash := -1
		for i := 6; i < len(f); i++ {
			if len(f[i]) == 1 && f[i][0] == '-' {
				dash = i
				break
			}
		}
		if dash < 0 || len(f) < dash+3 {
			continue
		}
		out = append(out, Mount{Root: unescape(f[3]), Point: unescape(f[4]), Type: unescape(f[dash+1]), Source: unescape(f[dash+2])})
	}
	return out
}

// unescape undoes the kernel's \ooo.
func unescape(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) {
			if n, err := strconv.ParseUint(string(b[i+1:i+4]), 8, 8); err == nil {
				out = append(out, byte(n))
				i += 3
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}
