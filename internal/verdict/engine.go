package verdict

import (
	"net/netip"
	"slices"
	"sort"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// Engine is a compiled set of policies. It never changes; its methods may be
// called from any number of goroutines and do not allocate.
type Engine struct {
	exec      []check[action.Exec]
	relayed   []check[action.Exec] // shells that hang on the network through others
	socket    []check[action.Socket]
	frames    []check[action.Socket] // of controls about addresses
	connect   []check[action.Connect]
	query     []check[action.Query]
	talk      []check[action.Talk]
	proxies   []netRule
	bind      []check[action.Bind]
	accept    []check[action.Accept]
	touch     []check[action.Accept] // connections to ports of honeypots
	fork      []check[action.Fork]
	session   []check[action.Session]
	crowd     []check[action.Crowd]
	load      []check[action.Load]
	maps      []check[action.Map]
	calls     []check[action.Call]
	privilege [privilegeKinds][]check[action.Privilege]
	file      []fileCheck
	integrity []fileCheck
	volumes   []volumeCheck
	images    []imageCheck
	misplaced policy.RuleID
	patterns  []policy.Glob
	named     map[policy.ControlID][]policy.Glob
	baits     []policy.Glob

	groupMode  policy.Mode
	sources    []*source
	outOfScope []string
	notes      []Note
	next       time.Time
	needs      Needs
	known      []*nameSet // interpreters beyond the built-in ones
	dropped    []dropped  // capabilities
	envKeys    []string   // variables with false credentials
	honeyPorts []uint16
	missing    map[policy.ControlID][]string // reputation lists that are not there
}

const privilegeKinds = int(action.PrivClock) + 1

// check finds violations of one control of one policy: match gives the rule
// that is violated, or "".
type check[A any] struct {
	src   *source
	match func(*A) policy.RuleID
}

// seal puts every list in the order in which the first violation decides.
func (e *Engine) seal() {
	slices.SortFunc(e.sources, (*source).compare)
	sortChecks(e.exec)
	sortChecks(e.relayed)
	sortChecks(e.socket)
	sortChecks(e.frames)
	sortChecks(e.connect)
	sortChecks(e.query)
	sortChecks(e.talk)
	sortChecks(e.bind)
	sortChecks(e.accept)
	sortChecks(e.touch)
	sortChecks(e.fork)
	sortChecks(e.session)
	sortChecks(e.crowd)
	sortChecks(e.load)
	sortChecks(e.maps)
	sortChecks(e.calls)
	for i := range e.privilege {
		sortChecks(e.privilege[i])
	}
	sortBySource(e.file, func(i int) *source { return e.file[i].src })
	sortBySource(e.integrity, func(i int) *source { return e.integrity[i].src })
	sortBySource(e.volumes, func(i int) *source { return e.volumes[i].src })
	sortBySource(e.images, func(i int) *source { return e.images[i].src })
	e.fileNeeds()
	e.needs.Exec, e.needs.Relays = len(e.exec) > 0, len(e.relayed) > 0
	e.needs.Socket = len(e.socket)+len(e.frames) > 0
	e.needs.Connect = len(e.connect) > 0
	e.needs.Bind, e.needs.Accept = len(e.bind) > 0, len(e.accept) > 0
	e.needs.Fork = len(e.fork) > 0
	e.needs.Session = len(e.session) > 0
	for i := range e.privilege {
		e.needs.Privilege[i] = len(e.privilege[i]) > 0
	}
}

func sortChecks[A any](list []check[A]) {
	sortBySource(list, func(i int) *source { return list[i].src })
}

// sortBySource sorts a slice. It is not slices.SortStableFunc: each kind of check
// would bring its own copy of that into the enforcer's binary.
func sortBySource(list any, of func(i int) *source) {
	sort.SliceStable(list, func(i, j int) bool { return of(i).compare(of(j)) < 0 })
}

// first decides by the first violation that no exception of its policy covers;
// s is what exceptions are held against.
func first[A any](list []check[A], a *A, s subject) Decision {
	for i := range list {
		c := &list[i]
		if rule := c.match(a); rule != "" && !c.src.excepted(&s) {
			return c.src.decision(rule)
		}
	}
	return Decision{}
}

// Exec judges a program that is about to run. Digest and Origin must be
// filled in if Needs asks for them.
func (e *Engine) Exec(a *action.Exec) Decision {
	return first(e.exec, a, subject{proc: a.Proc, path: a.Path, digest: a.Digest})
}

// Relayed judges a shell that hangs on the network through others.
func (e *Engine) Relayed(a *action.Exec) Decision {
	return first(e.relayed, a, subject{proc: a.Proc, path: a.Path, digest: a.Digest})
}

// Socket judges a new socket. A control of sockets says why before one of
// addresses does.
func (e *Engine) Socket(a *action.Socket) Decision {
	s := subject{proc: a.Proc}
	d := first(e.socket, a, s)
	if f := first(e.frames, a, s); f.Verdict > d.Verdict {
		return f
	}
	return d
}

// Connect judges an outbound flow.
func (e *Engine) Connect(a *action.Connect) Decision {
	return first(e.connect, a, subject{proc: a.Proc, path: a.Unix, addr: peerAddr(a.Peer), port: a.Peer.Port()})
}

// Fork judges a new task.
func (e *Engine) Fork(a *action.Fork) Decision {
	return first(e.fork, a, subject{proc: a.Proc})
}

// Privilege judges a call that asks for more than an application usually needs.
func (e *Engine) Privilege(a *action.Privilege) Decision {
	if int(a.Kind) >= privilegeKinds {
		return Decision{}
	}
	return first(e.privilege[a.Kind], a, subject{proc: a.Proc, syscall: a.Syscall})
}

// Needs says what an engine looks at, so that an enforcer can leave out work.
type Needs struct {
	Enforced  bool // some control denies
	Digest    bool // Exec.Digest must be filled in
	Origin    bool // Exec.Origin must be filled in
	SocketFDs bool // Exec.SocketFDs must be filled in
	Loads     bool // some control judges how processes work
	Relays    bool // shells that hang on the network through others are judged
	Refs      bool // Exec.Refs must be filled in from the arguments
	Env       bool // and from the environment
	IDs       bool // Exec.IDs must be filled in
	Maps      bool // some control judges files that are mapped executable
	Anon      bool // some control judges anonymous executable memory
	Calls     bool // some control lists system calls by name
	Exec      bool // some control judges programs
	Socket    bool // some control judges sockets
	Connect   bool // some control judges outbound flows
	Fork      bool // some control judges new tasks
	Session   bool // some control judges what comes from outside
	MaxTasks  int  // the lowest limit of tasks, 0: none
	MaxDepth  int  // the lowest limit of descent, 0: none
	// ExactForks: some limit is to be held at each fork, not by looking now and
	// then.
	ExactForks bool
	Privilege  [privilegeKinds]bool // by action.PrivilegeKind

	NameNeeds
	NetworkNeeds

	Files FileNeed // the strongest verdict about files
	Logs  bool     // descriptors that may only append must stay so
}

// NetworkNeeds are those of the controls of what others can reach.
type NetworkNeeds struct {
	Unix       bool          // some rule of an outbound control is about unix sockets
	Bind       bool          // some control judges what is bound
	Accept     bool          // some control judges inbound connections
	ScanWindow time.Duration // for how long Connect.Scan counts; 0: it need not be filled in
	ScanPorts  int           // the highest limits: more need not be counted
	ScanHosts  int
}

// Needs gives what the engine looks at.
func (e *Engine) Needs() Needs { return e.needs }

// NextChange gives the time at which the same policies compile to another
// engine, because enforceAfterDays pass or an exception expires; zero: never.
func (e *Engine) NextChange() time.Time { return e.next }

// peerAddr gives the address that the kernel will really ask: mapped IPv4 as
// IPv4, and loopback for the unspecified address.
func peerAddr(p netip.AddrPort) netip.Addr {
	a := p.Addr().Unmap()
	if a.IsUnspecified() {
		if a.Is4() {
			return loopback4
		}
		return loopback6
	}
	return a
}

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)
