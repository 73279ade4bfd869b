//go:build kernel && docker

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// BenchmarkPostgres is pgbench's built-in read-only script, 8 clients.
func BenchmarkPostgres(b *testing.B) {
	bin, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(bin) == 0 {
		b.Fatal("PostgreSQL's server programs are not here; make setup installs them")
	}
	for _, place := range places {
		list := forms
		if place.name == "host" {
			list = append(slices.Clone(forms), traced) // runsc has not got what initdb made
		}
		b.Run(place.name, func(b *testing.B) { benchmarkPostgres(b, bin[0], list, place.in) })
	}
}

func benchmarkPostgres(b *testing.B, bin string, list []form, in func(testing.TB, []string) []string) {
	tps := regexp.MustCompile(`tps = ([0-9.]+) `)
	compare(b, list, in, func(port int) []string {
		dir, err := os.MkdirTemp("/tmp", "limpet-bench-")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = os.RemoveAll(dir) })
		script := fmt.Sprintf("chmod 755 %[1]s && chown postgres %[1]s && cd %[1]s && gosu postgres %[2]s/initdb -D data -A trust --no-sync", dir, bin)
		if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
			b.Fatalf("cannot make a database: %v\n%s", err, out)
		}
		return []string{"/usr/sbin/gosu", "postgres", bin + "/postgres", "-D", dir + "/data", "-p", strconv.Itoa(port), "-k", dir, "-c", "fsync=off", "-c", "shared_buffers=64MB"}
	}, func() func(port int) float64 {
		filled := map[int]bool{}
		return func(port int) float64 {
			p := strconv.Itoa(port)
			if !filled[port] {
				filled[port] = true
				out, err := exec.Command("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do pgbench -h 127.0.0.1 -p "+p+" -U postgres -i -q postgres && exit; sleep 0.5; done; exit 1").CombinedOutput()
				if err != nil {
					b.Fatalf("cannot fill the database: %v\n%s", err, out)
				}
			}
			return rate(b, tps, "pgbench", "-h", "127.0.0.1", "-p", p, "-U", "postgres", "-S", "-c", "8", "-T", "1", "postgres")
		}
	}())
}

const nodeServer = `require('http').createServer((q, r) => r.end('x'.repeat(1024))).listen(+process.argv[1], '127.0.0.1')`

// BenchmarkNode is Node's own HTTP server over keep-alive connections.
func BenchmarkNode(b *testing.B) { everywhere(b, "/usr/bin/node", "-e", nodeServer) }

// everywhere compares a web server, whose last argument is its port, in each place.
func everywhere(b *testing.B, argv ...string) {
	for _, place := range places {
		b.Run(place.name, func(b *testing.B) {
			compare(b, place.list, place.in, func(port int) []string {
				return append(slices.Clone(argv), strconv.Itoa(port))
			}, func(port int) float64 { return wrk(b, port, "/") })
		})
	}
}

const pythonServer = `
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "1024"); self.end_headers(); self.wfile.write(b"x" * 1024)
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
`

// BenchmarkPython is the threading server of Python's library.
func BenchmarkPython(b *testing.B) { everywhere(b, "/usr/bin/python3", "-c", pythonServer) }
