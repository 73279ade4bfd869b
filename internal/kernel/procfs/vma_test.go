package procfs

import (
	"os"
	"testing"
	"unsafe"
)

func TestVMAs(t *testing.T) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x := new([1 << 16]byte)
	at := uint64(uintptr(unsafe.Pointer(x)))
	for _, text := range []bool{false, true} {
		noQuery.Store(text)
		got, err := VMAs(int(f.Fd()), at, at+1)
		if err != nil || len(got) != 1 || got[0].Start > at || got[0].End <= at || !got[0].Write || got[0].Exec || got[0].Ino != 0 {
			t.Errorf("by text %v: %+v, %v", text, got, err)
		}
		all, err := VMAs(int(f.Fd()), 0, 1<<47)
		if err != nil || len(all) < 5 {
			t.Fatalf("%d mappings, %v", len(all), err)
		}
		exe := false
		for _, v := range all {
			exe = exe || v.Exec && v.Ino != 0 && v.Name != ""
		}
		if !exe {
			t.Errorf("by text %v: no program in %+v", text, all)
		}
	}
	noQuery.Store(false)
}

func FuzzParseVMA(f *testing.F) {
	f.Add("55d0c8a2e000-55d0c8a30000 r-xp 00002000 fe:00 1234                       /usr/bin/x y (deleted)")
	f.Add("7ffd-7ffe rw-p 00000000 00:00 0 ")
	f.Add("- rwxp : :")
	f.Fuzz(func(t *testing.T, s string) {
		if v, ok := parseVMA(s); ok && len(v.Name) > len(s) {
			t.Errorf("%q: %+v", s, v)
		}
	})
}
