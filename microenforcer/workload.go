package microenforcer

import (
	"maps"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/microenforcer/attach"
)

// describeWorkload is what events say about this workload. The digest is the
// layer's word, so the identity is claimed.
func describeWorkload(b *attach.Baggage, labels map[string]string) *eventpb.Workload {
	all := maps.Clone(b.Embedded.Labels)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, labels)
	return &eventpb.Workload{
		Image: b.Embedded.SourceImage, ImageDigest: b.Embedded.SourceDigest, Claimed: b.Embedded.SourceDigest != "",
		Hostname: hostname(), Labels: all,
	}
}

// describeWorkload is what policies are compiled for.
func (p *policies) describeWorkload(b *attach.Baggage, w *eventpb.Workload) {
	p.baggage = b
	p.workload = verdict.Workload{Image: w.Image, Labels: w.Labels, GroupMode: policy.Mode("")}
	p.workload.Users, p.workload.Groups = verdictNames()
	if b != nil {
		p.workload.Group = b.Embedded.Group
		if b.Embedded.Tenant != "" && b.Embedded.Group != "" {
			p.know(b.Keys, b.Embedded.Tenant, b.Embedded.Group)
		}
	}
}
