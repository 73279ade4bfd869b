package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// ArtifactSystem counts the artefacts of one operating system.
type ArtifactSystem struct {
	OS        string `bun:"os"` // os-release ID and version; "": none was found
	Artifacts int64
}

// MaxArtifactSystems bounds how many operating systems are counted.
const MaxArtifactSystems = 500

// ArtifactSystems counts artefacts by their operating system, by name.
func (r Reader) ArtifactSystems(ctx context.Context, t tenant.ID) ([]ArtifactSystem, error) {
	var rows []ArtifactSystem
	if err := r.artifactSystems(t).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("cannot count operating systems: %w", err)
	}
	return rows, nil
}

func (r Reader) artifactSystems(t tenant.ID) *bun.SelectQuery {
	return r.db.NewSelect().TableExpr("artifacts").ColumnExpr("os, COUNT(*) AS artifacts").Where("tenant = ?", t).GroupExpr("os").OrderExpr("os").Limit(MaxArtifactSystems)
}
