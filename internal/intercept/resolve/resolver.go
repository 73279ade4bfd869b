package resolve

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

const portDNS = 53

// Needs is what is looked at in name resolution now.
type Needs struct {
	Names   bool     // anything at all
	Answers bool     // the Judge is asked about what answers hold
	Hosts   []string // names whose addresses must be known before somebody connects
}

// Judge decides about names. Its methods must not block, and may be called
// from several goroutines at once.
type Judge interface {
	Needs() Needs
	// Resolve is asked about each question, and, if Needs says so, about what
	// its answer holds.
	Resolve(*action.Query) intercept.Answer
	// NamesMatter says whether a connection that would be denied might be
	// allowed if its address were known by a name. It is asked often and
	// reports nothing.
	NamesMatter(*action.Connect) bool
}

// Config of a Resolver.
type Config struct {
	Judge  Judge
	Logger *slog.Logger // nil: discard
	Conf   string       // "": /etc/resolv.conf
	Hosts  string       // "": /etc/hosts
	Now    func() time.Time
}

// Resolver answers the questions of one workload.
type Resolver struct {
	cfg    Config
	raw    [2][]byte // resolv.conf, hosts: as they were at the start
	read   func() *conf
	table  table
	cache  cache
	tunnel tunnels
	asks   asks
	waits  waits

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	busy   chan struct{} // questions under way

	questions, dropped atomic.Uint64
	kill               atomic.Pointer[func(*action.Process)]

	mu        sync.Mutex
	shut      bool
	endpoints map[place]*endpoint
	ports     map[netip.AddrPort]*endpoint // by where they listen
}

// maxBusy bounds the questions under way; more are dropped, as a network does.
const maxBusy = 256

// New reads both files and does nothing else yet.
func New(cfg Config) *Resolver {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Conf == "" {
		cfg.Conf = "/etc/resolv.conf"
	}
	if cfg.Hosts == "" {
		cfg.Hosts = "/etc/hosts"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r := &Resolver{cfg: cfg, raw: [2][]byte{readSome(cfg.Conf), readSome(cfg.Hosts)}, busy: make(chan struct{}, maxBusy)}
	r.read = sync.OnceValue(func() *conf {
		c := parseConf(r.raw[0], r.raw[1])
		r.table.pin(c.hosts, cfg.Now())
		return &c
	})
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// KillWith sets what ends a process because a verdict about its question says
// so.
func (r *Resolver) KillWith(kill func(*action.Process)) { r.kill.Store(&kill) }

// Close ends everything and waits for it.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.shut = true
	r.cancel()
	for _, e := range r.endpoints {
		e.close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// Active says whether names are looked at now.
func (r *Resolver) Active() bool { return r != nil && r.cfg.Judge.Needs().Names }

// Own says whether server is one of the workload's own name servers, as
// resolv.conf named them before the workload ran.
func (r *Resolver) Own(server netip.AddrPort) bool {
	for _, s := range r.read().servers {
		if s.Port() == server.Port() && s.Addr().WithZone("") == server.Addr().Unmap().WithZone("") {
			return believed(s.Addr())
		}
	}
	return false
}

// Names gives the names by which addr is known. The result must not be changed.
func (r *Resolver) Names(addr netip.Addr) []string {
	r.read()
	return r.table.names(addr, r.cfg.Now())
}

// Inspect judges a datagram that is on its way to a name server past us. What
// is no question is let go.
func (r *Resolver) Inspect(msg []byte, proc *action.Process, server netip.AddrPort) intercept.Answer {
	q, err := parseQuestion(msg)
	if err != nil {
		return intercept.Allow
	}
	r.questions.Add(1)
	a := r.query(&q, proc, server, false)
	a.Tunnel = r.tunnel.see(q.name, a.Type, r.cfg.Now())
	return r.cfg.Judge.Resolve(&a)
}

// answer gives the answer to a message, nil if there is none to give.
func (r *Resolver) answer(msg []byte, proc *action.Process, server netip.AddrPort, tcp bool) []byte {
	q, err := parseQuestion(msg)
	switch err {
	case nil:
	case errMalformed:
		return q.refuse(dnsmessage.RCodeFormatError, false)
	case errOpcode:
		return q.refuse(dnsmessage.RCodeNotImplemented, false)
	case errTransfer:
		return q.refuse(dnsmessage.RCodeRefused, false)
	default:
		return nil
	}
	r.questions.Add(1)
	now := r.cfg.Now()
	a := r.query(&q, proc, server, tcp)
	a.Tunnel = r.tunnel.see(q.name, a.Type, now)
	if out, denied := r.denied(&q, &a); denied {
		return out
	}
	key := q.key(server, tcp)
	out, f, hit := r.cache.get(key, &q, now)
	if !hit {
		if out, err = r.exchange(r.ctx, &q, server, tcp); err != nil {
			if r.ctx.Err() != nil || isTimeout(err) {
				return nil // silence, as from the server itself
			}
			return q.refuse(dnsmessage.RCodeServerFailure, false)
		}
		if f, err = q.read(out); err != nil {
			return q.refuse(dnsmessage.RCodeServerFailure, false)
		}
		r.learn(&q, &f, server)
		r.cache.put(key, append([]byte(nil), out...), f, now)
	}
	if out, denied := r.deniedAnswer(&q, a, &f); denied {
		return out
	}
	binary.BigEndian.PutUint16(out, q.header.ID)
	return out
}

func (r *Resolver) query(q *question, proc *action.Process, server netip.AddrPort, tcp bool) action.Query {
	a := action.Query{Proc: proc, Protocol: action.ProtoUDP, Server: server, Name: q.name, Bare: r.read().bare(q.name), Type: uint16(q.asked.Type)}
	if tcp {
		a.Protocol = action.ProtoTCP
	}
	return a
}

// denied asks the Judge and gives what the process is told instead.
func (r *Resolver) denied(q *question, a *action.Query) ([]byte, bool) {
	v := r.cfg.Judge.Resolve(a)
	if v == intercept.Allow {
		return nil, false
	}
	if kill := r.kill.Load(); v.Kill && kill != nil {
		(*kill)(a.Proc)
	}
	if a.Tunnel != "" {
		return q.refuse(dnsmessage.RCodeRefused, true), true
	}
	return q.refuse(dnsmessage.RCodeNameError, true), true
}

// deniedAnswer asks the Judge about the names and addresses in an answer.
func (r *Resolver) deniedAnswer(q *question, a action.Query, f *found) ([]byte, bool) {
	if !r.cfg.Judge.Needs().Answers {
		return nil, false
	}
	a.Tunnel = ""
	for _, t := range f.targets {
		a.Target = t
		if out, denied := r.denied(q, &a); denied {
			return out, true
		}
	}
	a.Target = ""
	for _, addr := range f.addresses {
		a.Address = addr
		if out, denied := r.denied(q, &a); denied {
			return out, true
		}
	}
	return nil, false
}

// learn keeps what a believed server says about addresses.
func (r *Resolver) learn(q *question, f *found, server netip.AddrPort) {
	if len(f.addresses) == 0 || !r.Own(server) {
		return
	}
	names := append([]string{q.name}, f.targets...)
	if b := r.read().bare(q.name); b != "" {
		names = append(names, b)
	}
	now := r.cfg.Now()
	for _, a := range f.addresses {
		r.table.learn(a, names, f.ttl, now)
	}
}
