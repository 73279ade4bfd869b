package enforcer

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// tamperErrno is what an attempt against the enforcer fails with.
const tamperErrno = syscall.EPERM

func verdictOf(v verdict.Verdict) eventpb.Verdict {
	switch v {
	case verdict.Audit:
		return eventpb.Verdict_VERDICT_AUDIT
	case verdict.Deny:
		return eventpb.Verdict_VERDICT_DENY
	}
	return eventpb.Verdict_VERDICT_ALLOW
}

func modeOf(m policy.Mode) eventpb.Mode {
	switch m {
	case policy.Off:
		return eventpb.Mode_MODE_OFF
	case policy.Audit:
		return eventpb.Mode_MODE_AUDIT
	case policy.Enforce:
		return eventpb.Mode_MODE_ENFORCE
	}
	return eventpb.Mode_MODE_UNSPECIFIED
}

func originName(o action.Origin) string {
	switch o {
	case action.OriginImage:
		return "image"
	case action.OriginModified:
		return "modified"
	case action.OriginDrifted:
		return "drifted"
	case action.OriginMoved:
		return "moved"
	case action.OriginUnreadable:
		return "unreadable"
	}
	return "unknown"
}

func protocolName(p action.Protocol) string {
	switch p {
	case action.ProtoTCP:
		return "tcp"
	case action.ProtoUDP:
		return "udp"
	case action.ProtoICMP:
		return "icmp"
	case action.ProtoUnix:
		return "unix"
	}
	return "other"
}
