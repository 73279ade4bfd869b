package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// Change is what is written down. Before and After may be nil.
type Change struct {
	Actor      string
	Action     string // "create", "update", "delete", "login", ...
	Kind       string // "group", "policy", "user", ...
	Name       string
	Before     any
	After      any
	RemoteAddr string // host without port
}

// maxObject bounds what is kept of an object, in bytes of JSON.
const maxObject = 256 << 10

// Write adds a record in the transaction of the change.
func Write(ctx context.Context, tx *store.Tx, t tenant.ID, c Change) error {
	before, err := object(c.Before)
	if err != nil {
		return err
	}
	after, err := object(c.After)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("cannot make identifier: %w", err)
	}
	return tx.AppendAudit(ctx, t, store.AuditRecord{
		ID: id.String(), At: store.Now().UnixNano(), Actor: c.Actor, Action: c.Action,
		ObjectKind: c.Kind, ObjectName: c.Name, Before: before, After: after, RemoteAddr: c.RemoteAddr,
	})
}

// object writes v as JSON without secrets.
func object(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("cannot write audit record: %w", err)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return "", fmt.Errorf("cannot write audit record: %w", err)
	}
	b, err = json.Marshal(redact(tree))
	if err != nil {
		return "", fmt.Errorf("cannot write audit record: %w", err)
	}
	if len(b) > maxObject {
		return fmt.Sprintf(`{"omitted":"%d bytes"}`, len(b)), nil
	}
	return string(b), nil
}

// secretKeys are parts of names whose values are never written down.
var secretKeys = []string{"password", "secret", "hash", "csrf", "cookie"}

// hidden stands where a secret was.
const hidden = "[hidden]"

func redact(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			low := strings.ToLower(k)
			v[k] = redact(inner)
			if low == "token" {
				v[k] = hidden
			}
			for _, s := range secretKeys {
				if strings.Contains(low, s) {
					v[k] = hidden
				}
			}
		}
	case []any:
		for i := range v {
			v[i] = redact(v[i])
		}
	}
	return v
}
