package ahocorasick_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/scanner/ahocorasick"
)

type at struct{ pattern, end int }

func find(m *ahocorasick.Machine, data []byte) []at {
	var got []at
	m.Find(data, func(p, end int) bool {
		got = append(got, at{p, end})
		return true
	})
	return sorted(got)
}

// naive is the oracle.
func naive(patterns [][]byte, data []byte) []at {
	var want []at
	low := asciiLower(data)
	for p, pattern := range patterns {
		pattern = asciiLower(pattern)
		for i := 0; len(pattern) > 0 && i+len(pattern) <= len(data); i++ {
			if bytes.Equal(low[i:i+len(pattern)], pattern) {
				want = append(want, at{p, i + len(pattern)})
			}
		}
	}
	return sorted(want)
}

func asciiLower(b []byte) []byte {
	b = slices.Clone(b)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 32
		}
	}
	return b
}

func sorted(list []at) []at {
	slices.SortFunc(list, func(a, b at) int {
		if a.end != b.end {
			return a.end - b.end
		}
		return a.pattern - b.pattern
	})
	return list
}

func TestFind(t *testing.T) {
	patterns := [][]byte{[]byte("he"), []byte("SHE"), []byte("his"), []byte("hers"), nil, []byte("s"), []byte("he")}
	m := ahocorasick.New(patterns)
	for _, text := range []string{"", "ushers", "USHERS his sHe", "hehehe"} {
		if d := cmp.Diff(naive(patterns, []byte(text)), find(m, []byte(text)), cmp.AllowUnexported(at{})); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
}

func TestFindStops(t *testing.T) {
	m := ahocorasick.New([][]byte{[]byte("a")})
	n := 0
	if m.Find([]byte("aaaa"), func(int, int) bool { n++; return n < 2 }) || n != 2 {
		t.Errorf("called %d times", n)
	}
}

// TestFindAgainstNaive uses sets that are too large for the full table, all
// 256 bytes, and few letters, so that every kind of state is walked.
func TestFindAgainstNaive(t *testing.T) {
	for _, c := range []struct{ patterns, size, letters, text int }{{3, 4, 2, 300}, {50, 6, 3, 500}, {6000, 6, 256, 4000}, {9000, 12, 4, 800}, {300, 2, 256, 5000}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(c.patterns)))
			random := func(n int) []byte {
				b := make([]byte, n)
				for i := range b {
					b[i] = byte(r.IntN(c.letters))
					if c.letters < 256 {
						b[i] += 'a'
					}
				}
				return b
			}
			var patterns [][]byte
			for range c.patterns {
				patterns = append(patterns, random(1+r.IntN(c.size)))
			}
			text := random(c.text)
			for i := 0; i+20 < len(text); i += 40 {
				copy(text[i:], patterns[r.IntN(len(patterns))])
			}
			if d := cmp.Diff(naive(patterns, text), find(ahocorasick.New(patterns), text), cmp.AllowUnexported(at{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("he\nshe\nhers"), []byte("ushers"))
	f.Add([]byte("a\naa\naaa"), []byte("AAAA\x00\xff"))
	f.Fuzz(func(t *testing.T, list, text []byte) {
		patterns := bytes.Split(list, []byte("\n"))
		if len(list) > 500 || len(text) > 2000 {
			return
		}
		if d := cmp.Diff(naive(patterns, text), find(ahocorasick.New(patterns), text), cmp.AllowUnexported(at{})); d != "" {
			t.Error(d)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	var patterns [][]byte
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		p := make([]byte, 4+r.IntN(8))
		for i := range p {
			p[i] = byte('a' + r.IntN(26))
		}
		patterns = append(patterns, p)
	}
	m := ahocorasick.New(patterns)
	text := bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog 0123456789 {}[]\n"), 20000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		m.Find(text, func(int, int) bool { return true })
	}
}
