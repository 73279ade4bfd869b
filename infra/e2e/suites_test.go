//go:build kernel

package e2e

import (
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// suite is the tests that a program brings for itself.
type suite struct {
	t             *testing.T
	dir, enforcer string
	// run gives whether each test of a module passed, or the one named alone;
	// tests that were skipped are left out.
	run func(prefix []string, module, only string) (map[string]bool, error)
	// absent says why tests are skipped under the enforcer that run without.
	absent map[string]string
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{t: t, dir: t.TempDir()}
	for d, mode := range map[string]os.FileMode{s.dir: 0o777, filepath.Dir(s.dir): 0o755} { // others than root run here
		if err := os.Chmod(d, mode); err != nil {
			t.Fatal(err)
		}
	}
	s.enforcer = filepath.Join(s.dir, "microenforcer")
	s.build("-o", s.enforcer, "./microenforcer/cmd/microenforcer")
	return s
}

// build calls go build, or another command of go that takes the same.
func (s *suite) build(args ...string) {
	s.t.Helper()
	cmd := exec.Command("go", append([]string{"build"}, args...)...)
	if args[0] == "test" {
		cmd.Args = append(cmd.Args[:1], args...)
	}
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %v: %s", args, err, out)
	}
}

// protected is what stands before a command to run it under a policy, in
// enforce mode.
func (s *suite) protected(policy string) []string {
	s.t.Helper()
	p, err := filepath.Abs(policy)
	if err != nil {
		s.t.Fatal(err)
	}
	return []string{s.enforcer, "run", "--policy", p, "--mode", "enforce", "--log", "error", "--events", s.events(), "--"}
}

func (s *suite) events() string { return filepath.Join(s.dir, "events") }

// compare runs modules behind a prefix and without it. What passes without
// must pass with it.
func (s *suite) compare(as, prefix, modules []string, least int) {
	var passed, failed, both, absent, differ int
	prefix = append(append([]string{}, as...), prefix...)
	for _, m := range modules {
		plain, err := s.run(as, m, "")
		if err != nil {
			s.t.Errorf("%s does not run as it is: %v", m, err)
			continue
		}
		wrapped, err := s.run(prefix, m, "")
		for n := 1; err != nil && n < rounds; n++ {
			wrapped, err = s.run(prefix, m, "")
		}
		if err != nil {
			s.t.Errorf("%s: %v", m, err)
		}
		for name, ok := range plain {
			switch now, seen := wrapped[name]; {
			case ok && seen && now:
				passed++
			case !ok && seen && !now:
				both++
			case !ok:
				failed++ // plain only: by load
			case !seen && s.absent[name] != "":
				absent++
			case err == nil && s.differs(as, prefix, m, name):
				differ++
				s.t.Errorf("%s %s passes as it is, and never under the enforcer", m, name)
			default:
				passed++
			}
		}
	}
	s.t.Logf("%d modules: %d tests pass plain and protected, %d fail in both, %d fail plain only, %d cannot run protected, %d fail protected only", len(modules), passed, both, failed, absent, differ)
	if passed < least {
		s.t.Errorf("only %d tests passed", passed)
	}
	b, err := os.ReadFile(s.events())
	if err != nil {
		s.t.Error(err)
	}
	for line := range strings.Lines(string(b)) {
		// A suite looks for sockets of every family, and at what belongs to the
		// machine: those are the denials that are meant.
		if strings.Contains(line, "VERDICT_DENY") {
			s.t.Logf("denied: %s", line)
		}
	}
}

// differs says whether a test goes on to pass plain and to fail protected.
func (s *suite) differs(as, prefix []string, module, name string) bool {
	for range rounds - 1 {
		wrapped, _ := s.run(prefix, module, name)
		if wrapped[name] {
			return false
		}
	}
	plain, _ := s.run(as, module, name)
	return plain[name]
}

// command is one that ends, with the text that it wrote.
func (s *suite) command(dir string, args []string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestPythonSuite runs tests of Python's standard library as they are and
// under every control, with all file operations and connections carried out by
// the enforcer. What passes there must pass here.
func TestPythonSuite(t *testing.T) {
	modules := strings.Fields(quickModules)
	if os.Getenv("LIMPET_SOAK") != "" {
		modules = append(modules, strings.Fields(soakModules)...)
	}
	s := newSuite(t)
	s.run = s.python
	s.compare(nil, s.protected("testdata/compat/full.yaml"), modules, 300)
}

func (s *suite) python(prefix []string, module, only string) (map[string]bool, error) {
	report := filepath.Join(s.dir, "report.xml")
	os.Remove(report)
	args := append(append([]string{}, prefix...), "/usr/bin/python3", "-s", "-E", "-m", "test", "--junit-xml", report, "--timeout", "240", "-i", "*VSOCK*", "-i", "*Vsock*")
	if only != "" {
		args = append(args, "-m", only)
	}
	out, err := s.command(s.dir, append(args, module))
	b, rerr := os.ReadFile(report)
	if rerr != nil {
		if err == nil {
			err = rerr
		}
		s.t.Logf("%v\n%s", err, out)
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

// Packages of Go's standard library whose tests ask much of the system.
const (
	quickPackages = "os/exec os/user io/fs path/filepath internal/poll"
	soakPackages  = "os os/signal syscall internal/syscall/unix log/syslog net net/http net/http/httptest net/rpc"
)

// goAbsent are tests that are skipped under the enforcer, which refuses what
// they need with the errno of a kernel that has it not.
var goAbsent = map[string]string{
	"TestPidFDClone3":        "clone3 hides its flags in memory",
	"TestCloneTimeNamespace": "clone3 hides its flags in memory",
	"TestMultiPathTCP":       "rules speak of TCP and UDP",
	"TestLinuxSendfile":      "what a traced task starts cannot be verified",
}

// asWhom are the privileges under which Go's tests run: root as on a host, and
// in soaks with what Docker leaves of it, and as a user. open are tests that
// fail for what docs/HACKING.md lists as open.
var asWhom = []struct {
	name   string
	prefix []string
	open   string
}{
	{"root", nil, "^$"},
	{"Docker's capabilities", []string{"setpriv", "--bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap", "--inh-caps=-all"}, "^$"},
	{"uid 1000", []string{"setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--inh-caps=-all"}, "^TestFcntlFlock$"},
}

// TestGoSuite does the same with tests of Go's standard library, without a way
// off the machine.
func TestGoSuite(t *testing.T) {
	if !inOwnCell(t, "TestGoSuite", 90*time.Minute) {
		return
	}
	packages, shapes, least := strings.Fields(quickPackages), asWhom[:1], 100
	if os.Getenv("LIMPET_SOAK") != "" {
		packages, shapes, least = append(packages, strings.Fields(soakPackages)...), asWhom, 1000
	}
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			s := newSuite(t)
			s.absent = goAbsent
			s.run = func(prefix []string, pkg, only string) (map[string]bool, error) {
				return s.golang(prefix, pkg, only, shape.open)
			}
			s.build(append([]string{"test", "-c", "-o", s.dir + "/"}, packages...)...)
			s.compare(shape.prefix, s.protected("testdata/compat/full.yaml"), packages, least)
		})
	}
}

// goResult is the line with which a test or a part of one ends, goEnd that of
// all.
var (
	goResult = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL): (\S+) \(`)
	goEnd    = regexp.MustCompile(`(?m)^(PASS|FAIL)$`)
)

func (s *suite) golang(prefix []string, pkg, only, open string) (map[string]bool, error) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	args := append(append([]string{}, prefix...), filepath.Join(s.dir, filepath.Base(pkg)+".test"), "-test.short", "-test.v", "-test.timeout=280s", "-test.skip="+open)
	if only != "" {
		args = append(args, "-test.run=^"+strings.ReplaceAll(regexp.QuoteMeta(only), "/", "$/^")+"$")
	}
	out, err := s.command(filepath.Join(strings.TrimSpace(string(goroot)), "src", pkg), args)
	results := map[string]bool{}
	for _, m := range goResult.FindAllStringSubmatch(out, -1) {
		results[m[2]] = m[1] == "PASS"
	}
	if !goEnd.MatchString(out) {
		return results, fmt.Errorf("%s did not come to its end: %v\n%.3000s", pkg, err, out[max(0, len(out)-3000):])
	}
	return results, nil
}
