package match

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/osv-scalibr/semantic"

	"github.com/limpet-security/limpet/internal/finding"
)

// pairs makes versions that are near each other: a random one and a change of it.
func pairs(n int, alphabet string, make func(*rand.Rand, func(int) string) string) [][2]string {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(most int) string {
		b := []byte{}
		for range r.IntN(most) + 1 {
			b = append(b, alphabet[r.IntN(len(alphabet))])
		}
		return string(b)
	}
	var all [][2]string
	for range n {
		a := make(r, word)
		b := make(r, word)
		if r.IntN(3) > 0 { // near: one place of a, changed
			c := []byte(a)
			if i := r.IntN(len(c)); c[i] != ':' && c[i] != '-' && i > 1 {
				c[i] = alphabet[r.IntN(len(alphabet))]
			}
			b = string(c)
		}
		all = append(all, [2]string{a, b})
	}
	return all
}

func debPair(r *rand.Rand, word func(int) string) string {
	s := ""
	if r.IntN(4) == 0 {
		s = fmt.Sprint(r.IntN(12), ":")
	}
	s += fmt.Sprint(r.IntN(20)) + word(6)
	if r.IntN(2) == 0 {
		s += "-" + strings.TrimLeft(word(6), "-") + fmt.Sprint(r.IntN(30))
	}
	return s
}

func sign(n int) int { return min(1, max(-1, n)) }

// TestDebAgainstDpkg asks dpkg itself. One shell asks for all pairs: its own
// process per pair would take minutes.
func TestDebAgainstDpkg(t *testing.T) {
	n := 400
	if os.Getenv("LIMPET_SOAK") != "" {
		n = 20000
	}
	ps := pairs(n, "0123456789.+~abzAZ", debPair)
	ps = append(ps, [2]string{"1.0", "1.0-0"}, [2]string{"1.0-1+b1", "1.0-1"}, [2]string{"0:1", "1"}, [2]string{"1~~", "1~"},
		[2]string{"1.2-3-4", "1.2-3"}, [2]string{"18446744073709551617", "18446744073709551616"}, [2]string{"1.0a", "1.0+"})
	cmd := exec.Command("bash", "-c", `type dpkg >/dev/null || exit 1; while read a b; do
 if dpkg --compare-versions "$a" lt "$b"; then echo -1; elif dpkg --compare-versions "$a" eq "$b"; then echo 0; else echo 1; fi
done 2>/dev/null`)
	check(t, cmd, finding.Deb, ps, func(p [2]string) string { return p[0] + " " + p[1] + "\n" })
}

// TestRPMAgainstRPM asks rpm's own library through its macro language.
func TestRPMAgainstRPM(t *testing.T) {
	n := 5000
	if os.Getenv("LIMPET_SOAK") != "" {
		n = 100000
	}
	ps := pairs(n, "0123456789._~^+abZ", func(_ *rand.Rand, word func(int) string) string { return word(10) })
	ps = append(ps, [2]string{"1.0^git1", "1.0"}, [2]string{"1.0~rc1", "1.0"}, [2]string{"1.0.", "1.0"}, [2]string{"1..0", "1.0"})
	in := strings.Builder{}
	for _, p := range ps {
		fmt.Fprintf(&in, "%s %s\n", p[0], p[1])
	}
	file := t.TempDir() + "/pairs"
	if err := os.WriteFile(file, []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	script := `%{lua: for line in io.lines("` + file + `") do local a, b = line:match("(%S+) (%S+)"); print(rpm.vercmp(a, b) .. "\n") end}`
	check(t, exec.Command("rpm", "--eval", script), finding.RPM, ps, nil)
}

func check(t *testing.T, cmd *exec.Cmd, kind finding.Type, ps [][2]string, line func([2]string) string) {
	t.Helper()
	if _, err := exec.LookPath(cmd.Args[0]); err != nil {
		t.Fatalf("%s is not installed (make setup)", cmd.Args[0])
	}
	if line != nil {
		in := strings.Builder{}
		for _, p := range ps {
			in.WriteString(line(p))
		}
		cmd.Stdin = strings.NewReader(in.String())
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot ask the oracle: %v", err)
	}
	s := bufio.NewScanner(strings.NewReader(string(out)))
	i := 0
	for s.Scan() {
		if strings.TrimSpace(s.Text()) == "" {
			continue
		}
		if i >= len(ps) {
			t.Fatal("the oracle gave more answers than it was asked")
		}
		o, err := NewOrder(kind, ps[i][0])
		if err != nil {
			t.Fatalf("%q: %v", ps[i][0], err)
		}
		got, err := o.Compare(ps[i][1])
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSpace(s.Text()); fmt.Sprint(sign(got)) != want {
			t.Errorf("%q ? %q: %d, the oracle says %s", ps[i][0], ps[i][1], sign(got), want)
		}
		i++
	}
	if i != len(ps) {
		t.Fatalf("the oracle answered %d of %d", i, len(ps))
	}
}

// FuzzOrders holds against a second implementation and against itself: an order
// is antisymmetric, and nothing panics.
func FuzzOrders(f *testing.F) {
	f.Add("1.0-1+b1", "1:1.0~rc1-2")
	f.Add("2.0.0-beta.1", "v2.0.0")
	f.Add("1.0^git", "1.0~")
	f.Add("1.2.3_p1-r4", "1.2.3_alpha")
	f.Add("0-9:0\x00", "99999999999999999999999999:1")
	f.Fuzz(func(t *testing.T, a, b string) {
		kinds := []finding.Type{finding.Deb, finding.RPM, finding.APK, finding.NPM, finding.PyPI, finding.Maven, finding.Go, finding.Gem, finding.Cargo, finding.Composer, finding.NuGet, finding.Binary}
		for _, k := range kinds {
			x, err := NewOrder(k, a)
			y, err2 := NewOrder(k, b)
			if err != nil || err2 != nil {
				continue
			}
			c, err := x.Compare(b)
			d, err2 := y.Compare(a)
			if err != nil || err2 != nil {
				continue
			}
			if (k == finding.Deb || k == finding.RPM) && sign(c) != -sign(d) {
				// rpm's own order is not antisymmetric between letters and nothing left of numbers.
				if k == finding.Deb {
					t.Errorf("%s: %q ? %q is %d, the other way %d", k, a, b, c, d)
				}
			}
			if k == finding.Deb {
				if s, err := semantic.ParseDebianVersion(a); err == nil {
					if want, err := s.CompareStr(b); err == nil && want != sign(c) {
						t.Errorf("%q ? %q: %d, another implementation says %d", a, b, c, want)
					}
				}
			}
		}
	})
}
