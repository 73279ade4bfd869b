package microenforcer

import (
	"fmt"
	"time"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/microenforcer/attach"
)

// startImage judges, without any network, what is signed about the image that
// this workload starts from; an error means that it may not run.
func (m *micro) startImage() error {
	if m.cfg.HealthCheck {
		return nil
	}
	if d, stopped := m.judgeImage(false); stopped {
		return fmt.Errorf("the image is not approved to run (%s): the policy asks for a signed verdict that it passes", d.Rule)
	}
	return nil
}

// runsImage judges a workload that runs when another bundle is in force. Like
// one whose image was revoked it is ended where it should not have started by a
// bundle that was there before, and runs on where that is later.
func (m *micro) runsImage() {
	running := time.Unix(0, m.policies.issued.Load()).After(m.started.Add(lateStart))
	if d, stopped := m.judgeImage(running); stopped {
		m.stopWorkload("its image is not approved to run (" + string(d.Rule) + ")")
	}
}

// judgeImage reports what is wrong with the image once, and again when it
// becomes worse. What counts is the time of the start.
func (m *micro) judgeImage(running bool) (verdict.Decision, bool) {
	e := m.loop.Policies().Engine
	var d verdict.Decision
	var v *attest.Verdict
	if e.AsksImage() {
		var signed [][]byte
		var digests []string
		if m.baggage != nil {
			signed = attest.Split(attach.Verdicts(m.cfg.Dir))
			digests = []string{m.baggage.Embedded.SourceDigest, m.baggage.Embedded.SourceID}
		}
		d, v = e.Image(signed, digests, m.started)
	}
	if was := verdict.Verdict(m.imageWas.Swap(int32(d.Verdict))); d.Verdict <= was {
		return d, false
	}
	return d, m.loop.Unassured(d, v, running).Kill
}
