//go:build kernel

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/infra/debian"
)

// soakSuite says whether a suite that fetches its tests runs, in a cell of its
// own: fetch gets what it needs before the way out is closed.
func soakSuite(t *testing.T, limit time.Duration, fetch func()) bool {
	t.Helper()
	if os.Getenv("LIMPET_SOAK") == "" {
		t.Log("only with LIMPET_SOAK=1: it fetches the tests of a program, and takes minutes")
		return false
	}
	if os.Getenv(inCell) == "" {
		fetch()
	}
	return inOwnCell(t, t.Name(), limit)
}

// sourceOf gives a folder with the source of a package as it is installed.
func sourceOf(t *testing.T, installed string) string {
	t.Helper()
	b, err := exec.Command("dpkg-query", "-W", "-f", "${source:Package}=${source:Version}", installed).Output()
	if err != nil {
		t.Fatalf("%s is not installed: %v", installed, err)
	}
	out, err := filepath.Abs(filepath.Join(root, ".build/sources", strings.NewReplacer("=", "-", ":", ".").Replace(string(b))))
	if err == nil {
		err = debian.Source(t.Context(), out, string(b))
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// did runs a command that gets things ready.
func did(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// redisUnits are the files of redis' tests that ask much of the system; what
// computes only is left out.
const redisUnits = "unit/printver unit/auth unit/protocol unit/info unit/multi unit/quit unit/aofrw unit/acl unit/other unit/introspection unit/limits unit/obuf-limits " +
	"unit/networking unit/shutdown unit/oom-score-adj unit/pause unit/client-eviction unit/violations unit/scripting unit/cluster unit/pubsub unit/tls unit/wait " +
	"integration/aof integration/aof-multi-part integration/rdb integration/logging integration/shutdown integration/redis-cli integration/redis-benchmark " +
	"integration/block-repl integration/failover integration/replication-buffer integration/psync2-reg integration/dismiss-mem"

// TestRedisSuite runs redis' own tests: servers that fork, write files, follow
// each other, are stopped, and are killed.
func TestRedisSuite(t *testing.T) {
	var source string
	fetch := func() { source = sourceOf(t, "redis-server") }
	if !soakSuite(t, 90*time.Minute, fetch) {
		return
	}
	fetch()
	s := newSuite(t)
	dir := filepath.Join(s.dir, "redis")
	did(t, ".", "mkdir", "-p", dir+"/src")
	did(t, source, "cp", "-a", "tests", "runtest", dir)
	for _, name := range []string{"server", "cli", "benchmark", "check-aof", "check-rdb", "sentinel"} {
		did(t, dir, "ln", "-s", "/usr/bin/redis-"+name, "src/")
	}
	s.run = func(prefix []string, unit, _ string) (map[string]bool, error) {
		// Most tests of a file build on those before them: all are run to see one again.
		return s.lines(dir, append(append([]string{}, prefix...), "./runtest", "--clients", "1", "--durable", "--single", unit), redisResult, redisEnd)
	}
	s.compare(nil, s.protected("testdata/compat/full.yaml"), strings.Fields(redisUnits), 500)
}

var (
	redisResult = regexp.MustCompile(`(?m)^\[\x1b\[[0-9;]*m(?P<pass>ok)?(?:err)?\x1b\[0m\]: (?P<name>.*?)(?: \(\d+ ms\)| in tests/.*)$`)
	redisEnd    = regexp.MustCompile(`All tests passed|The following tests failed`)
)

// lines runs a command that writes a line about each test: pass is empty
// where it failed. One that has several results passed if all of them did.
func (s *suite) lines(dir string, args []string, result, end *regexp.Regexp) (map[string]bool, error) {
	out, err := s.command(dir, args)
	results := map[string]bool{}
	name, pass := result.SubexpIndex("name"), result.SubexpIndex("pass")
	for _, m := range result.FindAllStringSubmatch(out, -1) {
		before, seen := results[m[name]]
		results[m[name]] = m[pass] != "" && (before || !seen)
	}
	if !end.MatchString(out) {
		return results, fmt.Errorf("%v did not come to its end: %v\n%s", args[len(args)-1], err, out[max(0, len(out)-3000):])
	}
	return results, nil
}

// postgresTests are PostgreSQL's own tests: the regression and isolation tests,
// each on a server that their driver makes, and those of its programs that
// start, stop, kill and copy servers.
const postgresTests = "src/test/regress src/test/isolation " +
	"src/bin/pg_ctl/t/001_start_stop.pl src/bin/pg_ctl/t/002_status.pl src/bin/pg_ctl/t/003_promote.pl src/bin/pg_ctl/t/004_logrotate.pl src/bin/initdb/t/001_initdb.pl " +
	"src/bin/psql/t/001_basic.pl src/bin/psql/t/010_tab_completion.pl src/bin/psql/t/020_cancel.pl src/bin/pg_test_fsync/t/001_basic.pl src/bin/pg_resetwal/t/001_basic.pl " +
	"src/bin/pg_resetwal/t/002_corrupted.pl src/bin/pg_checksums/t/002_actions.pl src/bin/pg_basebackup/t/010_pg_basebackup.pl src/bin/pg_basebackup/t/020_pg_receivewal.pl " +
	"src/bin/pg_verifybackup/t/008_untar.pl src/bin/pg_verifybackup/t/010_client_untar.pl src/bin/pg_rewind/t/001_basic.pl src/bin/pg_rewind/t/003_extrafiles.pl " +
	"src/bin/pg_rewind/t/004_pg_xlog_symlink.pl src/bin/pg_rewind/t/009_growing_files.pl src/bin/pg_dump/t/004_pg_dump_parallel.pl src/test/authentication/t/001_password.pl " +
	"src/test/postmaster/t/004_negotiate.pl src/test/recovery/t/001_stream_rep.pl src/test/recovery/t/002_archiving.pl src/test/recovery/t/013_crash_restart.pl " +
	"src/test/recovery/t/018_wal_optimize.pl src/test/recovery/t/020_archive_status.pl src/test/recovery/t/022_crash_temp_files.pl " +
	"src/test/recovery/t/033_replay_tsp_drops.pl"

// TestPostgresSuite runs them by Debian's user of PostgreSQL, below root and
// below Docker's capabilities.
func TestPostgresSuite(t *testing.T) {
	var source string
	fetch := func() { source = sourceOf(t, "postgresql-15") }
	if !soakSuite(t, 90*time.Minute, fetch) {
		return
	}
	fetch()
	for _, shape := range asWhom[:2] {
		t.Run(shape.name, func(t *testing.T) {
			s := newSuite(t)
			libraries := regressLibrary(s, source)
			did(t, source, "cp", "-a", "--parents", "src/test", "src/bin", s.dir)
			did(t, s.dir, "chown", "-R", "postgres:postgres", "src")
			s.run = func(prefix []string, module, _ string) (map[string]bool, error) {
				return s.postgres(prefix, module, libraries)
			}
			s.compare(shape.prefix, s.protected("testdata/compat/full.yaml"), strings.Fields(postgresTests), 1100)
		})
	}
}

// postgresLib is where Debian keeps the libraries and the drivers of the tests.
const postgresLib = "/usr/lib/postgresql/15/lib/"

// postgres runs the tests of one driver, or a file of those that report in TAP.
func (s *suite) postgres(prefix []string, module, libraries string) (map[string]bool, error) {
	dir, file, tap := strings.Cut(filepath.Join(s.dir, module), "/t/")
	if err := errors.Join(os.RemoveAll(dir+"/tmp_check"), os.RemoveAll(dir+"/log")); err != nil {
		return nil, err
	}
	drivers := postgresLib + "pgxs/src/test/"
	args := append(append([]string{}, prefix...), "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "env", "-i", "USER=postgres", "HOME=/nowhere", "LC_ALL=C",
		"PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin")
	if tap {
		args = append(args, "TESTDIR="+dir, "TESTDATADIR="+dir+"/tmp_check", "TESTLOGDIR="+dir+"/log", "PGPORT=65432", "with_ssl=openssl", "with_readline=yes",
			"PG_REGRESS="+drivers+"regress/pg_regress", "REGRESS_SHLIB="+libraries+"/regress.so", "perl", "-I", drivers+"perl", "-I", dir, "t/"+file)
		return s.lines(dir, args, tapResult, tapEnd)
	}
	driver, schedule := "regress/pg_regress", "parallel_schedule"
	if strings.HasSuffix(module, "isolation") {
		driver, schedule = "isolation/pg_isolation_regress", "isolation_schedule"
	}
	args = append(args, drivers+driver, "--temp-instance="+dir+"/tmp_check", "--bindir=/usr/lib/postgresql/15/bin", "--inputdir=.", "--outputdir=.",
		"--dlpath="+libraries, "--max-concurrent-tests=20", "--schedule="+schedule)
	return s.lines(dir, args, postgresResult, postgresEnd)
}

var (
	postgresResult = regexp.MustCompile(`(?m)^(?:test| +) +(?P<name>\S+) +\.\.\. (?:(?P<pass>ok)|FAILED|failed)\b`)
	postgresEnd    = regexp.MustCompile(`All \d+ tests passed|\d+ of \d+ tests (?:passed|failed)`)
	tapResult      = regexp.MustCompile(`(?m)^(?:(?P<pass>ok)|not ok) (?P<name>\d+(?: # skip)?)`)
	tapEnd         = regexp.MustCompile(`(?m)^1\.\.\d+`)
)

// regressLibrary builds what the regression tests load into the server, and
// gives the folder where it lies beside what Debian ships of it.
func regressLibrary(s *suite, source string) string {
	out := filepath.Join(s.dir, "libraries")
	build := filepath.Join(s.dir, "build")
	did(s.t, ".", "mkdir", "-p", out, build)
	did(s.t, build, source+"/configure", "-q", "--without-readline", "--without-zlib")
	did(s.t, build, "make", "-s", "-C", "src/backend", "generated-headers")
	did(s.t, build, "gcc", "-w", "-O1", "-shared", "-fPIC", "-I", "src/include", "-I", source+"/src/include", "-o", out+"/regress.so", source+"/src/test/regress/regress.c")
	did(s.t, out, "ln", "-s", postgresLib+"autoinc.so", postgresLib+"refint.so", ".")
	return out
}

// mariaTests are suites of MariaDB's tests and patterns of names in them, each
// some minutes: connections and threads, files that are read, written and
// damaged, servers that are stopped and killed, and MariaDB's tools.
var mariaTests = []string{
	"main:crash|shutdown|symlink|file|mysqld|kill|tc_|secure|temp_table",
	"main:log_|init|socket|unix|upgrade|bootstrap|ipv[46]|thread|mysqladmin|mysqlslap|my_print|perror|processlist",
	"main:outfile|load|import|repair|connect|plugin|install",
	"main:ssl|xa|timeout|rename|mysqlcheck|mysqltest|mysqlbinlog",
	"innodb:page_compr|punch|tablespace|tmpdir|temp|log_file|read_only|missing|doublewrite|data_dir|import",
	"archive:.", "csv:.",
}

// TestMariaDBSuite runs MariaDB's tests as Debian ships them, in a Debian of
// their own, by its user.
func TestMariaDBSuite(t *testing.T) {
	if !soakSuite(t, 90*time.Minute, func() { debianOf(t, "mariadb-test", mariaPackages) }) {
		return
	}
	s := newSuite(t)
	as := s.inside(debianOf(t, "mariadb-test", mariaPackages))
	did(t, s.dir, "install", "-d", "-m", "777", "var")
	s.run = func(prefix []string, module, only string) (map[string]bool, error) {
		name, pattern, _ := strings.Cut(module, ":")
		args := append(append([]string{}, prefix...), "setpriv", "--reuid=mysql", "--regid=mysql", "--clear-groups", "env", "-C", "/usr/share/mysql/mysql-test", "-i", "HOME=/nowhere",
			"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "perl", "mtr", "--force", "--max-test-fail=0", "--retry=0", "--parallel=2", "--nowarnings", "--vardir="+s.dir+"/var/mtr")
		if only != "" {
			args = append(args, strings.Fields(only)[0])
		} else {
			args = append(args, "--suite="+name, "--do-test="+pattern)
		}
		return s.lines(s.dir, args, mariaResult, mariaEnd)
	}
	s.compare(as, s.protected(s.dir+"/full.yaml"), mariaTests, 200)
}

const mariaPackages = "mariadb-test,mariadb-server"

var (
	mariaResult = regexp.MustCompile(`(?m)^(?P<name>[\w.-]+\.[\w-]+(?: '[^']*')?) +(?:w\d+ )?\[ (?:(?P<pass>pass)|fail) +\]`)
	mariaEnd    = regexp.MustCompile(`(?m)^Spent [0-9.]+ of \d+ seconds executing testcases`)
)

// debianOf gives the tar file of a Debian that has some packages.
func debianOf(t *testing.T, name, packages string) string {
	t.Helper()
	out, err := filepath.Abs(filepath.Join(root, ".build/images-"+name+".tar"))
	if err == nil {
		err = debian.Tar(t.Context(), out, debian.Bookworm, packages)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// inside unpacks a Debian for the suite, and gives what stands before a
// command in it. The suite's folder has the same name there, and the policy of
// every control lies in it. Its devices are those of the tar file.
func (s *suite) inside(tar string) []string {
	s.t.Helper()
	dir := s.t.TempDir()
	did(s.t, dir, "tar", "-xf", tar)
	did(s.t, dir, "chmod", "755", dir, filepath.Dir(dir))
	did(s.t, dir, "mkdir", "-p", "."+s.dir)
	did(s.t, dir, "sh", "-c", "echo 127.0.0.1 localhost > etc/hosts")
	did(s.t, ".", "cp", "testdata/compat/full.yaml", s.dir)
	for _, m := range [][]string{{"-t", "proc", "proc", "proc"}, {"-t", "tmpfs", "tmpfs", "dev/shm"}, {"-t", "devpts", "devpts", "dev/pts", "-o", "newinstance,ptmxmode=666"}, {"--bind", s.dir, "." + s.dir}} {
		did(s.t, dir, append([]string{"mount"}, m...)...)
	}
	s.t.Cleanup(func() {
		for _, at := range []string{"proc", "dev/shm", "dev/pts", "." + s.dir} {
			did(s.t, dir, "umount", "-l", at)
		}
	})
	return []string{"chroot", dir}
}
