package wrap

import (
	"encoding/json"
	"fmt"

	"github.com/limpet-security/limpet/internal/workload"
)

// ParseEmbed reads what a control plane answers to GET
// /api/v1/groups/{group}/embed, workload.Embedded and the signed bundle in
// base64, and checks that an enforcer could start with it.
func ParseEmbed(body []byte) (Identity, error) {
	if len(body) > MaxEmbedBytes {
		return Identity{}, fmt.Errorf("it has more than %d bytes: %w", MaxEmbedBytes, ErrEmbed)
	}
	var answer struct {
		workload.Embedded
		Bundle []byte `json:"bundle"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrEmbed, err)
	}
	id := Identity{Embedded: answer.Embedded, Bundle: answer.Bundle}
	if id.Embedded.Gateway == "" || len(id.Embedded.BundleKeys) == 0 {
		return Identity{}, fmt.Errorf("it names no gateway or no bundle key: %w", ErrEmbed)
	}
	return id, id.validate()
}
