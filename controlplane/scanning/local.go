package scanning

import (
	"context"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/worker"
)

// Local is the queue of a tenant for workers in this process: the same leases as
// over the wire.
func (q *Queue) Local(t tenant.ID) worker.Queue { return local{q, t} }

type local struct {
	q *Queue
	t tenant.ID
}

const byServer = "limpet server"

func (l local) Lease(ctx context.Context, h worker.Hello) (*worker.Job, error) {
	return l.q.Lease(ctx, l.t, h, "")
}

func (l local) Renew(ctx context.Context, lease string, p worker.Progress) error {
	return l.q.Renew(ctx, l.t, lease, p)
}

func (l local) Deliver(ctx context.Context, lease string, r *finding.Report) error {
	return l.q.Deliver(ctx, l.t, lease, r, byServer)
}

func (l local) Fail(ctx context.Context, lease string, f worker.Failure) error {
	return l.q.Fail(ctx, l.t, lease, f)
}

func (l local) Return(ctx context.Context, lease string) error { return l.q.Return(ctx, l.t, lease) }
