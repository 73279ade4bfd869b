package microenforcer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// ownFiles are the files that nobody in the workload may change: the program,
// what lies beside it, what it was given, and where it writes.
func (m *micro) ownFiles() []string {
	var out []string
	for _, p := range []string{m.cfg.Dir, m.cfg.PolicyFile, m.cfg.ManifestFile, m.cfg.CAFile, m.cfg.EventsFile} {
		if p == "" || p == EventsStderr || p == EventsNowhere {
			continue
		}
		if abs, err := filepath.Abs(p); err == nil {
			if real, err := filepath.EvalSymlinks(abs); err == nil && isPlain(real) {
				out = append(out, real)
			}
		}
	}
	if exe, err := os.Readlink("/proc/self/exe"); err == nil && filepath.IsAbs(exe) {
		out = append(out, exe)
	}
	return out
}

// isPlain says that a path is a file or a folder: events may go to a device or
// a pipe, which is nobody's own.
func isPlain(path string) bool {
	info, err := os.Stat(path)
	return err == nil && (info.Mode().IsRegular() || info.IsDir())
}

// volumePace is how soon a new mount is noticed.
const volumePace = 2 * time.Second

// errVolume is why a workload does not start.
var errVolume = errors.New("something is mounted that the policy forbids; its events say what")

// mountinfo is what is mounted, as the kernel writes it.
func mountinfo() ([]byte, error) {
	b, _, err := procfs.ReadFile("/proc/self/mountinfo", procfs.MaxMounts)
	if err != nil {
		return nil, fmt.Errorf("cannot tell what is mounted: %w", err)
	}
	return b, nil
}

// mountsFor gives what is mounted where a rule speaks of files.
func mountsFor(e *verdict.Engine) []procfs.Mount {
	if len(e.FilePatterns()) == 0 && len(e.FilePatternsOf(policy.FileIntegrity)) == 0 {
		return nil
	}
	b, err := mountinfo()
	if err != nil {
		return nil
	}
	return procfs.ParseMounts(b)
}

// volumes judges what is mounted now; an error means that the workload may not
// run.
func (m *micro) volumes() error {
	if m.loop.Policies().Engine.Mode(policy.Volumes) == policy.Off {
		return nil
	}
	b, err := mountinfo()
	if err != nil {
		return err
	}
	return m.judgeVolumes(b)
}

func (m *micro) judgeVolumes(b []byte) error {
	mounts := procfs.ParseMounts(b)
	list := make([]verdict.Volume, 0, len(mounts))
	for _, v := range mounts {
		list = append(list, verdict.Volume{Point: v.Point, Root: v.Root, Source: v.Source})
	}
	if a := m.loop.CheckVolumes(list); a.Kill {
		return errVolume
	}
	return nil
}

// watchVolumes judges again what is mounted when it, or the policy, changed.
func (m *micro) watchVolumes(ctx context.Context) {
	tick := time.NewTicker(volumePace)
	defer tick.Stop()
	engine := m.loop.Policies().Engine
	var last []byte
	if engine.Mode(policy.Volumes) != policy.Off {
		last, _ = mountinfo()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := m.loop.Policies().Engine
		if now.Mode(policy.Volumes) == policy.Off {
			engine = now
			continue
		}
		b, err := mountinfo()
		if err != nil || now == engine && bytes.Equal(b, last) {
			continue
		}
		engine, last = now, b
		if err := m.judgeVolumes(b); err != nil {
			m.stopWorkload(err.Error())
		}
	}
}

// bait is what stands in a file that is there to be touched.
const bait = "# Managed. Do not remove.\n"

// placeBaits makes the honeypots' files that are not there, where the folder
// is. Patterns with wildcards name none.
func (m *micro) placeBaits() {
	for _, g := range m.loop.Policies().Engine.Baits() {
		p := string(g)
		if strings.ContainsAny(p, "*?[") {
			continue
		}
		f, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o644)
		if err != nil {
			if !errors.Is(err, os.ErrExist) {
				m.cfg.Logger.Warn("a honeypot's file cannot be placed; it is watched all the same", "path", p, "error", err)
			}
			continue
		}
		_, _ = f.WriteString(bait)
		f.Close()
	}
}
