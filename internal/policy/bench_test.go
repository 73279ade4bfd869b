package policy

import "testing"

// BenchmarkParseDefault is part of every start without a bundle.
func BenchmarkParseDefault(b *testing.B) {
	for b.Loop() {
		if _, err := Parse(defaultYAML); err != nil {
			b.Fatal(err)
		}
	}
}
