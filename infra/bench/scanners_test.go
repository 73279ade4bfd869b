//go:build kernel && docker

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scanner is a program that does Limpet's work: its name, and how it is asked
// for each of the tasks that it can do. In a line, IN is the artefact, OUT the
// file to write and CACHE a folder to keep layers in.
type scanner struct {
	name  string
	env   []string
	tasks map[string]string
}

// scanners are Limpet and its peers. A peer is the program that LIMPET_SYFT (and so
// on) names or that is in PATH; where there is none, the run says so and goes on:
// their makers give no Debian packages, and `make setup` does not compile them.
var scanners = []scanner{
	{"limpet", nil, map[string]string{
		"archive": "scan image IN --scanners vuln --cache-dir CACHE --quiet --format cyclonedx --output OUT",
		"oci":     "scan image oci:IN --scanners vuln --cache-dir CACHE --quiet --format cyclonedx --output OUT",
		"warm":    "scan image IN --scanners vuln --cache-dir CACHE --quiet --format cyclonedx --output OUT",
		"rootfs":  "scan rootfs IN --scanners vuln --quiet --format cyclonedx --output OUT",
		"secrets": "scan rootfs IN --scanners secret --quiet --format json --output OUT",
	}},
	{"syft", []string{"SYFT_CHECK_FOR_APP_UPDATE=false"}, map[string]string{
		"archive": "scan docker-archive:IN --quiet --output cyclonedx-json=OUT",
		"oci":     "scan oci-dir:IN --quiet --output cyclonedx-json=OUT",
		"rootfs":  "scan dir:IN --quiet --output cyclonedx-json=OUT",
	}},
	{"trivy", []string{"TRIVY_SKIP_VERSION_CHECK=true", "TRIVY_DISABLE_TELEMETRY=true"}, map[string]string{
		"archive": "image --input IN --cache-dir CACHE --quiet --format cyclonedx --output OUT",
		"oci":     "image --input IN --cache-dir CACHE --quiet --format cyclonedx --output OUT",
		"warm":    "image --input IN --cache-dir CACHE --quiet --format cyclonedx --output OUT",
		"rootfs":  "rootfs --cache-dir CACHE --quiet --format cyclonedx --output OUT IN",
		"secrets": "rootfs --cache-dir CACHE --quiet --scanners secret --format json --output OUT IN",
	}},
	{"scalibr", nil, map[string]string{
		"archive": "--offline --image-tarball=IN -o cdx-json=OUT",
		"rootfs":  "--offline --root=IN -o cdx-json=OUT",
	}},
	{"gitleaks", nil, map[string]string{
		"secrets": "dir IN --no-banner --log-level error --exit-code 0 --report-format json --report-path OUT",
	}},
}

// BenchmarkScanners has each program write the bill of materials of one image of
// Debian's packages and an application of five languages, as `docker save` writes
// it, as an OCI layout with gzip, a second time, and laid out in a folder, and look for
// secrets in that folder. Programs take turns; none has a network. Figures: seconds of
// processor time and by the clock (medians), resident megabytes (the most), what was
// found, and Limpet's share of each peer's time, turn by turn.
func BenchmarkScanners(b *testing.B) {
	in := scanInputs(b)
	for _, task := range []struct{ name, in string }{
		{"archive", in.archive}, {"oci", in.layout}, {"warm", in.archive}, {"rootfs", in.folder}, {"secrets", in.folder},
	} {
		b.Run(task.name, func(b *testing.B) {
			var who []scanner
			var path []string
			for _, s := range scanners {
				if s.tasks[task.name] == "" {
					continue
				}
				if p := s.find(b); p != "" {
					who, path = append(who, s), append(path, p)
				}
			}
			kept := b.TempDir()
			all := make([][]usage, len(who))
			rounds := turns(3)
			for turn := range rounds {
				for i, s := range who {
					cache := filepath.Join(kept, s.name)
					if task.name == "warm" && turn == 0 {
						s.run(b, path[i], task.name, task.in, cache)
					} else if task.name != "warm" {
						cache = filepath.Join(b.TempDir(), s.name)
					}
					all[i] = append(all[i], s.run(b, path[i], task.name, task.in, cache))
				}
			}
			for i, s := range who {
				b.ReportMetric(middle(all[i], func(u usage) float64 { return u.cpu }), s.name+"-cpu-s")
				b.ReportMetric(middle(all[i], func(u usage) float64 { return u.wall }), s.name+"-wall-s")
				b.ReportMetric(slices.MaxFunc(all[i], func(a, b usage) int { return a.rss - b.rss }).megabytes(), s.name+"-MB")
				b.ReportMetric(float64(all[i][0].found), s.name+"-found")
				if i == 0 {
					continue
				}
				cpu, wall := make([]usage, rounds), make([]usage, rounds)
				for n := range rounds {
					cpu[n].cpu, wall[n].wall = all[0][n].cpu/all[i][n].cpu, all[0][n].wall/all[i][n].wall
				}
				b.ReportMetric(middle(cpu, func(u usage) float64 { return u.cpu }), "limpet/"+s.name+"-cpu")
				b.ReportMetric(middle(wall, func(u usage) float64 { return u.wall }), "limpet/"+s.name+"-wall")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func middle(all []usage, of func(usage) float64) float64 {
	var v []float64
	for _, u := range all {
		v = append(v, of(u))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// find gives the program's path, "" where it is not there.
func (s scanner) find(b *testing.B) string {
	if p := os.Getenv("LIMPET_" + strings.ToUpper(s.name)); p != "" {
		return p
	}
	if s.name == "limpet" {
		p, err := filepath.Abs("../../bin/limpet")
		if _, err2 := os.Stat(p); err != nil || err2 != nil {
			b.Fatal("there is no bin/limpet: make build")
		}
		return p
	}
	p, err := exec.LookPath(s.name)
	if err != nil {
		b.Logf("no %s here (PATH, LIMPET_%s): not compared with", s.name, strings.ToUpper(s.name))
		return ""
	}
	return p
}

func (s scanner) run(b *testing.B, path, task, in, cache string) usage {
	b.Helper()
	out := filepath.Join(b.TempDir(), "out.json")
	argv := strings.Fields(s.tasks[task])
	for i, a := range argv {
		argv[i] = strings.NewReplacer("IN", in, "OUT", out, "CACHE", cache).Replace(a)
	}
	c := exec.Command(path, argv...)
	home := b.TempDir()
	c.Env = append(os.Environ(), append(s.env, "HOME="+home, "XDG_CACHE_HOME="+home+"/.cache")...)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	u := spent(b, c)
	u.found = found(b, out)
	if u.found == 0 && task != "secrets" {
		b.Fatalf("%s listed nothing of %s", s.name, in)
	}
	return u
}

// found counts what a program wrote: named packages of a bill of materials, or
// secrets.
func found(b *testing.B, file string) int {
	b.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var list []json.RawMessage // gitleaks
	if json.Unmarshal(data, &list) == nil {
		return len(list)
	}
	var doc struct {
		Components []struct{ PURL string }
		Secrets    []json.RawMessage
		Results    []struct{ Secrets []json.RawMessage } // trivy
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		b.Fatalf("cannot read what was written: %v", err)
	}
	n := len(doc.Secrets)
	for _, c := range doc.Components {
		if c.PURL != "" {
			n++
		}
	}
	for _, r := range doc.Results {
		n += len(r.Secrets)
	}
	return n
}

// usage is what a program took, in seconds and kilobytes.
type usage struct {
	wall, cpu float64
	rss       int
	found     int
}

func (u usage) megabytes() float64 { return float64(u.rss) / 1024 }

// spent runs a command and gives what it and its children took.
func spent(tb testing.TB, c *exec.Cmd) (u usage) {
	tb.Helper()
	began := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %v\n%s", c.Args, err, out)
	}
	u.wall = time.Since(began).Seconds()
	r := c.ProcessState.SysUsage().(*syscall.Rusage)
	for _, t := range []syscall.Timeval{r.Utime, r.Stime} {
		u.cpu += float64(t.Sec) + float64(t.Usec)/1e6
	}
	u.rss = int(r.Maxrss)
	return u
}

// copied reads a file or folder once, so that every program finds it in memory.
func copied(b *testing.B, path string) {
	b.Helper()
	err := filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(io.Discard, f)
		return err
	})
	if err != nil {
		b.Fatal(fmt.Errorf("cannot read %s: %w", path, err))
	}
}
