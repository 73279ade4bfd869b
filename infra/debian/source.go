package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Source fetches a source package ("redis", or "redis=5:7.0.15-1") by apt,
// which checks its signatures, and unpacks it with Debian's patches into a
// folder; or takes the folder of an earlier run. What apt knows of packages is
// kept beside the folder, for the next one.
func Source(ctx context.Context, out, name string) error {
	_, sources := Host()
	if len(sources) == 0 {
		return errors.New("this machine has no package sources of a Debian")
	}
	b, err := os.ReadFile(sources[0])
	if err != nil {
		return err
	}
	return source(ctx, out, name, filepath.Ext(sources[0]), asSources(string(b)))
}

// What in apt's two formats says that a source is of binary packages.
var (
	binaryStanza = regexp.MustCompile(`(?mi)^(Types:).*$`)
	binaryLine   = regexp.MustCompile(`(?m)^\s*deb\s`)
)

// asSources makes package sources those of source packages.
func asSources(list string) string {
	return binaryLine.ReplaceAllString(binaryStanza.ReplaceAllString(list, "$1 deb-src"), "deb-src ")
}

func source(ctx context.Context, out, name, ext, list string) error {
	if _, err := os.Stat(out); err == nil {
		return nil
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	apt := filepath.Join(filepath.Dir(out), ".apt")
	if err := os.MkdirAll(filepath.Join(apt, "lists/partial"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(apt, "list"+ext), []byte(list), 0o644); err != nil {
		return err
	}
	part, err := os.MkdirTemp(filepath.Dir(out), ".part")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(part) }()
	for _, args := range [][]string{{"update", "--error-on=any"}, {"source", "--only-source", name}} {
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q", "-o", "APT::Sandbox::User=root",
			"-o", "Dir::Etc::sourcelist=" + filepath.Join(apt, "list"+ext), "-o", "Dir::Etc::sourceparts=/dev/null",
			"-o", "Dir::State::lists=" + filepath.Join(apt, "lists"), "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="}, args...)...)
		cmd.Dir, cmd.Env = part, append(os.Environ(), "LC_ALL=C")
		if b, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot fetch the source of %s: apt-get %s: %w\n%s", name, args[0], err, b)
		}
	}
	unpacked, err := filepath.Glob(filepath.Join(part, "*", "debian"))
	if err != nil || len(unpacked) != 1 {
		return fmt.Errorf("the source of %s is not one folder: %s", name, strings.Join(unpacked, " "))
	}
	return os.Rename(filepath.Dir(unpacked[0]), out)
}
