package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/policy"
)

const (
	// DefaultExceptionAge is how long an exception may hold at most, unless the
	// server was told otherwise.
	DefaultExceptionAge = 365 * 24 * time.Hour
	// expiresSoon is what the list of those that expire soon means.
	expiresSoon = 14 * 24 * time.Hour
)

type exceptionView struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	State       string          `json:"state" enum:"requested,approved,refused,revoked,expired"`
	Document    json.RawMessage `json:"document" doc:"The exception as JSON"`
	YAML        string          `json:"yaml" doc:"The exception as its author wrote it"`
	Owner       string          `json:"owner"`
	ExpiresAt   time.Time       `json:"expiresAt"`
	ExpiresSoon bool            `json:"expiresSoon,omitempty" doc:"It holds, and ends within 14 days"`
	RequestedBy string          `json:"requestedBy"`
	RequestedAt time.Time       `json:"requestedAt"`
	DecidedBy   string          `json:"decidedBy,omitempty"`
	DecidedAt   *time.Time      `json:"decidedAt,omitempty"`
	Comment     string          `json:"comment,omitempty" doc:"Of the decision"`
	Own         bool            `json:"own,omitempty" doc:"You asked for it, so somebody else must approve it"`
	Version     int64           `json:"version" doc:"The ETag without its quotes"`
}

func viewException(ctx context.Context) func(store.Exception) exceptionView {
	who, now := access.From(ctx), store.Now()
	return func(e store.Exception) exceptionView {
		var doc struct{ Metadata struct{ Description string } }
		_ = json.Unmarshal([]byte(e.Document), &doc)
		state := e.StateAt(now)
		return exceptionView{
			Name: e.Name, Description: doc.Metadata.Description, State: state, Document: json.RawMessage(e.Document), YAML: e.YAML, Owner: e.Owner,
			ExpiresAt: store.Time(e.ExpiresAt), ExpiresSoon: state == store.ExceptionApproved && store.Time(e.ExpiresAt).Sub(now) <= expiresSoon,
			RequestedBy: e.RequestedBy, RequestedAt: store.Time(e.RequestedAt), DecidedBy: e.DecidedBy, DecidedAt: when(e.DecidedAt), Comment: e.Comment,
			Own: e.RequestedAs == who.Person, Version: e.Version,
		}
	}
}

func oneException(ctx context.Context, e store.Exception) *oneOutput[exceptionView] {
	return &oneOutput[exceptionView]{ETag: etag(e.Version), Body: viewException(ctx)(e)}
}

// exceptionRecord is what the audit record shows of an exception.
func exceptionRecord(e store.Exception) map[string]any {
	return map[string]any{"version": e.Version, "state": e.State, "yaml": e.YAML, "requestedBy": e.RequestedBy, "decidedBy": e.DecidedBy, "comment": e.Comment}
}

// exceptionRow reads an exception that was sent, as asked for by who calls.
func (a *API) exceptionRow(ctx context.Context, b policyBody) (store.Exception, error) {
	text, err := b.text()
	if err != nil {
		return store.Exception{}, err
	}
	d, err := assurance.ParseException(text)
	if err != nil {
		return store.Exception{}, err
	}
	yaml, data, err := bothTexts(d, b.YAML)
	if err != nil {
		return store.Exception{}, err
	}
	now, who := store.Now(), access.From(ctx)
	e := store.Exception{
		Name: d.Metadata.Name, YAML: yaml, Document: data, State: store.ExceptionRequested, Owner: strings.TrimSpace(d.Spec.Owner),
		ExpiresAt: d.Spec.Expires.UnixNano(), RequestedBy: who.Name, RequestedAs: who.Person, RequestedAt: now.UnixNano(),
	}
	return e, a.checkExpiry(e, now)
}

// checkExpiry holds an exception to the time that this server lets one hold.
func (a *API) checkExpiry(e store.Exception, now time.Time) error {
	at, most := store.Time(e.ExpiresAt), a.ExceptionAge
	if most == 0 {
		most = DefaultExceptionAge
	}
	var message string
	switch {
	case !at.After(now):
		message = "is past already"
	case at.Sub(now) > most:
		message = fmt.Sprintf("is later than this server allows: at most %d days from now, %s", int(most/(24*time.Hour)), now.Add(most).Format(time.DateOnly))
	default:
		return nil
	}
	return policy.Errors{{Line: lineOf(e.YAML, "expires"), Column: 1, Path: "spec.expires", Message: message}}
}

// lineOf finds the line on which a key stands, 1 if it does not.
func lineOf(text, key string) int {
	n := 1
	for line := range strings.Lines(text) {
		if strings.Contains(line, key+":") || strings.Contains(line, `"`+key+`"`) {
			return n
		}
		n++
	}
	return 1
}

type exceptionsInput struct {
	PageInput
	State string `query:"state" enum:"requested,approved,refused,revoked,expired,expiring" doc:"expiring: approved, and ends within 14 days"`
	Query string `query:"query" maxLength:"256" doc:"Part of what it says: a vulnerability, an image, an owner"`
}

func (a *API) listExceptions(ctx context.Context, in *exceptionsInput) (*listOutput[exceptionView], error) {
	f := store.ExceptionFilter{State: in.State, Now: store.Now(), Soon: expiresSoon, Query: in.Query}
	rows, next, err := a.Store.Exceptions(ctx, access.From(ctx).Tenant, f, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, viewException(ctx)), nil
}

type exceptionSummary struct {
	Requested  int `json:"requested" doc:"Wait for a decision"`
	Approved   int `json:"approved"`
	Expiring   int `json:"expiring" doc:"Of those approved, end within 14 days"`
	Expired    int `json:"expired"`
	MostDays   int `json:"mostDays" doc:"For how long an exception may hold on this server"`
	MayApprove int `json:"mayApprove" doc:"Of those that wait, asked for by somebody else than you; 0 for those who may not approve"`
}

// summarizeExceptions counts what people should look at.
func (a *API) summarizeExceptions(ctx context.Context, _ *struct{}) (*bodyOutput[exceptionSummary], error) {
	who, now := access.From(ctx), store.Now()
	var out exceptionSummary
	for state, n := range map[string]*int{
		store.ExceptionRequested: &out.Requested, store.ExceptionApproved: &out.Approved, store.ExceptionExpiring: &out.Expiring, store.ExceptionExpired: &out.Expired,
	} {
		var err error
		if *n, err = a.Store.CountExceptions(ctx, who.Tenant, store.ExceptionFilter{State: state, Now: now, Soon: expiresSoon}); err != nil {
			return nil, err
		}
	}
	most := a.ExceptionAge
	if most == 0 {
		most = DefaultExceptionAge
	}
	out.MostDays = int(most / (24 * time.Hour))
	if who.May(access.ExceptionsApprove) {
		n, err := a.Store.CountExceptions(ctx, who.Tenant, store.ExceptionFilter{State: store.ExceptionRequested, Now: now, NotBy: who.Person})
		if err != nil {
			return nil, err
		}
		out.MayApprove = n
	}
	return &bodyOutput[exceptionSummary]{Body: out}, nil
}

func (a *API) getException(ctx context.Context, in *NameInput) (*oneOutput[exceptionView], error) {
	e, err := a.Store.Exception(ctx, access.From(ctx).Tenant, in.Name)
	if err != nil {
		return nil, err
	}
	return oneException(ctx, e), nil
}

func (a *API) validateException(ctx context.Context, in *validateInput) (*bodyOutput[validateView], error) {
	e, err := a.exceptionRow(ctx, in.Body)
	var list policy.Errors
	switch {
	case errors.As(err, &list):
		return &bodyOutput[validateView]{Body: validateView{Errors: list}}, nil
	case err != nil:
		return nil, err
	}
	return &bodyOutput[validateView]{Body: validateView{Valid: true, Errors: []policy.Error{}, Document: json.RawMessage(e.Document), YAML: e.YAML}}, nil
}

// postException asks for an exception: it holds when somebody else approves it.
func (a *API) postException(ctx context.Context, in *postPolicyInput) (*oneOutput[exceptionView], error) {
	e, err := a.exceptionRow(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		if e, err = c.AddException(ctx, c.who.Tenant, e); err != nil {
			return err
		}
		return c.record(ctx, "request", "exception", e.Name, nil, exceptionRecord(e))
	})
	if err != nil {
		return nil, err
	}
	return oneException(ctx, e), nil
}

// putException changes or renews an exception. It does not hold until it is
// approved again.
func (a *API) putException(ctx context.Context, in *putPolicyInput) (*oneOutput[exceptionView], error) {
	e, err := a.exceptionRow(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	if e.Name != in.Name {
		return nil, huma.NewError(http.StatusUnprocessableEntity, fmt.Sprintf("the exception is named %q, the path says %q; an exception cannot be renamed", e.Name, in.Name))
	}
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.Exception(ctx, c.who.Tenant, in.Name)
		if err != nil {
			return err
		}
		if err := in.check(was.Version); err != nil {
			return err
		}
		state := was.StateAt(store.Now())
		if was.YAML == e.YAML && was.Document == e.Document && (state == store.ExceptionRequested || state == store.ExceptionApproved) {
			e = was
			return nil
		}
		e.Version = was.Version
		if e, err = c.SetException(ctx, c.who.Tenant, e); err != nil {
			return err
		}
		if err := c.TouchAssurance(ctx, c.who.Tenant); err != nil {
			return err
		}
		return c.record(ctx, "request", "exception", e.Name, exceptionRecord(was), exceptionRecord(e))
	})
	if err != nil {
		return nil, err
	}
	return oneException(ctx, e), nil
}

// deleteException takes a request back, or removes what does not hold. One that
// holds is taken away by those who may approve: revoked, or removed.
func (a *API) deleteException(ctx context.Context, in *deleteNamedInput) (*noOutput, error) {
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.Exception(ctx, c.who.Tenant, in.Name)
		if err != nil {
			return err
		}
		if err := in.checkIfGiven(was.Version); err != nil {
			return err
		}
		if was.RequestedAs != c.who.Person && !c.who.May(access.ExceptionsApprove) {
			return fmt.Errorf("%w: somebody else asked for it, so %s is needed", errNotMay, access.ExceptionsApprove)
		}
		if was.StateAt(store.Now()) == store.ExceptionApproved && !c.who.May(access.ExceptionsApprove) {
			return fmt.Errorf("%w: it holds, so %s is needed", errNotMay, access.ExceptionsApprove)
		}
		if err := c.DeleteException(ctx, c.who.Tenant, was.Name, was.Version); err != nil {
			return err
		}
		if err := c.TouchAssurance(ctx, c.who.Tenant); err != nil {
			return err
		}
		return c.record(ctx, "delete", "exception", was.Name, exceptionRecord(was), nil)
	})
}

type decideInput struct {
	NameInput
	DryInput
	MatchInput
	Body struct {
		Decision string `json:"decision" enum:"approve,refuse,revoke"`
		Comment  string `json:"comment,omitempty" maxLength:"2000" doc:"Why; required to refuse and to revoke"`
	}
}

// errOwnRequest is the separation of duties.
var errOwnRequest = fmt.Errorf("%w: you asked for it, so somebody else must approve it", errNotMay)

// decideException approves, refuses or revokes the version that was looked at.
func (a *API) decideException(ctx context.Context, in *decideInput) (*oneOutput[exceptionView], error) {
	var e store.Exception
	err := a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.Exception(ctx, c.who.Tenant, in.Name)
		if err != nil {
			return err
		}
		if err := in.check(was.Version); err != nil {
			return err
		}
		now := store.Now()
		from, to := store.ExceptionRequested, map[string]string{
			"approve": store.ExceptionApproved, "refuse": store.ExceptionRefused, "revoke": store.ExceptionRevoked,
		}[in.Body.Decision]
		if in.Body.Decision == "revoke" {
			from = store.ExceptionApproved
		}
		if state := was.StateAt(now); state != from {
			return huma.NewError(http.StatusConflict, fmt.Sprintf("exception %q is %s, so it cannot be %s", was.Name, state, to))
		}
		if in.Body.Decision == "approve" {
			if was.RequestedAs == c.who.Person || was.RequestedBy == c.who.Name {
				return errOwnRequest
			}
			if err := a.checkExpiry(was, now); err != nil {
				return err
			}
		} else if strings.TrimSpace(in.Body.Comment) == "" {
			return huma.NewError(http.StatusUnprocessableEntity, "say why in comment")
		}
		e = was
		e.State, e.DecidedBy, e.DecidedAt, e.Comment = to, c.who.Name, now.UnixNano(), in.Body.Comment
		if e, err = c.SetException(ctx, c.who.Tenant, e); err != nil {
			return err
		}
		if err := c.TouchAssurance(ctx, c.who.Tenant); err != nil {
			return err
		}
		return c.record(ctx, in.Body.Decision, "exception", e.Name, exceptionRecord(was), exceptionRecord(e))
	})
	if err != nil {
		return nil, err
	}
	return oneException(ctx, e), nil
}
