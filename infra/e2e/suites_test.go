//go:build kernel

package e2e

import (
	"context"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Python's own tests of what it asks of the system. The first line is for
// every run, the rest for LIMPET_SOAK.
const (
	quickModules = "test_os test_fcntl test_mmap test_pty test_select"
	soakModules  = "test_signal test_posix test_eintr test_tempfile test_shutil test_fileio test_selectors test_epoll test_poll test_socketserver " +
		"test_pathlib test_resource test_ioctl test_openpty test_wait3 test_wait4 test_threadsignals test_subprocess test_socket test_threading " +
		"test_httpservers test_pipes test_tty test_file test_glob test_posixpath test_zipfile test_asyncio test_ssl test_multiprocessing_fork " +
		"test_sqlite3 test_tarfile test_mailbox test_ftplib test_io test_import test_logging test_concurrent_futures test_urllib2_localnet test_dbm"
)

// rounds is how often a difference must be seen: some of the tests measure
// time, and fail where the machine is busy.
const rounds = 4

// TestPythonSuite runs tests of Python's standard library as they are and
// under every control, with all file operations and connections carried out by
// the enforcer. What passes there must pass here.
func TestPythonSuite(t *testing.T) {
	modules := strings.Fields(quickModules)
	if os.Getenv("LIMPET_SOAK") != "" {
		modules = append(modules, strings.Fields(soakModules)...)
	}
	p := &pythonSuite{t: t, dir: t.TempDir()}
	enforcer := filepath.Join(p.dir, "microenforcer")
	build := exec.Command("go", "build", "-o", enforcer, "./microenforcer/cmd/microenforcer")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	full, err := filepath.Abs("testdata/compat/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	events := filepath.Join(p.dir, "events")
	protected := []string{enforcer, "run", "--policy", full, "--mode", "enforce", "--log", "error", "--events", events, "--"}

	var passed, failed, both, differ int
	for _, m := range modules {
		plain, err := p.run(nil, m)
		if err != nil {
			t.Errorf("%s does not run as it is: %v", m, err)
			continue
		}
		wrapped, err := p.run(protected, m)
		for n := 1; err != nil && n < rounds; n++ {
			wrapped, err = p.run(protected, m)
		}
		if err != nil {
			t.Errorf("%s: %v", m, err)
		}
		for name, ok := range plain {
			switch now, seen := wrapped[name]; {
			case ok && seen && now:
				passed++
			case !ok && seen && !now:
				both++
			case !ok:
				failed++ // plain only: by load
			case err == nil && p.differs(protected, m, name):
				differ++
				t.Errorf("%s passes as it is, and never under the enforcer", name)
			default:
				passed++
			}
		}
	}
	t.Logf("%d modules: %d tests pass plain and protected, %d fail in both, %d fail plain only, %d fail protected only", len(modules), passed, both, failed, differ)
	if passed < 300 {
		t.Errorf("only %d tests passed", passed)
	}
	if b, err := os.ReadFile(events); err != nil || strings.Contains(string(b), "VERDICT_DENY") {
		for line := range strings.Lines(string(b)) {
			// The suite looks for sockets of every family, and at what belongs to
			// the machine: those are the denials that are meant.
			if strings.Contains(line, "VERDICT_DENY") {
				t.Logf("denied: %s", line)
			}
		}
	}
}

type pythonSuite struct {
	t   *testing.T
	dir string
}

// run gives whether each test of a module passed; tests that were skipped are
// left out.
func (p *pythonSuite) run(prefix []string, module string, more ...string) (map[string]bool, error) {
	const limit = 5 * time.Minute
	ctx, cancel := context.WithTimeout(p.t.Context(), limit)
	defer cancel()
	report := filepath.Join(p.dir, "report.xml")
	os.Remove(report)
	args := append(append([]string{}, prefix...), "/usr/bin/python3", "-s", "-E", "-m", "test", "--junit-xml", report, "--timeout", "240", "-i", "*VSOCK*", "-i", "*Vsock*")
	args = append(append(args, more...), module)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.WaitDelay = p.dir, 5*time.Second
	out, err := cmd.CombinedOutput()
	b, rerr := os.ReadFile(report)
	if rerr != nil {
		if err == nil {
			err = rerr
		}
		p.t.Logf("%v\n%s", err, out)
		return nil, err
	}
	var x struct {
		Suites []struct {
			Cases []struct {
				Name    string    `xml:"name,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b, &x); err != nil {
		return nil, err
	}
	results := map[string]bool{}
	for _, s := range x.Suites {
		for _, c := range s.Cases {
			if c.Skipped == nil {
				results[c.Name] = c.Failure == nil && c.Error == nil
			}
		}
	}
	return results, nil
}

// differs says whether a test goes on to pass plain and to fail protected.
func (p *pythonSuite) differs(prefix []string, module, name string) bool {
	for range rounds - 1 {
		wrapped, _ := p.run(prefix, module, "-m", name)
		if wrapped[name] {
			return false
		}
	}
	plain, _ := p.run(nil, module, "-m", name)
	return plain[name]
}
