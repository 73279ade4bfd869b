//go:build kernel && docker

package bench

import (
	"encoding/json"
	"os/exec"
	"slices"
	"testing"
)

// BenchmarkWork is work that ends: a build of a real C project after a git clone
// (zstd's library), one program after the other and with a job for each
// processor; the same with 40 files of two lines, where all time goes into
// programs that start, and 2,000 programs started one after the other (dash
// starts them by vfork). Beside them the least that it could cost (floors). Wall
// and processor time, each as a share of the plain run's. PATH is that of an image.
func BenchmarkWork(b *testing.B) {
	const build = `rm -rf w && git clone -q --no-hardlinks src w && cd w && make -s`
	beside := append(slices.Clone(peers), floor("read"))
	for _, work := range []struct {
		name, script string
		make         func(tb testing.TB, dir string)
		beside       []form
	}{
		{"clone and build", build, library, beside},
		{"clone and parallel build", build + ` -j$(nproc)`, library, beside},
		{"tiny files", build, tiny, beside},
		{"tiny files in parallel", build + ` -j$(nproc)`, tiny, beside},
		{"spawn", `for i in $(seq 2000); do /bin/true; done`, tiny, slices.Concat(peers, floors)},
	} {
		b.Run(work.name, func(b *testing.B) {
			dir := b.TempDir()
			work.make(b, dir)
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

// tiny makes a repository of 40 C files of two lines below dir.
func tiny(tb testing.TB, dir string) {
	tb.Helper()
	repository(tb, dir, `for i in $(seq 40); do
printf '#include <stdio.h>\n#include <stdlib.h>\nint f%d(int x) { return printf("%%d", x * %d) + abs(x); }\n' $i $i > f$i.c; done
printf 'int f1(int); int main(void) { return f1(1); }\n' > main.c
printf 'prog: $(patsubst %%.c,%%.o,$(wildcard *.c))\n\tgcc -o $@ $^\n%%.o: %%.c\n\tgcc -O1 -c -o $@ $<\n' > Makefile`)
}

// library makes a repository of zstd's C library (39 files, 3 MB) below dir, as a
// Go module carries it, which the module proxy hands out and this sum holds to.
func library(tb testing.TB, dir string) {
	tb.Helper()
	const module, sum = "github.com/DataDog/zstd@v1.5.6", "h1:LbEglqepa/ipmmQJUDnSsfvA8e8IStVcGaFWDuxvGOY="
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		tb.Fatalf("cannot fetch %s: %v\n%s", module, err, out)
	}
	var got struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &got); err != nil || got.Sum != sum {
		tb.Fatalf("%s is not what was meant: %s, %v", module, out, err)
	}
	repository(tb, dir, `cp '`+got.Dir+`'/*.[ch] . && chmod u+w *
printf 'libzstd.so: $(patsubst %%.c,%%.o,$(wildcard *.c))\n\tgcc -shared -o $@ $^\n%%.o: %%.c\n\tgcc -O2 -fPIC -DZSTD_DISABLE_ASM -c -o $@ $<\n' > Makefile`)
}

// repository makes a repository of what script writes, in dir/src.
func repository(tb testing.TB, dir, script string) {
	tb.Helper()
	script = "set -e; mkdir src; cd src\n" + script + "\ngit init -q -b main; git add .; git -c user.name=a -c user.email=a@b commit -q -m one"
	cmd := exec.Command("/bin/bash", "-c", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("cannot make the project: %v\n%s", err, out)
	}
}
