package wire

import (
	"time"

	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// Validate functions say whether a message may go further. Their errors wrap
// ErrInvalid and name the field. Text that only describes (host name, version,
// labels) is cleaned in place rather than refused.

// ValidateEnroll checks an EnrollRequest.
func ValidateEnroll(m *wirepb.EnrollRequest) error {
	if m.GetToken() == "" || len(m.Token) > MaxToken {
		return Errorf(ErrInvalid, "token: want 1 to %d bytes, have %d", MaxToken, len(m.GetToken()))
	}
	for i := 0; i < len(m.Token); i++ {
		if m.Token[i] <= ' ' || m.Token[i] > '~' {
			return Errorf(ErrInvalid, "token: holds a character that no token has")
		}
	}
	if !ValidKind(m.Kind) {
		return Errorf(ErrInvalid, "kind: %.32q is not a kind of enforcer", m.Kind)
	}
	m.Hostname = text(m.Hostname, MaxName)
	m.Version = text(m.Version, MaxName)
	m.Arch = text(m.Arch, 64)
	m.Kernel = text(m.Kernel, MaxName)
	m.Rung = text(m.Rung, 64)
	workload(m.Workload)
	return validateCSR(m.Csr)
}

// ValidateRenew checks a RenewRequest.
func ValidateRenew(m *wirepb.RenewRequest) error { return validateCSR(m.GetCsr()) }

func validateCSR(b []byte) error {
	if len(b) == 0 || len(b) > MaxCSR {
		return Errorf(ErrInvalid, "csr: want 1 to %d bytes, have %d", MaxCSR, len(b))
	}
	return nil
}

// ValidateHeartbeat checks a HeartbeatRequest.
func ValidateHeartbeat(m *wirepb.HeartbeatRequest) error {
	if !segment(m.GetBootId()) {
		return Errorf(ErrInvalid, "boot_id: %.64q is not an identifier", m.GetBootId())
	}
	if len(m.Controls) > MaxControls {
		return Errorf(ErrInvalid, "controls: at most %d, have %d", MaxControls, len(m.Controls))
	}
	for i, c := range m.Controls {
		if c == nil || c.Control == "" || len(c.Control) > MaxName {
			return Errorf(ErrInvalid, "controls[%d].control: want 1 to %d bytes", i, MaxName)
		}
		switch c.State {
		case "enforced", "audit", "off", "unavailable":
		default:
			return Errorf(ErrInvalid, "controls[%d].state: %.32q is not one of enforced, audit, off, unavailable", i, c.State)
		}
		c.Control = text(c.Control, MaxName)
		c.Reason = text(c.Reason, MaxText)
	}
	m.Version = text(m.Version, MaxName)
	m.Rung = text(m.Rung, 64)
	m.Hostname = text(m.Hostname, MaxName)
	m.Facilities = labels(m.Facilities)
	workload(m.Workload)
	return nil
}

// ValidatePull checks a PullBundleRequest and bounds its wait to MaxWait.
func ValidatePull(m *wirepb.PullBundleRequest) error {
	if len(m.GetNonce()) != NonceSize {
		return Errorf(ErrInvalid, "nonce: want %d bytes, have %d", NonceSize, len(m.GetNonce()))
	}
	m.WaitSeconds = min(m.WaitSeconds, uint32(MaxWait/time.Second))
	return nil
}

// ValidatePush checks a PushEventsRequest: one boot, ascending sequence
// numbers, an identifier on every event. Events are cleaned (CleanEvent) and
// given the request's boot_id.
func ValidatePush(m *wirepb.PushEventsRequest) error {
	if !segment(m.GetBootId()) {
		return Errorf(ErrInvalid, "boot_id: %.64q is not an identifier", m.GetBootId())
	}
	if len(m.Events) == 0 || len(m.Events) > MaxBatch {
		return Errorf(ErrInvalid, "events: want 1 to %d, have %d", MaxBatch, len(m.Events))
	}
	last := uint64(0)
	for i, e := range m.Events {
		switch {
		case e == nil:
			return Errorf(ErrInvalid, "events[%d]: is empty", i)
		case e.Sequence <= last || e.Sequence > 1<<62:
			return Errorf(ErrInvalid, "events[%d].sequence: %d does not follow %d", i, e.Sequence, last)
		case e.BootId != "" && e.BootId != m.BootId:
			return Errorf(ErrInvalid, "events[%d].boot_id: differs from the request's", i)
		case !segment(e.Id):
			return Errorf(ErrInvalid, "events[%d].id: %.64q is not an identifier", i, e.Id)
		}
		last = e.Sequence
		e.BootId = m.BootId
		CleanEvent(e)
	}
	return nil
}

// ValidateEnrolled checks an EnrollResponse, on the enforcer's side.
func ValidateEnrolled(m *wirepb.EnrollResponse) error {
	switch {
	case len(m.GetCertificate()) == 0 || len(m.Certificate) > MaxCertificate:
		return Errorf(ErrInvalid, "certificate: want 1 to %d bytes, have %d", MaxCertificate, len(m.GetCertificate()))
	case !segment(m.EnforcerId) || !segment(m.Tenant):
		return Errorf(ErrInvalid, "enforcer_id, tenant: not identifiers")
	case len(m.Group) > MaxName:
		return Errorf(ErrInvalid, "group: at most %d bytes", MaxName)
	case len(m.BundleKeys) > MaxBundleKeys:
		return Errorf(ErrInvalid, "bundle_keys: at most %d, have %d", MaxBundleKeys, len(m.BundleKeys))
	}
	return nil
}
