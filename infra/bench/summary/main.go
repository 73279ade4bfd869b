// Command summary copies what `go test -bench` prints from its input to its
// output and ends with two tables: each goal beside the figure that was
// measured, and each workload of infra/bench, plain, protected and under the
// peers. It judges nothing: a shared machine is no judge.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

func main() {
	f, err := read(os.Stdin, os.Stdout)
	if err == nil {
		err = f.print(os.Stdout, load())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot sum up:", err)
		os.Exit(1)
	}
}

// load is how busy the machine has been, as the kernel says.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

// figures are the metrics of every benchmark that was seen.
type figures struct {
	order []string // package and benchmark, "PKG BenchmarkX/y", as they came
	of    map[string]map[string]float64
}

const module = "github.com/limpet-security/limpet/"

// read takes figures out of the lines of a run and passes the lines on.
func read(in io.Reader, out io.Writer) (*figures, error) {
	f := &figures{of: map[string]map[string]float64{}}
	pkg := ""
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if _, err := fmt.Fprintln(out, line); err != nil {
			return nil, err
		}
		if p, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = strings.TrimPrefix(p, module)
		}
		// BenchmarkX/y-2   N   VALUE UNIT   VALUE UNIT ...
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := fields[0]
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			if _, err := strconv.Atoi(name[i+1:]); err == nil {
				name = name[:i]
			}
		}
		id := pkg + " " + name
		if f.of[id] == nil {
			f.order, f.of[id] = append(f.order, id), map[string]float64{}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				f.of[id][fields[i+1]] = v
			}
		}
	}
	return f, lines.Err()
}

func (f *figures) print(out io.Writer, load string) error {
	fmt.Fprintf(out, "\nGoals (docs/GOALS.md); load of this machine at the end: %s\n\n", load)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "goal\twhat\tmeasured\twanted\t")
	for _, g := range goals {
		sign, verdict, measured := "<=", "", "not run"
		if g.least {
			sign = ">="
		}
		if v, ok := f.of[g.pkg+" "+g.benchmark][g.metric]; ok {
			v /= g.unit
			measured = number(v)
			if (v < g.bound) == g.least && v != g.bound {
				verdict = "missed"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s %s\t%s\n", g.name, g.what, measured, sign, number(g.bound), verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !f.measured(ofBench) {
		return nil
	}
	fmt.Fprint(out, "\nBeside the same program unprotected, in the same run (rates: share of plain's; times: times plain's; first: us)\n\n")
	fmt.Fprintln(w, "workload\tplain\tprotected\tstrace\trunsc\t")
	for _, id := range f.order {
		name, ours := strings.CutPrefix(id, ofBench+" Benchmark")
		if !ours {
			continue
		}
		for _, row := range rows {
			if cells, any := f.row(id, row); any {
				fmt.Fprintf(w, "%s%s\t%s\n", name, row.label, strings.Join(cells, "\t"))
			}
		}
	}
	return w.Flush()
}

// measured says whether a package's benchmarks ran.
func (f *figures) measured(pkg string) bool {
	return slices.ContainsFunc(f.order, func(id string) bool { return strings.HasPrefix(id, pkg+" ") })
}

// rows say how benchmarks name the metrics of one comparison: % is who.
var rows = []struct{ label, metric, plain string }{
	{" (rate)", "%/plain", "1"},
	{" (wall)", "%-wall-x", "1"},
	{" (processor)", "%-cpu-x", "1"},
	{" (first)", "%-us", ""},
}

// row gives a cell for each way of running the workload of a benchmark.
func (f *figures) row(id string, r struct{ label, metric, plain string }) (cells []string, any bool) {
	for _, who := range []string{"plain", "protected", "strace", "runsc"} {
		v, ok := f.of[id][strings.Replace(r.metric, "%", who, 1)]
		switch {
		case ok:
			cells, any = append(cells, number(v)), true
		case who == "plain" && r.plain != "":
			cells = append(cells, r.plain)
		default:
			cells = append(cells, "-")
		}
	}
	return cells, any
}

// number writes three digits or a whole number.
func number(v float64) string {
	if v >= 1000 || v <= -1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
