//go:build kernel

package kernels

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"sort"
)

// file is one entry of an initramfs.
type file struct {
	mode uint32 // with the type
	data []byte
	from string // data is in this file
}

const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
)

// writeCPIO writes files, by absolute path, as the kernel reads an initramfs
// (the "newc" format). Folders above a file are made.
func writeCPIO(w io.Writer, files map[string]file) error {
	all := map[string]file{}
	for name, f := range files {
		all[name] = f
		for d := path.Dir(name); d != "/"; d = path.Dir(d) {
			if _, ok := files[d]; !ok {
				all[d] = file{mode: modeDir | 0o755}
			}
		}
	}
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	sort.Strings(names) // a folder before what is in it
	out := bufio.NewWriterSize(w, 1<<20)
	at := 0
	write := func(b []byte) {
		_, _ = out.Write(b)
		at += len(b)
		for ; at%4 != 0; at++ {
			_ = out.WriteByte(0)
		}
	}
	for i, n := range append(names, "TRAILER!!!") {
		f := all[n]
		if f.from != "" {
			b, err := os.ReadFile(f.from)
			if err != nil {
				return fmt.Errorf("cannot put %s into the initramfs: %w", n, err)
			}
			f.data = b
		}
		name := n
		if n[0] == '/' {
			name = n[1:]
		}
		head := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
			i+1, f.mode, 0, 0, 1, 0, len(f.data), 0, 0, 0, 0, len(name)+1, 0, name)
		write([]byte(head))
		write(f.data)
	}
	return out.Flush()
}
