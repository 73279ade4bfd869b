package store

import (
	"errors"
	"testing"
)

func FuzzCursor(f *testing.F) {
	f.Add("", 2)
	f.Add(cursorText(1, -5), 2)
	f.Add(cursorText(1<<62), 1)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 0 || n > 4 {
			return
		}
		got, err := cursorNumbers(s, n)
		if err != nil {
			if !errors.Is(err, ErrCursor) {
				t.Error(err)
			}
			return
		}
		again, err := cursorNumbers(cursorText(got...), n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i] != again[i] {
				t.Errorf("%v became %v", got, again)
			}
		}
	})
}
