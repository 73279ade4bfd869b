package event

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/internal/policy"
)

// NewID gives a UUIDv7: identifiers made later sort later.
func NewID() string {
	id, err := uuid.NewV7()
	if err != nil { // the system has no randomness: nothing can go on
		panic(fmt.Errorf("event: cannot make an identifier: %w", err))
	}
	return id.String()
}

// Technique gives the MITRE ATT&CK technique of what a control watches, or "".
func Technique(control policy.ControlID) string { return control.Technique() }
