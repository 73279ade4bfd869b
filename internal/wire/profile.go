package wire

import (
	"slices"

	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// Kinds of a ProfileItem.
const (
	ProfileExec      = "exec"
	ProfileConnect   = "connect"
	ProfileListen    = "listen"
	ProfileSocket    = "socket"
	ProfilePrivilege = "privilege"
	ProfileFile      = "file"
	ProfileDNS       = "dns"
)

// ProfileKinds lists the kinds that this version knows.
var ProfileKinds = []string{ProfileExec, ProfileConnect, ProfileListen, ProfileSocket, ProfilePrivilege, ProfileFile, ProfileDNS}

// ValidateProfile checks a PushProfileRequest. Text is cut and cleaned in
// place; items of a kind that this version does not know are refused, because
// they could not be counted.
func ValidateProfile(m *wirepb.PushProfileRequest) error {
	if !segment(m.GetBootId()) {
		return Errorf(ErrInvalid, "boot_id: %.64q is not an identifier", m.GetBootId())
	}
	if m.Sequence == 0 || m.Sequence > 1<<62 {
		return Errorf(ErrInvalid, "sequence: %d is none", m.Sequence)
	}
	if len(m.Items) > MaxProfileItems {
		return Errorf(ErrInvalid, "items: at most %d, have %d", MaxProfileItems, len(m.Items))
	}
	for i, it := range m.Items {
		if it == nil || !slices.Contains(ProfileKinds, it.Kind) {
			return Errorf(ErrInvalid, "items[%d].kind: %.32q is not known", i, it.GetKind())
		}
		it.Exe, it.Path, it.Interpreter = text(it.Exe, MaxPath), text(it.Path, MaxPath), text(it.Interpreter, MaxPath)
		it.Digest, it.Origin, it.Protocol = text(it.Digest, 128), text(it.Origin, 64), text(it.Protocol, 64)
		it.Address, it.Name = text(it.Address, MaxName), text(it.Name, MaxName)
		it.Call, it.Detail, it.Family = text(it.Call, 64), text(it.Detail, MaxText), text(it.Family, 64)
		it.Count = min(it.Count, 1<<40)
	}
	m.Dropped = min(m.Dropped, 1<<40)
	workload(m.Workload)
	return nil
}
