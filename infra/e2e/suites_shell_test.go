//go:build kernel

package e2e

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/infra/debian"
)

// shellPackages is the Debian in which programs that make many processes run
// their own tests.
const shellPackages = "git,perl,nodejs,openssh-tests,libglib2.0-tests,gcc,libc6-dev,make,procps,openssl,dbus,netbase,python3,zlib1g-dev,locales"

// program is one whose tests run in a Debian of their own. What stands in it
// are commands for sh, in the folder of the source package, if there is one.
type program struct {
	source string
	// prepare is run once, by root.
	prepare string
	// list names the modules, one a line.
	list string
	// run runs module $1, which writes TAP, or ends with 0 where all is well and
	// with 77 where nothing could be run.
	run string
	// absent says why tests differ.
	absent map[string]string
	least  int
	// root says that root runs them: an ordinary user would need setgid programs,
	// which get no rights behind the enforcer (no_new_privs).
	root bool
}

var shellPrograms = map[string]program{
	"TestGitSuite": {
		source: "git",
		prepare: `make -s -j2 CFLAGS=-O0 NO_CURL=1 NO_EXPAT=1 NO_OPENSSL=1 NO_GETTEXT=1 NO_TCLTK=1 NO_PYTHON=1 GIT-BUILD-OPTIONS t/helper/test-tool &&
			make -s -C templates`,
		list: `cd t; for n in 0000 0001 0005 0021 0050 0052 0055 0061 0070 0301 0302 1301 1304 1350 1800 2007 3700 4122 5000 5304 5400 5500 5504 5510 5512 5522 5532 5570 5571 5601 5604 5605 5616 5801 6500 7300 7800 7900; do
			ls t$n-*.sh; done`,
		run:   `cd t && GIT_TEST_INSTALLED=/usr/bin exec sh ./$1`,
		least: 1000,
	},
	"TestPerlSuite": {
		source: "perl",
		// The modules are those that are installed.
		prepare: `for d in /usr/lib/*/perl-base /usr/share/perl/5.* /usr/lib/*/perl/5.*; do test -L $d || cp -a $d/. lib/; done; ln -s /usr/bin/perl perl; ln -s /usr/bin/perl t/perl`,
		list: `ls t/io/*.t dist/IO/t/*.t ext/POSIX/t/*.t cpan/IPC-SysV/t/*.t cpan/Socket/t/*.t cpan/IO-Socket-IP/t/*.t cpan/File-Temp/t/*.t ext/IPC-Open3/t/*.t ext/File-Find/t/*.t ext/Fcntl/t/*.t \
			cpan/File-Path/t/*.t cpan/IPC-Cmd/t/*.t dist/Net-Ping/t/[1-3]*.t dist/threads/t/*.t dist/Time-HiRes/t/*.t ext/SDBM_File/t/*.t ext/FileCache/t/*.t cpan/HTTP-Tiny/t/*.t cpan/Sys-Syslog/t/*.t \
			ext/File-Glob/t/*.t dist/PathTools/t/*.t
			for n in alarm chdir closure die_exit exec fh filetest fork getpid getppid glob grent groups inccode kill0 lfs magic mkdir pwent readdir select sselect setpgrpstack sigdispatch sigsystem sleep stat sysio taint threads time unlink utftaint waitpid; do ls t/op/$n.t; done`,
		run: `export PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0
			f=$(sed -n '1s/.*perl *//p' $1)
			case $1 in
			t/*) cd t; exec ./perl $f ${1#t/};;
			*) d=${1%/t/*}; cd $d; exec perl $f ${1#$d/};;
			esac`,
		least: 1000,
	},
	"TestBashSuite": {
		source:  "bash",
		prepare: `cd tests; for p in recho zecho printenv xcase; do gcc -w -DHAVE_STRING_H -DHAVE_STDLIB_H -DHAVE_UNISTD_H -I.. -I../include -o $p ../support/$p.c; done`,
		list:    `cd tests; ls run-* | grep -v -e run-all -e run-minimal -e 'run-gprof'`,
		run:     `cd tests; export THIS_SH=/bin/bash BUILD_DIR=.. BASH_TSTOUT=/tmp/bashtst PATH=.:$PATH; exec sh ./$1`,
		least:   40,
	},
	"TestCoreutilsSuite": {
		source:  "coreutils",
		prepare: `touch config.h; mkdir -p src; for p in $(dpkg -L coreutils | grep bin/); do test -L src/${p##*/} || ln -s $p src/; done`,
		list:    `find tests -name '*.sh' -o -name '*.pl' | grep -v -e tests/init.sh -e tests/factor -e tests/fmt -e tests/pr/ | sort`,
		run: `. tests/lang-default
			export VERSION=9.1 abs_top_builddir=$PWD abs_top_srcdir=$PWD abs_srcdir=$PWD built_programs="$(ls /usr/bin /bin | tr '\n' ' ')" fail=0 host_os=linux-gnu host_triplet=x86_64-pc-linux-gnu srcdir=. top_srcdir=. \
				CONFIG_HEADER=$PWD/config.h CU_TEST_NAME=$(basename $1) CC=gcc AWK=awk EGREP='grep -E' EXEEXT= MAKE=make PACKAGE_VERSION=9.1 PERL=perl SHELL=/bin/sh
			case $1 in
			*.pl) exec perl -w -Itests -MCuSkip -MCoreutils -M"CuTmpdir qw($CU_TEST_NAME)" -- $1 9>&2;;
			*) exec sh $1 9>&2;;
			esac`,
		least: 200,
	},
	"TestGlibSuite": {
		list:  `cd /usr/share/installed-tests/glib; ls *.test | grep -v -e perf -e slice -e utf8 -e unicode`,
		run:   `exec dbus-run-session -- $(sed -n 's/^Exec=//p' /usr/share/installed-tests/glib/$1)`,
		least: 1000,
	},
	"TestOpensshSuite": {
		prepare: `mkdir -p /run/sshd`,
		list: `printf '%s\n' connect proxy-connect connect-privsep connect-uri exit-status exit-status-signal envpass banner stderr-data stderr-after-eof broken-pipe yes-head \
			agent agent-getpeereid agent-subprocess keyscan sftp sftp-cmds multiplex forwarding reexec localcommand dynamic-forward`,
		run:   `exec /usr/lib/openssh/regress/run-tests "$(mktemp -d)" t-exec SUDO= LTESTS=$1`,
		least: 20,
		root:  true,
	},
	"TestNodeSuite": {
		source: "nodejs",
		list: `for g in child-process net dgram cluster process signal stdin stdout stdio pipe tty; do ls test/parallel/test-$g*.js test/parallel/test-$g*.mjs; done 2>/dev/null
			ls test/parallel/test-fs-*.js`,
		run:   `exec node $(sed -n 's,^// Flags: ,,p' $1 | head -1) $1`,
		least: 400,
	},
}

func TestBashSuite(t *testing.T)      { shellSuite(t) }
func TestCoreutilsSuite(t *testing.T) { shellSuite(t) }
func TestGitSuite(t *testing.T)       { shellSuite(t) }
func TestGlibSuite(t *testing.T)      { shellSuite(t) }
func TestNodeSuite(t *testing.T)      { shellSuite(t) }
func TestOpensshSuite(t *testing.T)   { shellSuite(t) }
func TestPerlSuite(t *testing.T)      { shellSuite(t) }

// shellShapes are who runs the tests: an ordinary user behind an enforcer of
// root, one behind an enforcer of his own, and root.
var shellShapes = []struct {
	name     string
	as, drop []string
}{
	{"root drops", nil, tester},
	{"uid 1000", tester, nil},
	{"root", nil, tester[5:]},
}

var tester = []string{"setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--inh-caps=-all", "env", "-i", "HOME=/home/tester", "USER=tester", "LOGNAME=tester", "SHELL=/bin/sh",
	"LANG=C.UTF-8", "TMPDIR=/tmp", "PATH=/usr/bin:/bin:/usr/sbin:/sbin"}

// shellSuite runs a program's tests as they are and protected, for each of the
// shapes.
func shellSuite(t *testing.T) {
	p := shellPrograms[t.Name()]
	var source string
	fetch := func() { source = shellSource(t, p.source) }
	if !soakSuite(t, 90*time.Minute, fetch) {
		return
	}
	fetch()
	for _, shape := range shellShapes {
		if p.root != (shape.name == "root") {
			continue
		}
		t.Run(shape.name, func(t *testing.T) {
			s := newSuite(t)
			s.absent = p.absent
			dir := shellDebian(s)
			if source == "" {
				did(t, "/", "mkdir", dir+"/srv/source")
			} else {
				did(t, "/", "cp", "-a", source, dir+"/srv/source")
			}
			in := func(script string, args ...string) []string {
				return append([]string{"sh", "-c", "umask 022; cd /srv/source; " + script, "sh"}, args...)
			}
			did(t, "/", append([]string{"chroot", dir}, in(p.prepare)...)...)
			did(t, "/", "chown", "-R", "1000:1000", dir+"/srv/source")
			b, err := exec.CommandContext(t.Context(), "chroot", append([]string{dir}, in(p.list)...)...).Output()
			if err != nil {
				t.Fatal(err)
			}
			as := append([]string{"chroot", dir}, shape.as...)
			plain := map[string]map[string]bool{}
			s.run = func(prefix []string, module, _ string) (map[string]bool, error) {
				args := append(append(append([]string{}, prefix...), shape.drop...), "timeout", "-k", "5", "150")
				out, err := s.command("/", append(args, in(p.run, module)...))
				results := tap(out, err)
				if slices.Equal(prefix, as) {
					plain[module] = results
					return results, nil
				}
				for name, ok := range results {
					if !ok && plain[module][name] {
						t.Logf("%s %s, protected:\n%s", module, name, out[max(0, len(out)-3000):])
						break
					}
				}
				return results, nil
			}
			s.compare(as, s.protected(s.dir+"/full.yaml"), strings.Fields(string(b)), p.least)
		})
	}
}

// tapLine is a result in TAP, the format in which perl's tests and others
// speak.
var tapLine = regexp.MustCompile(`(?m)^(not )?ok (\d+)\b(.*)$`)

// tap gives the results by number, and that of the end.
func tap(out string, err error) map[string]bool {
	results := map[string]bool{}
	if e, ok := err.(*exec.ExitError); !ok || e.ExitCode() != 77 {
		results["end"] = err == nil
	}
	for _, m := range tapLine.FindAllStringSubmatch(out, -1) {
		if rest := strings.ToLower(m[3]); !strings.Contains(rest, "# skip") && !strings.Contains(rest, "# todo") {
			results[m[2]] = m[1] == ""
		}
	}
	return results
}

// shellDebian unpacks the Debian, with what the suite brings at its place.
func shellDebian(s *suite) string {
	s.t.Helper()
	dir := s.t.TempDir()
	did(s.t, dir, "tar", "-xf", shellTar(s.t))
	did(s.t, dir, "mkdir", "-p", "."+s.dir, "home/tester", "srv/source")
	for _, m := range [][]string{{"-t", "proc", "proc", dir + "/proc"}, {"--rbind", "/dev", dir + "/dev"}, {"--bind", s.dir, dir + s.dir}} {
		did(s.t, dir, append([]string{"mount"}, m...)...)
		at := m[len(m)-1]
		s.t.Cleanup(func() { did(s.t, "/", "umount", "-l", at) })
	}
	did(s.t, ".", "cp", "testdata/compat/full.yaml", s.dir)
	did(s.t, dir, "sh", "-c", "chmod 755 . && chown 1000:1000 home/tester && rmdir srv/source && echo tester:x:1000:1000::/home/tester:/bin/sh >>etc/passwd && echo tester:x:1000: >>etc/group && echo 'tester:*:19000:0:99999:7:::' >>etc/shadow && echo 127.0.0.1 localhost $(uname -n) >etc/hosts && : >etc/resolv.conf")
	return dir
}

func shellTar(t *testing.T) string {
	t.Helper()
	out, err := filepath.Abs(filepath.Join(root, ".build/suites.tar"))
	if err == nil {
		err = debian.Tar(t.Context(), out, debian.Bookworm, shellPackages)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// shellSource gives a folder with the source of a package, as that Debian has
// it.
func shellSource(t *testing.T, name string) string {
	t.Helper()
	from := shellTar(t)
	if name == "" {
		return ""
	}
	dir := t.TempDir()
	did(t, dir, "tar", "-xf", from, "./var/lib/dpkg")
	b, err := exec.Command("dpkg-query", "--admindir="+dir+"/var/lib/dpkg", "-W", "-f", "${source:Package}=${source:Version}", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	out, err := filepath.Abs(filepath.Join(root, ".build/sources", strings.NewReplacer("=", "-", ":", ".").Replace(string(b))))
	if err == nil {
		if err = debian.Source(t.Context(), out, string(b)); err != nil {
			t.Log(err) // a mirror may lag behind: the release's own version has the same tests
			err = debian.Source(t.Context(), out, name+"/"+debian.Bookworm)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
