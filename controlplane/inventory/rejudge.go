package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// profileEvery is how long a verdict stands at least before what workloads were
// seen to do is a reason to judge again.
const profileEvery = 10 * time.Minute

// Rejudge asks the policies again of every artefact of a tenant that was judged
// before something changed: a policy, an exception, what workloads
// do, the day. It says how many
// results became others. An artefact whose report cannot be read keeps its
// result, is logged and not asked again before the next change.
func Rejudge(ctx context.Context, s *store.Store, t tenant.ID, log *slog.Logger) (changed int, err error) {
	for {
		before, err := s.JudgedBefore(ctx, t, store.Now())
		if err != nil {
			return changed, err
		}
		rows, err := s.StaleVerdicts(ctx, t, before, rematchBatch)
		if err == nil && len(rows) == 0 {
			rows, err = s.VerdictsBehindProfiles(ctx, t, store.Now().Add(-profileEvery), rematchBatch)
		}
		if err != nil || len(rows) == 0 {
			return changed, err
		}
		rules, err := LoadRules(ctx, s.Reader, t, nil)
		if err != nil {
			return changed, err
		}
		n, err := rejudgeSome(ctx, s, rules, rows, log)
		if changed += n; err != nil {
			return changed, err
		}
	}
}

func rejudgeSome(ctx context.Context, s *store.Store, rules *Rules, rows []store.Artifact, log *slog.Logger) (changed int, err error) {
	results, verdicts := make([]string, len(rows)), make([]string, len(rows))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, a := range rows {
		g.Go(func() error {
			report, err := Read(ctx, s.Reader, a.Tenant, a.ScanID)
			if err == nil {
				var data []byte
				v, judging := rules.Judge(ctx, report, a.Name, store.Time(a.ScannedAt), StageOf(a.Source))
				if err = judging; err == nil {
					data, err = json.Marshal(v)
					results[i], verdicts[i] = string(v.Result), string(data)
				}
			}
			if err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "cannot judge again", "artifact", a.ID, "error", err)
			}
			return nil
		})
	}
	_ = g.Wait()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err = s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		changed = 0
		var same []string
		for i, a := range rows {
			was, err := tx.Scan(ctx, a.Tenant, a.ScanID)
			switch {
			case err != nil && !errors.Is(err, store.ErrNotFound):
				return err
			case err != nil || verdicts[i] == "" || // forgotten or scanned anew meanwhile
				was.Verdict == verdicts[i]:
				same = append(same, a.ID)
			default:
				if was.Result != results[i] {
					changed++
				}
				if err := tx.SetVerdict(ctx, a.Tenant, a.ID, a.ScanID, results[i], verdicts[i], rules.at); err != nil {
					return err
				}
			}
		}
		return tx.SetJudged(ctx, rules.tenant, same, rules.at)
	})
	return changed, err
}
