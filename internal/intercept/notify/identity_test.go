package notify

import "testing"

// TestChangesNothing: a call that asks for the ids that its caller has is no
// change of ids, as long as nobody in the tree was let make one.
func TestChangesNothing(t *testing.T) {
	const none = uint64(1<<32 - 1)
	calls := map[string]identityCall{}
	for _, k := range identityCalls {
		calls[k.name] = k
	}
	for _, c := range []struct {
		call string
		args [6]uint64
		want bool
	}{
		{"setuid", [6]uint64{5}, true},
		{"setuid", [6]uint64{0}, false},
		{"setuid", [6]uint64{none}, false},
		{"setgid", [6]uint64{6}, true},
		{"setgid", [6]uint64{5}, false},
		{"setfsuid", [6]uint64{5}, true},
		{"setfsgid", [6]uint64{5}, false},
		{"setreuid", [6]uint64{none, 5}, true},
		{"setreuid", [6]uint64{5, 0}, false},
		{"setregid", [6]uint64{6, 6}, true},
		{"setresuid", [6]uint64{5, none, 5}, true},
		{"setresuid", [6]uint64{5, 5, 0}, false},
		{"setresgid", [6]uint64{none, none, 6}, true},
		{"setgroups", [6]uint64{0, 0}, false},
	} {
		s := &Supervisor{}
		s.power.uid, s.power.gid, s.power.plain = 5, 6, true
		call := &Call{s: s}
		call.Args = c.args
		if got := s.changesNothing(call, calls[c.call]); got != c.want {
			t.Errorf("%s %v: %v", c.call, c.args, got)
		}
		s.identities.Store(true)
		if s.changesNothing(call, calls[c.call]) {
			t.Errorf("%s %v: nobody knows any more who the caller is", c.call, c.args)
		}
	}
}
