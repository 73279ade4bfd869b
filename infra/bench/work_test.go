//go:build kernel && docker

package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// BenchmarkWork is work that ends: a build of a small C project after a git
// clone, one program after the other and with a job for each processor, and 2,000
// programs started one after the other (dash starts them by vfork), beside the
// least that it could cost (floors). Wall and processor time, each as a share of
// the plain run's. PATH is that of an image.
func BenchmarkWork(b *testing.B) {
	for _, work := range []struct {
		name, script string
		beside       []form
	}{
		{"clone and build", `rm -rf w && git clone -q --no-hardlinks src w && cd w && make -s`, append(slices.Clone(peers), floor("read"))},
		{"clone and parallel build", `rm -rf w && git clone -q --no-hardlinks src w && cd w && make -s -j$(nproc)`, append(slices.Clone(peers), floor("read"))},
		{"spawn", `for i in $(seq 2000); do /bin/true; done`, slices.Concat(peers, floors)},
	} {
		b.Run(work.name, func(b *testing.B) {
			dir := b.TempDir()
			project(b, dir)
			list := slices.Concat(forms, work.beside)
			walls, cpus := make([][]float64, len(list)), make([][]float64, len(list))
			argv := make([][]string, len(list))
			for i, f := range list {
				argv[i] = f.argv(b, []string{"/bin/dash", "-c", "PATH=" + imagePath + "; cd " + dir + " && " + work.script})
			}
			rounds := turns(5)
			for range rounds {
				wall, cpu := make([]float64, len(list)), make([]float64, len(list))
				for i := range list {
					wall[i], cpu[i] = timed(b, argv[i])
					walls[i], cpus[i] = append(walls[i], wall[i]/wall[0]), append(cpus[i], cpu[i]/cpu[0])
				}
			}
			for i, f := range list[1:] {
				slices.Sort(walls[i+1])
				slices.Sort(cpus[i+1])
				b.ReportMetric(walls[i+1][rounds/2], f.name+"-wall-x")
				if f.name != sandboxed.name { // not all of its processes are its children
					b.ReportMetric(cpus[i+1][rounds/2], f.name+"-cpu-x")
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

const imagePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// timed runs argv and gives its wall time and the processor time of its whole
// tree, in seconds.
func timed(tb testing.TB, argv []string) (wall, cpu float64) {
	tb.Helper()
	u := spent(tb, exec.Command(argv[0], argv[1:]...))
	return u.wall, u.cpu
}

// project makes a repository of 40 C files below dir.
func project(tb testing.TB, dir string) {
	tb.Helper()
	script := `mkdir src && cd src && for i in $(seq 40); do
printf '#include <stdio.h>\n#include <stdlib.h>\nint f%d(int x) { return printf("%%d", x * %d) + abs(x); }\n' $i $i > f$i.c; done
printf 'int f1(int); int main(void) { return f1(1); }\n' > main.c
printf 'prog: $(patsubst %%.c,%%.o,$(wildcard *.c))\n\tgcc -o $@ $^\n%%.o: %%.c\n\tgcc -O1 -c -o $@ $<\n' > Makefile
git init -q -b main . && git add . && git -c user.name=a -c user.email=a@b commit -q -m one`
	if out, err := exec.Command("/bin/bash", "-c", "cd "+dir+" && "+script).CombinedOutput(); err != nil {
		tb.Fatalf("cannot make the project: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "src/f40.c")); err != nil {
		tb.Fatal(err)
	}
}
