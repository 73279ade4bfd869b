package ingest

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/audit"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// Enroll takes one use of a join token and gives an identity. A certificate
// request that is refused gives the use back.
func (s *Service) Enroll(ctx context.Context, m *wirepb.ControlEnrollRequest) (*wirepb.EnrollResponse, error) {
	req := m.GetRequest()
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("cannot make identifier: %w", err)
	}
	now := time.Now()
	var cert *x509.Certificate
	var token store.JoinToken
	err = s.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		token, err = tx.UseJoinTokenAnyTenant(ctx, access.HashSecret(req.GetToken()), now)
		if errors.Is(err, store.ErrJoinToken) {
			return wire.Errorf(wire.ErrToken, "it is unknown, has expired or has no uses left")
		}
		if err != nil {
			return err
		}
		cert, err = s.Authority.SignCSR(req.GetCsr(), wire.Identity{
			Tenant: string(token.Tenant), Kind: req.GetKind(), ID: id.String(), Group: token.GroupName,
		}, s.Lifetime)
		if err != nil {
			return err
		}
		e := store.Enforcer{
			ID: id.String(), GroupName: token.GroupName, Kind: req.Kind, Hostname: req.Hostname, Version: req.Version,
			Rung: req.Rung, Kernel: req.Kernel, Arch: req.Arch, RemoteAddr: m.GetRemoteAddr(),
			FirstSeen: now.UnixNano(), LastSeen: now.UnixNano(),
		}
		setWorkload(&e, req.Workload)
		why, err := misplaced(ctx, tx, token, &e)
		if err != nil {
			return err
		}
		if err := tx.PutEnforcer(ctx, token.Tenant, e); err != nil {
			return err
		}
		return audit.Write(ctx, tx, token.Tenant, audit.Change{
			Actor: "join:" + token.Prefix, Action: "enroll", Kind: "enforcer", Name: e.ID, RemoteAddr: e.RemoteAddr,
			After: map[string]string{"group": e.GroupName, "kind": e.Kind, "hostname": e.Hostname, "image": e.Image, "misplaced": why},
		})
	})
	if refusal := (*misplacedError)(nil); errors.As(err, &refusal) {
		s.tellRefusal(ctx, token, refusal, m.GetRemoteAddr())
		err = refusal.error
	}
	if err != nil {
		return nil, refused(err)
	}
	keys, err := s.Publisher.PublicKeys(ctx, token.Tenant)
	if err != nil {
		return nil, refused(err)
	}
	s.metrics.enrolled.Inc()
	out := &wirepb.EnrollResponse{
		EnforcerId: id.String(), Certificate: cert.Raw, Ca: s.Authority.Certificate().Raw, NotAfterNs: cert.NotAfter.UnixNano(),
		Tenant: string(token.Tenant), Group: token.GroupName,
	}
	for _, k := range keys {
		b, err := base64.StdEncoding.DecodeString(k)
		if err != nil || len(b) != ed25519.PublicKeySize {
			return nil, errors.New("cannot serve enforcer: bundle key is damaged")
		}
		out.BundleKeys = append(out.BundleKeys, b)
	}
	return out, nil
}

// Renew gives the same identity a new certificate.
func (s *Service) Renew(ctx context.Context, m *wirepb.ControlRenewRequest) (*wirepb.RenewResponse, error) {
	t, e, err := s.who(ctx, m.GetIdentity())
	if err != nil {
		return nil, refused(err)
	}
	cert, err := s.Authority.SignCSR(m.GetRequest().GetCsr(), wire.Identity{
		Tenant: string(t), Kind: e.Kind, ID: e.ID, Group: e.GroupName,
	}, s.Lifetime)
	if err != nil {
		return nil, refused(err)
	}
	return &wirepb.RenewResponse{Certificate: cert.Raw, Ca: s.Authority.Certificate().Raw, NotAfterNs: cert.NotAfter.UnixNano()}, nil
}

func setWorkload(e *store.Enforcer, w *eventpb.Workload) {
	if w == nil {
		return
	}
	e.Image, e.ImageDigest, e.Claimed, e.Labels = w.Image, w.ImageDigest, w.Claimed, w.Labels
	if e.Hostname == "" {
		e.Hostname = w.Hostname
	}
}

// kindOf reads the kind out of a certificate the gateway has verified.
func kindOf(der []byte) string {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return wire.KindMicro
	}
	id, err := wire.IdentityOf(c)
	if err != nil {
		return wire.KindMicro
	}
	return id.Kind
}
