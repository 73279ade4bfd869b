package inventory

import (
	"context"
	"log/slog"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/scanner/match"
)

// Remember is what a re-match looks advisories up in, for benchmarks.
var Remember = remember

// RematchReads is Rematch that says how many reports it read; with all set, those
// are all that were matched with other data.
func RematchReads(ctx context.Context, s *store.Store, src match.Source, log *slog.Logger, all bool) (Rematched, int, error) {
	m, err := rematchAll(ctx, s, src, log, all)
	return m.done, m.read, err
}
