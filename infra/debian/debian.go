// Package debian makes small Debians of packages, for the demo and for tests
// that need real software, and fetches the sources that packages were built
// from. It takes package names, gives a tar file or a folder, and trusts
// the package sources of this machine, whose signatures apt checks. What it
// makes is kept where the caller says and made once.
package debian

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// roomy is how much memory a folder in memory must have left: dpkg waits for
// the disk some hundred times, and where there is none it is a third faster.
const roomy = 6 << 30

// Bookworm is the release whose packages tests name.
const Bookworm = "bookworm"

// Tar makes a Debian of the smallest kind with some more packages (names, by
// commas) and without documentation, or takes the file of an earlier run.
func Tar(ctx context.Context, out, suite, packages string) error {
	if _, err := os.Stat(out); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	part := strings.TrimSuffix(out, ".tar") + ".part.tar" // the ending says what mmdebstrap makes
	args := []string{"--quiet", "--format=tar", "--variant=minbase", "--include=" + packages, "--dpkgopt=path-exclude=/usr/share/{doc,man,locale}/*", suite, part}
	if host, sources := Host(); host == suite {
		args = append(args, sources...)
	}
	cmd := exec.CommandContext(ctx, "mmdebstrap", args...)
	var fs syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &fs); err == nil && fs.Bavail*uint64(fs.Bsize) > roomy {
		cmd.Env = append(os.Environ(), "TMPDIR=/dev/shm")
	}
	if b, err := cmd.CombinedOutput(); err != nil {
		_ = os.Remove(part)
		return fmt.Errorf("cannot make a Debian with mmdebstrap: %w\n%s", err, b)
	}
	return os.Rename(part, out)
}

// Host gives the suite and the package sources of this machine, if it is a
// Debian, and bookworm from the default mirror elsewhere.
func Host() (suite string, sources []string) {
	suite = Bookworm
	b, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return suite, nil
	}
	values := map[string]string{}
	for line := range strings.Lines(string(b)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[k] = strings.Trim(v, `"`)
	}
	if values["ID"] != "debian" || values["VERSION_CODENAME"] == "" {
		return suite, nil
	}
	for _, f := range []string{"/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"} {
		if _, err := os.Stat(f); err == nil {
			return values["VERSION_CODENAME"], []string{f}
		}
	}
	return values["VERSION_CODENAME"], nil
}
