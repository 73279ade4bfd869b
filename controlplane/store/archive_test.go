package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

func testArchive(t *testing.T, s *store.Store) {
	ctx := t.Context()
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		_, err1 := tx.AddUser(ctx, ta, store.User{Username: "a", PasswordHash: "h", Roles: []string{"auditor"}})
		_, err2 := tx.AddPolicy(ctx, ta, store.Policy{Name: "p", YAML: "käse: \"1\"\n", Document: "{}"})
		_, err3 := tx.AddGroup(ctx, ta, store.Group{Name: "g", Policies: []string{"p"}, Labels: map[string]string{"a": "b"}})
		err4 := tx.AddKey(ctx, "", "ca", []byte{0, 255, 10})
		err5 := tx.PutEnforcer(ctx, ta, store.Enforcer{ID: "e", Claimed: true, Controls: []store.ControlState{{Control: "drift"}}})
		return errors.Join(err1, err2, err3, err4, err5)
	})
	add(t, s, event(ta, "e", 1), event(ta, "e", 2), event(tb, "e", 1))
	var archive bytes.Buffer
	wrote, err := s.WriteInstallArchive(ctx, &archive, true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.ReadInstallArchive(ctx, bytes.NewReader(archive.Bytes()))
	want(t, err, store.ErrNotEmpty)

	// An archive of any dialect goes into a new SQLite database.
	fresh := func() *store.Store {
		n, err := store.Open(ctx, storetest.SQLite(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.Close() })
		update(t, n, func(ctx context.Context, tx *store.Tx) error { return tx.InitInstall(ctx) })
		return n
	}
	// One of before schema 4 has no counts by hour and of all groups.
	var old strings.Builder
	table, gone := "", 0
	for line := range strings.Lines(archive.String()) {
		if strings.HasPrefix(line, "{") {
			table = line
		} else if strings.Contains(table, `"event_counts"`) && regexp.MustCompile(`"hour"|,"","(allow|audit|deny)"`).MatchString(line) {
			gone++
			continue
		}
		old.WriteString(line)
	}
	o := fresh()
	_, err = o.ReadInstallArchive(ctx, strings.NewReader(regexp.MustCompile(`"schema":\d+`).ReplaceAllString(
		strings.Replace(old.String(), fmt.Sprintf(`"rows":%d`, wrote), fmt.Sprintf(`"rows":%d`, wrote-int64(gone)), 1), `"schema":3`)))
	if err != nil || gone < 3 {
		t.Fatal(gone, err)
	}
	for _, group := range []string{"", "web"} {
		rows, err := o.EventTimeline(ctx, ta, group, epoch, epoch.Add(time.Hour), time.Hour)
		if err != nil || len(rows) != 2 || rows[0].N != 1 || rows[1].N != 1 {
			t.Errorf("counts of an old archive, group %q: %v %v", group, rows, err)
		}
	}

	n := fresh()
	for _, broken := range []string{"", "{}", "{\"name\":\"other\"}\n", archive.String()[:archive.Len()/2], strings.Replace(archive.String(), `"table":"users"`, `"table":"sqlite_master"`, 1)} {
		_, err := n.ReadInstallArchive(ctx, strings.NewReader(broken))
		want(t, err, store.ErrArchive)
	}
	read, err := n.ReadInstallArchive(ctx, &archive)
	if err != nil || read != wrote {
		t.Fatalf("read %d of %d rows: %v", read, wrote, err)
	}
	before, _ := s.InstallEpoch(ctx)
	if after, err := n.InstallEpoch(ctx); err != nil || after <= before {
		t.Errorf("epoch %d after restore, was %d: %v", after, before, err)
	}
	g, err := n.Group(ctx, ta, "g")
	if err != nil || len(g.Policies) != 1 || g.Labels["a"] != "b" {
		t.Errorf("%+v, %v", g, err)
	}
	if b, err := n.Key(ctx, "", "ca"); err != nil || !bytes.Equal(b, []byte{0, 255, 10}) {
		t.Errorf("key %v, %v", b, err)
	}
	if e, err := n.Enforcer(ctx, ta, "e"); err != nil || !e.Claimed || len(e.Controls) != 1 {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := n.Event(ctx, ta, "default-e-2"); err != nil || !bytes.Equal(e.Payload, []byte{2}) {
		t.Errorf("%+v, %v", e, err)
	}
	if added := add(t, n, event(ta, "e", 2), event(ta, "e", 3)); added != 1 {
		t.Errorf("%d events added after restore, want 1", added)
	}

	// And back into the dialect under test.
	var again bytes.Buffer
	if _, err := n.WriteInstallArchive(ctx, &again, false); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(again.String(), `"table":"events"`) {
		t.Error("events are in an archive without events")
	}
}
