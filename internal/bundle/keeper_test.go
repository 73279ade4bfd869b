package bundle

import (
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func keeper(t *testing.T) *Keeper {
	_, pub := key("one")
	return &Keeper{Tenant: "default", Group: "web", Keys: []ed25519.PublicKey{pub}, Path: filepath.Join(t.TempDir(), "bundle")}
}

func numbered(t *testing.T, epoch, number uint64) []byte {
	return signed1(t, func(b *Bundle) { b.Epoch, b.Number = epoch, number })
}

func TestKeeperAccepts(t *testing.T) {
	k := keeper(t)
	if _, err := k.Accept(numbered(t, 1, 7), now); err != nil {
		t.Fatal(err)
	}
	other, _ := key("two")
	foreign, err := Sign(good(), other)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		data []byte
		want error
	}{
		{"the same", numbered(t, 1, 7), ErrReplay},
		{"same number, other content", signed1(t, func(b *Bundle) { b.Revoked = nil }), ErrReplay},
		{"older", numbered(t, 1, 6), ErrDowngrade},
		{"older epoch, higher number", numbered(t, 0, 99), ErrDowngrade},
		{"other tenant", signed1(t, func(b *Bundle) { b.Tenant, b.Number = "x", 8 }), ErrAudience},
		{"other group", signed1(t, func(b *Bundle) { b.Group, b.Number = "x", 8 }), ErrAudience},
		{"expired", signed1(t, func(b *Bundle) { b.Number, b.IssuedAt, b.Expires = 8, now.Add(-2*time.Hour), now.Add(-time.Hour) }), ErrExpired},
		{"expires now", signed1(t, func(b *Bundle) { b.Number, b.IssuedAt, b.Expires = 8, now.Add(-2*time.Hour), now }), ErrExpired},
		{"foreign key", foreign, ErrSignature},
		{"garbage", []byte("garbage"), ErrMalformed},
	} {
		if _, err := k.Accept(tt.data, now); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if e, n := k.Have(); e != 1 || n != 7 {
			t.Fatalf("%s: in force is %d.%d", tt.name, e, n)
		}
	}
	for _, step := range [][2]uint64{{1, 8}, {2, 1}} {
		if _, err := k.Accept(numbered(t, step[0], step[1]), now); err != nil {
			t.Errorf("%v: %v", step, err)
		}
	}
}

func TestKeeperKeepsTheLastGoodOne(t *testing.T) {
	k := keeper(t)
	if _, err := k.Load(now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing saved: %v", err)
	}
	if _, err := k.Accept(numbered(t, 1, 7), now); err != nil {
		t.Fatal(err)
	}
	again := keeper(t)
	again.Path = k.Path
	if b, err := again.Load(now); err != nil || b.Number != 7 {
		t.Fatalf("%+v %v", b, err)
	}
	if _, err := again.Accept(numbered(t, 1, 6), now); !errors.Is(err, ErrDowngrade) {
		t.Errorf("older than the loaded one: %v", err)
	}
	// The control plane has been away for long: the bundle stays, and says so.
	late := keeper(t)
	late.Path = k.Path
	b, err := late.Load(now.Add(48 * time.Hour))
	if !errors.Is(err, ErrExpired) || b == nil || late.Current() == nil {
		t.Errorf("expired: %v %v", b, err)
	}
	// A damaged file is an error, and nothing is in force.
	if err := os.WriteFile(k.Path, []byte(`{"format":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := keeper(t)
	damaged.Path = k.Path
	if b, err := damaged.Load(now); err == nil || b != nil || damaged.Current() != nil {
		t.Errorf("damaged: %v %v", b, err)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(k.Path), ".bundle-*"))
	if len(left) > 0 {
		t.Errorf("temporary files stay: %v", left)
	}
}

func TestKeeperWithoutPlaceToSave(t *testing.T) {
	k := keeper(t)
	k.Path = filepath.Join(k.Path, "no", "such", "folder")
	b, err := k.Accept(numbered(t, 1, 7), now)
	var save *SaveError
	if !errors.As(err, &save) || b == nil || k.Current() == nil {
		t.Errorf("%v %v", b, err)
	}
	k.Path = ""
	if _, err := k.Accept(numbered(t, 1, 8), now); err != nil {
		t.Errorf("in memory: %v", err)
	}
	if len(k.Raw()) == 0 {
		t.Error("no raw bundle")
	}
}

func TestKeeperAtOnce(t *testing.T) {
	k := keeper(t)
	var wg sync.WaitGroup
	for i := range 8 {
		data := numbered(t, 1, uint64(i+1))
		wg.Go(func() {
			_, _ = k.Accept(data, now)
			k.Current()
		})
	}
	wg.Wait()
	if _, n := k.Have(); n != 8 {
		t.Errorf("in force is %d", n)
	}
	last := &Keeper{Tenant: k.Tenant, Group: k.Group, Keys: k.Keys, Path: k.Path}
	if b, err := last.Load(now); err != nil || b.Number != 8 {
		t.Errorf("saved is %v, %v", b, err)
	}
}
