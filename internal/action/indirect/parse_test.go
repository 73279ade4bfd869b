package indirect

import (
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
)

var kinds = map[action.RefKind]string{action.RefLoader: "loader", action.RefApplet: "applet", action.RefWrapper: "wrapper", action.RefScript: "script",
	action.RefCode: "code", action.RefPreload: "preload", action.RefAudit: "audit", action.RefLibraryPath: "libs", action.RefTruncated: "truncated"}

func text(refs []action.Ref) string {
	var out []string
	for _, r := range refs {
		out = append(out, strings.TrimRight(kinds[r.Kind]+" "+r.Name, " ")+" ("+r.Via+")")
	}
	return strings.Join(out, "; ")
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ path, args, want string }{
		{"/lib64/ld-linux-x86-64.so.2", "ld.so /tmp/evil a", "loader /tmp/evil (argument)"},
		{"/lib64/ld-linux-x86-64.so.2", "ld.so --preload /tmp/e.so:/tmp/f.so --library-path=/tmp /bin/true", "preload /tmp/e.so (--preload); preload /tmp/f.so (--preload); libs /tmp (--library-path); loader /bin/true (argument)"},
		{"/lib64/ld-linux-x86-64.so.2", "ld.so /bin/sh -c id", "loader /bin/sh (argument); code (-c)"},
		{"/lib/ld-musl-x86_64.so.1", "ld.so --audit a.so -- /bin/x", "audit a.so (--audit); loader /bin/x (argument)"},
		{"/bin/busybox", "busybox nc -l", "applet nc (argument)"},
		{"/bin/busybox", "busybox sh -c x", "applet sh (argument); code (-c)"},
		{"/bin/busybox", "busybox busybox env nc", "applet busybox (argument); applet env (argument); wrapper nc (argument)"},
		{"/bin/busybox", "nc -l", "applet nc (argv[0])"},
		{"/bin/busybox", "-sh", "applet sh (argv[0]); code (standard input)"},
		{"/bin/sh", "sh /tmp/s.sh x", "script /tmp/s.sh (argument)"},
		{"/bin/bash", "bash -euxo pipefail /tmp/s.sh -c", "script /tmp/s.sh (argument)"},
		{"/bin/bash", "bash -lc id", "code (-c)"},
		{"/bin/bash", "bash +e --norc --rcfile /tmp/rc -i", "script /tmp/rc (-rcfile)"},
		{"/bin/dash", "sh -s a", "code (standard input)"},
		{"/bin/dash", "sh", "code (standard input)"},
		{"/bin/dash", "sh -- s.sh", "script s.sh (argument)"},
		{"/usr/bin/python3.11", "python3 -Wd -X dev -u /app/x.py -c", "script /app/x.py (argument)"},
		{"/usr/bin/python3.11", "python3 -Ic pass", "code (-c)"},
		{"/usr/bin/python3.13t", "python3 -", "code (standard input)"},
		{"/usr/bin/python3", "python3 -m http.server 80", "script ./http/server.py (-m); script ./http/server/__main__.py (-m)"},
		{"/usr/bin/perl", "perl -MIO::Socket -ne print", "code (-e)"},
		{"/usr/bin/perl", "perl -I /x -w a.pl -e", "script a.pl (argument)"},
		{"/usr/bin/perl", "perl -le print", "code (-e)"},
		{"/usr/bin/perl", "perl -l012 -0777ne print", "code (-e)"},
		{"/usr/bin/perl", "perl -0xA -lE print", "code (-E)"},
		{"/usr/bin/perl", "perl -de print", "code (-e)"},
		{"/usr/bin/perl", "perl -Mstrict;print /dev/null", "code (-M)"},
		{"/usr/bin/perl", "perl -w -m-strict;print /dev/null", "code (-m)"},
		{"/usr/bin/perl", "perl -wdt:Peek;BEGIN{print} /dev/null", "code (-d)"},
		{"/usr/bin/perl", "perl -V:x;print", "code (-V)"},
		{"/usr/bin/perl", "perl -d:NYTProf -MPOSIX=floor,ceil -CSD a.pl", "script a.pl (argument)"},
		{"/usr/bin/python3", "python3 -m timeit print()", "script ./timeit.py (-m); script ./timeit/__main__.py (-m); code (-m timeit)"},
		{"/usr/bin/python3", "python3 -Bmpdb -c c /tmp/x.py y", "script ./pdb.py (-m); script ./pdb/__main__.py (-m); script /tmp/x.py (-m pdb)"},
		{"/usr/bin/node", "node --import=data:text/javascript,1 a.js", "code (-import); script a.js (argument)"},
		{"/usr/bin/node", "node --import file:///tmp/x.mjs a.js", "script /tmp/x.mjs (-import); script a.js (argument)"},
		{"/usr/bin/java", "java -javaagent:/tmp/a.jar=x -cp /app Main", "script /tmp/a.jar (argument)"},
		{"/usr/bin/java", "java -agentpath:/tmp/a.so @/tmp/args", "preload /tmp/a.so (argument); script /tmp/args (argument)"},
		{"/usr/bin/java", "java -XX:VMOptionsFile=/tmp/o Main", "script /tmp/o (argument)"},
		{"/usr/bin/ruby3.1", "ruby -r./evil x.rb", "script ./evil (-r); script ./evil.rb (-r); script x.rb (argument)"},
		{"/usr/bin/node", "node --require /tmp/x.js app.js", "script /tmp/x.js (-require); script app.js (argument)"},
		{"/usr/bin/node", "node --eval=1", "code (--eval)"},
		{"/usr/bin/node", "node -pe 1", "code (-p)"},
		{"/usr/bin/node", "node --max-old-space-size=100 app.js", "script app.js (argument)"},
		{"/usr/bin/php8.2", "php -d x=1 -r echo", "code (-r)"},
		{"/usr/bin/php8.2", "php -f x.php", "script x.php (-f)"},
		{"/usr/bin/deno", "deno run --allow-all x.ts", "script x.ts (argument)"},
		{"/usr/bin/deno", "deno eval 1", "code (eval)"},
		{"/usr/bin/java", "java -Xmx1g -cp a:b Main x", ""},
		{"/usr/bin/java", "java -Xmx1g -jar /app/a.jar x", "script /app/a.jar (-jar)"},
		{"/usr/bin/java", "java X.java", "script X.java (argument)"},
		{"/usr/bin/gawk", "gawk -F: -f x.awk f", "script x.awk (-f)"},
		{"/usr/bin/gawk", "gawk BEGIN{} f", ""},
		{"/usr/bin/env", "env -i A=b -u C nc -l", "wrapper nc (argument)"},
		{"/usr/bin/env", "env -S nc -l", "wrapper nc (-S)"},
		{"/usr/bin/env", "env", ""},
		{"/usr/bin/timeout", "timeout -s KILL 10 nc", "wrapper nc (argument)"},
		{"/usr/bin/nice", "nice -n 5 nc", "wrapper nc (argument)"},
		{"/usr/bin/xargs", "xargs -0 -n 1 nc", "wrapper nc (argument)"},
		{"/usr/bin/setarch", "setarch x86_64 -R nc", "wrapper nc (argument)"},
		{"/usr/bin/stdbuf", "stdbuf -oL nc", "wrapper nc (argument)"},
		{"/usr/bin/sudo", "sudo -u root nc", "wrapper nc (argument)"},
		{"/usr/bin/find", "find / -name x -exec nc {} ;", "wrapper nc (-exec)"},
		{"/usr/bin/taskset", "taskset -p 12", ""},
		{"/usr/sbin/nginx", "nginx -c /etc/nginx.conf", ""},
		{"/bin/bash", "bash +c id", "code (-c)"},
		{"/bin/dash", "sh -oc errexit id", "code (-c)"},
		{"/bin/bash", "bash -Oc extglob id", "code (-c)"},
		{"/bin/zsh", "zsh -oextendedglob -c id", "code (-c)"},
		{"/bin/busybox", "busybox busybox busybox busybox busybox nc", "applet busybox (argument); applet busybox (argument); applet busybox (argument); applet busybox (argument); truncated (argument)"},
		{"/usr/bin/node", "node --experimental_loader=/tmp/x.mjs a.js", "script /tmp/x.mjs (-experimental-loader); script a.js (argument)"},
		{"/usr/bin/node", "node --env-file=/tmp/env a.js", "script /tmp/env (-env-file); script a.js (argument)"},
		{"/usr/bin/php8.2", "php -dauto_prepend_file=/tmp/x.php a.php", "script /tmp/x.php (-d); script a.php (argument)"},
		{"/usr/bin/php8.2", "php --define auto_append_file=data:text/plain,x a.php", "code (-define); script a.php (argument)"},
		{"/usr/bin/php8.2", "php -d [PHP]auto_prepend_file=/tmp/x.php a.php", "code (-d); script a.php (argument)"},
		{"/usr/bin/mysh", "mysh x.m", "script x.m (argument)"},
	} {
		got := text(Parse(Question{Path: tt.path, Requested: tt.path, Args: strings.Fields(tt.args), Interpreter: func(n string) bool { return n == "mysh" }}))
		if got != tt.want {
			t.Errorf("%s: %s\n got %q\nwant %q", tt.path, tt.args, got, tt.want)
		}
	}
	if got := text(Parse(Question{Path: "/bin/busybox", Requested: "/bin/nc", Args: []string{"nc"}})); got != "" {
		t.Errorf("a link of the image: %q", got)
	}
	if got := text(Parse(Question{Path: "/bin/sh", Args: []string{"sh", "+e"}, Truncated: true})); got != "truncated (argument)" {
		t.Errorf("truncated: %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("/bin/busybox", "busybox\x00sh\x00-c\x00id")
	f.Add("/lib64/ld-linux-x86-64.so.2", "x\x00--preload=\x00--\x00/bin/bash\x00-o")
	f.Add("/usr/bin/env", "env\x00-S\x00")
	f.Add("/usr/bin/java", "-\x00-=\x00-jar")
	f.Fuzz(func(t *testing.T, path, args string) {
		for _, cut := range []bool{false, true} {
			if n := len(Parse(Question{Path: path, Requested: path, Args: strings.Split(args, "\x00"), Truncated: cut})); n > action.MaxRefs {
				t.Errorf("%d references", n)
			}
		}
	})
}

// What variables load into Perl, Ruby and Python before their script.
func TestPreludes(t *testing.T) {
	for _, tt := range []struct{ program, env, want string }{
		{"/usr/bin/perl", "PERL5OPT=-I/tmp/d -MEvil::Thing=x -w", "/tmp/d/Evil/Thing.pm"},
		{"/usr/bin/perl5.36", "PERL5OPT=I/tmp/d -mEvil", "/tmp/d/Evil.pm"},
		{"/usr/bin/perl", "PERL5OPT=-Mstrict;system('x')", "code"},
		{"/usr/bin/perl", "PERL5OPT=-d:Evil -I /tmp/d", "/tmp/d/Devel/Evil.pm"},
		{"/usr/bin/perl", "PERL5DB=BEGIN{1}", "code"},
		{"/usr/bin/bash", "BASH_ENV=$(id)", "code"},
		{"/usr/bin/bash", "BASH_FUNC_ls%%=() { id; }", "code"},
		{"/usr/bin/python3", "BASH_FUNC_ls%%=() { id; }", ""},
		{"/usr/bin/dash", "ENV=$HOME/x", "code"},
		{"/usr/bin/dash", "PS4=+ `id`", "code"},
		{"/usr/bin/bash", "PS4=$(id)", "code"},
		{"/usr/bin/bash", "PS4=+ ${BASH_SOURCE}:${LINENO}: ", ""},
		{"/usr/bin/lua5.4", "LUA_INIT_5_4=os.execute('id')", "code"},
		{"/usr/bin/luajit", "LUA_INIT=@/tmp/d/x.lua", "/tmp/d/x.lua"},
		{"/usr/bin/node", "NODE_OPTIONS=--experimental_loader=/tmp/x.mjs", "/tmp/x.mjs"},
		{"/usr/bin/java", "JDK_JAVA_OPTIONS=-Xmx1g @/tmp/o", "/tmp/o"},
		{"/usr/bin/node", "NODE_OPTIONS=--import=data:text/javascript,1", "code"},
		{"/usr/bin/perl", "PERL5OPT=-Mstrict -", ""},
		{"/usr/bin/ruby3.1", "RUBYOPT=-r/tmp/d/evil", "/tmp/d/evil.rb"},
		{"/usr/bin/ruby", "RUBYOPT=-I/tmp/d -r evil", "/tmp/d/evil.rb"},
		{"/usr/bin/python3.11", "PYTHONSTARTUP=/tmp/d/s.py", "/tmp/d/s.py"},
		{"/usr/bin/ruby", "PERL5OPT=-I/tmp/d -MEvil", ""},
	} {
		if !Interesting(tt.env) {
			t.Errorf("%s is not looked at", tt.env)
		}
		got := ""
		for _, r := range Environ(nil, Question{Path: tt.program, Args: []string{"x"}}, []string{tt.env}) {
			if got = r.Name; r.Kind == action.RefCode {
				got = "code"
			}
		}
		if got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.program, tt.env, got, tt.want)
		}
	}
}

// musl divides these lists by more than glibc does.
func TestListsOfMusl(t *testing.T) {
	for env, want := range map[string]string{
		"LD_PRELOAD=/a.so\t/tmp/e.so\n":    "preload /a.so (LD_PRELOAD); preload /tmp/e.so (LD_PRELOAD)",
		"LD_LIBRARY_PATH=/usr/lib\n/tmp/e": "libs /usr/lib (LD_LIBRARY_PATH); libs /tmp/e (LD_LIBRARY_PATH)",
	} {
		if got := text(Environ(nil, Question{Path: "/bin/x"}, []string{env})); got != want {
			t.Errorf("%q: %s", env, got)
		}
	}
}

func FuzzPreludes(f *testing.F) {
	f.Add("-I/tmp -MA::B=c -d:E - -r x")
	f.Fuzz(func(t *testing.T, v string) {
		for _, ext := range []string{".pm", ".rb"} {
			p := parser{}
			p.preludes(v, "X", ext)
			if len(p.out) > action.MaxRefs {
				t.Fatalf("%d references", len(p.out))
			}
		}
	})
}
