package api

import (
	"context"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/scanner/worker"
)

// What workers call: a lease, and its end. Nothing here is for people, so
// nothing but the end of a scan is in the audit log.

type leaseInput struct{ Body worker.Hello }

type leaseView struct {
	Job *worker.Job `json:"job,omitempty" doc:"Absent where there is none for now"`
}

func (a *API) postScanLease(ctx context.Context, in *leaseInput) (*bodyOutput[leaseView], error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a server that stops does not wait for who waits
		select {
		case <-a.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	j, err := a.Scans.Lease(ctx, access.From(ctx).Tenant, in.Body, callerOf(ctx).remote)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[leaseView]{Body: leaseView{j}}, nil
}

type renewInput struct {
	IDInput
	Body worker.Progress
}

func (a *API) renewScanLease(ctx context.Context, in *renewInput) (*noOutput, error) {
	return nil, a.Scans.Renew(ctx, access.From(ctx).Tenant, in.ID, in.Body)
}

type pieceInput struct {
	IDInput
	Piece   int    `path:"piece" minimum:"0" maximum:"127"`
	RawBody []byte `contentType:"application/octet-stream" doc:"Of the report as JSON under zstd; at most 1 MiB"`
}

func (a *API) putReportPiece(ctx context.Context, in *pieceInput) (*noOutput, error) {
	return nil, a.Scans.Piece(ctx, access.From(ctx).Tenant, in.ID, in.Piece, in.RawBody)
}

type finishInput struct {
	IDInput
	Body worker.Sent
}

func (a *API) finishScanLease(ctx context.Context, in *finishInput) (*bodyOutput[scanJobView], error) {
	who := access.From(ctx)
	j, err := a.Scans.Finish(ctx, who.Tenant, in.ID, in.Body, who.Name)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[scanJobView]{Body: viewScanJob(j)}, nil
}

type failInput struct {
	IDInput
	Body worker.Failure
}

func (a *API) failScanLease(ctx context.Context, in *failInput) (*noOutput, error) {
	return nil, a.Scans.Fail(ctx, access.From(ctx).Tenant, in.ID, in.Body)
}

func (a *API) returnScanLease(ctx context.Context, in *IDInput) (*noOutput, error) {
	return nil, a.Scans.Return(ctx, access.From(ctx).Tenant, in.ID)
}
