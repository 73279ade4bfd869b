package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
)

type auditView struct {
	ID         string          `json:"id"`
	At         time.Time       `json:"at"`
	Actor      string          `json:"actor"`
	Action     string          `json:"action"`
	ObjectKind string          `json:"objectKind"`
	ObjectName string          `json:"objectName"`
	Before     json.RawMessage `json:"before,omitempty"`
	After      json.RawMessage `json:"after,omitempty"`
	RemoteAddr string          `json:"remoteAddr"`
}

type auditInput struct {
	PageInput
	Actor      string `query:"actor" maxLength:"128"`
	Action     string `query:"action" maxLength:"64"`
	ObjectKind string `query:"objectKind" maxLength:"64"`
	ObjectName string `query:"objectName" maxLength:"256"`
}

func (a *API) listAudit(ctx context.Context, in *auditInput) (*listOutput[auditView], error) {
	rows, next, err := a.Store.AuditRecords(ctx, access.From(ctx).Tenant, store.AuditFilter{
		Actor: in.Actor, Action: in.Action, ObjectKind: in.ObjectKind, ObjectName: in.ObjectName,
	}, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, func(r store.AuditRecord) auditView {
		return auditView{
			ID: r.ID, At: store.Time(r.At), Actor: r.Actor, Action: r.Action, ObjectKind: r.ObjectKind, ObjectName: r.ObjectName,
			Before: rawJSON(r.Before), After: rawJSON(r.After), RemoteAddr: r.RemoteAddr,
		}
	}), nil
}

func rawJSON(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}
