package events

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// View is an event as the API shows it.
type View struct {
	ID             string            `json:"id"`
	Seq            int64             `json:"seq" doc:"Order of arrival"`
	Tenant         string            `json:"tenant"`
	EnforcerID     string            `json:"enforcerId"`
	Group          string            `json:"group"`
	BootID         string            `json:"bootId"`
	Sequence       uint64            `json:"sequence"`
	At             time.Time         `json:"at" doc:"observedAt, held inside what the server can believe; lists are ordered by it"`
	ObservedAt     time.Time         `json:"observedAt" doc:"By the enforcer's clock"`
	ReceivedAt     time.Time         `json:"receivedAt" doc:"By the gateway's clock"`
	LastObservedAt *time.Time        `json:"lastObservedAt,omitempty"`
	Kind           string            `json:"kind"`
	Verdict        string            `json:"verdict"`
	Mode           string            `json:"mode"`
	Control        string            `json:"control"`
	Rule           string            `json:"rule"`
	Policy         string            `json:"policy"`
	Technique      string            `json:"technique"`
	Reason         string            `json:"reason"`
	Process        *Process          `json:"process,omitempty"`
	Ancestors      []Process         `json:"ancestors" nullable:"false" doc:"Parent first"`
	Object         *Object           `json:"object,omitempty"`
	Errno          int32             `json:"errno"`
	ErrnoName      string            `json:"errnoName"`
	Killed         bool              `json:"killed"`
	Count          uint64            `json:"count"`
	Workload       Workload          `json:"workload"`
	Bundle         Bundle            `json:"bundle"`
	Attributes     map[string]string `json:"attributes"`
	Finding        string            `json:"finding,omitempty" doc:"The finding it belongs to"`
}

// Process is who acted.
type Process struct {
	PID           int32    `json:"pid"`
	TID           int32    `json:"tid,omitempty"`
	PPID          int32    `json:"ppid"`
	UID           uint32   `json:"uid"`
	GID           uint32   `json:"gid"`
	User          string   `json:"user"`
	Exe           string   `json:"exe"`
	Comm          string   `json:"comm"`
	Args          []string `json:"args" nullable:"false" doc:"Redacted by the enforcer"`
	ArgsTruncated bool     `json:"argsTruncated,omitempty"`
	Digest        string   `json:"digest"`
	StartTime     uint64   `json:"startTime" doc:"Clock ticks since boot"`
	Outside       bool     `json:"outside,omitempty" doc:"Started from outside the container, as by docker exec"`
	Session       int32    `json:"session,omitempty" doc:"Process with which that session began"`
}

// Object is what was acted upon; Type says which of the fields are set.
type Object struct {
	Type string `json:"type" enum:"file,network,dns,call,dropped"`
	// file
	Path           string `json:"path,omitempty"`
	Requested      string `json:"requested,omitempty"`
	Digest         string `json:"digest,omitempty"`
	ExpectedDigest string `json:"expectedDigest,omitempty"`
	Dev            uint64 `json:"dev,omitempty"`
	Ino            uint64 `json:"ino,omitempty"`
	Mode           uint32 `json:"mode,omitempty"`
	Origin         string `json:"origin,omitempty"`
	Fileless       bool   `json:"fileless,omitempty"`
	Interpreter    string `json:"interpreter,omitempty"`
	Operation      string `json:"operation,omitempty" doc:"What was done to a file: read, modify, append, create, delete, attributes, move, link, mount; several with +"`
	OtherPath      string `json:"otherPath,omitempty" doc:"The other end of a rename or link; of a mount, what of its source is mounted"`
	DigestBefore   string `json:"digestBefore,omitempty"`
	DigestAfter    string `json:"digestAfter,omitempty"`
	// network
	Protocol       string `json:"protocol,omitempty"`
	Address        string `json:"address,omitempty"`
	Port           uint32 `json:"port,omitempty"`
	Direction      string `json:"direction,omitempty"`
	Domain         int32  `json:"domain,omitempty"`
	SocketType     int32  `json:"socketType,omitempty"`
	SocketProtocol int32  `json:"socketProtocol,omitempty"`
	LocalAddress   string `json:"localAddress,omitempty" doc:"What is bound, or was connected to"`
	LocalPort      uint32 `json:"localPort,omitempty"`
	// dns, beside protocol and address
	Name      string `json:"name,omitempty"`
	QueryType string `json:"queryType,omitempty"`
	Server    string `json:"server,omitempty"`
	Target    string `json:"target,omitempty"`
	Tunnel    string `json:"tunnel,omitempty"`
	// call, and what was done to a file
	Syscall string `json:"syscall,omitempty"`
	Detail  string `json:"detail,omitempty"`
	// dropped
	Count     uint64            `json:"count,omitempty"`
	First     *time.Time        `json:"first,omitempty"`
	Last      *time.Time        `json:"last,omitempty"`
	ByControl map[string]uint64 `json:"byControl,omitempty"`
	Cause     string            `json:"cause,omitempty"`
}

// Workload is where it happened.
type Workload struct {
	Image       string            `json:"image"`
	ImageDigest string            `json:"imageDigest"`
	Claimed     bool              `json:"claimed"`
	Hostname    string            `json:"hostname"`
	Labels      map[string]string `json:"labels"`
}

// Bundle is which policies held.
type Bundle struct {
	Epoch  uint64 `json:"epoch"`
	Number uint64 `json:"number"`
}

// Word gives an enum value as the API says it: VERDICT_DENY is "deny".
func Word(enum fmt.Stringer) string {
	_, word, _ := strings.Cut(enum.String(), "_")
	if word == "UNSPECIFIED" {
		return ""
	}
	return strings.ToLower(word)
}

// Decode reads the whole of a stored event.
func Decode(row store.Event) (View, error) {
	var e eventpb.Event
	if err := proto.Unmarshal(row.Payload, &e); err != nil {
		return View{}, fmt.Errorf("cannot read event %s: %w", row.ID, err)
	}
	v := View{
		ID: row.ID, Seq: row.Seq, Tenant: string(row.Tenant), EnforcerID: row.EnforcerID, Group: row.GroupName,
		BootID: row.BootID, Sequence: uint64(row.Sequence), At: store.Time(row.At),
		ObservedAt: store.Time(row.ObservedAt), ReceivedAt: store.Time(row.ReceivedAt),
		Kind: row.Kind, Verdict: row.Verdict, Mode: Word(e.Mode), Control: row.Control,
		Rule: e.Rule, Policy: e.Policy, Technique: e.Technique, Reason: e.Reason,
		Ancestors: make([]Process, len(e.Ancestors)), Object: object(&e),
		Errno: e.Errno, ErrnoName: errnoNames[e.Errno], Killed: e.Killed, Count: max(e.Count, 1),
		Workload: Workload{
			Image: e.Workload.GetImage(), ImageDigest: e.Workload.GetImageDigest(), Claimed: e.Workload.GetClaimed(),
			Hostname: e.Workload.GetHostname(), Labels: orEmpty(e.Workload.GetLabels()),
		},
		Bundle:     Bundle{e.BundleEpoch, e.BundleNumber},
		Attributes: orEmpty(e.Attributes),
	}
	if row.Item != 0 {
		v.Finding = FindingID(row.Item)
	}
	if e.LastObservedAtNs > 0 {
		t := store.Time(e.LastObservedAtNs)
		v.LastObservedAt = &t
	}
	if e.Process != nil {
		p := process(e.Process)
		v.Process = &p
	}
	for i, p := range e.Ancestors {
		v.Ancestors[i] = process(p)
	}
	return v, nil
}

func process(p *eventpb.Process) Process {
	args := p.Args
	if args == nil {
		args = []string{}
	}
	return Process{
		PID: p.Pid, TID: p.Tid, PPID: p.Ppid, UID: p.Uid, GID: p.Gid, User: p.User, Exe: p.Exe, Comm: p.Comm,
		Args: args, ArgsTruncated: p.ArgsTruncated, Digest: p.Digest, StartTime: p.StartTime,
		Outside: p.Outside, Session: p.Session,
	}
}

func object(e *eventpb.Event) *Object {
	switch o := e.Object.(type) {
	case *eventpb.Event_File:
		f := o.File
		return &Object{
			Type: "file", Path: f.Path, Requested: f.Requested, Digest: f.Digest, ExpectedDigest: f.ExpectedDigest,
			Dev: f.Dev, Ino: f.Ino, Mode: f.Mode, Origin: f.Origin, Fileless: f.Fileless, Interpreter: f.Interpreter,
			Operation: f.Operation, OtherPath: f.OtherPath, DigestBefore: f.DigestBefore, DigestAfter: f.DigestAfter, Detail: f.Detail, Syscall: f.Syscall,
		}
	case *eventpb.Event_Network:
		n := o.Network
		return &Object{
			Type: "network", Protocol: n.Protocol, Address: n.Address, Port: n.Port, Direction: n.Direction,
			Domain: n.Domain, SocketType: n.Type, SocketProtocol: n.SocketProtocol,
			LocalAddress: n.LocalAddress, LocalPort: n.LocalPort,
		}
	case *eventpb.Event_Dns:
		n := o.Dns
		return &Object{Type: "dns", Protocol: n.Protocol, Address: n.Address, Name: n.Name, QueryType: n.Type, Server: n.Server, Target: n.Target, Tunnel: n.Tunnel}
	case *eventpb.Event_Call:
		return &Object{Type: "call", Syscall: o.Call.Syscall, Detail: o.Call.Detail}
	case *eventpb.Event_Dropped:
		d := o.Dropped
		first, last := store.Time(d.FirstNs), store.Time(d.LastNs)
		return &Object{Type: "dropped", Count: d.Count, First: &first, Last: &last, ByControl: d.ByControl, Cause: d.Reason}
	}
	return nil
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// Subject names in a few words what was acted upon.
func (v View) Subject() string {
	o := v.Object
	if o == nil {
		return ""
	}
	switch o.Type {
	case "file":
		if o.Path != "" {
			return o.Path
		}
		return o.Requested
	case "network":
		if o.Address == "" && o.LocalAddress != "" {
			return fmt.Sprintf("%s %s port %d", o.Protocol, o.LocalAddress, o.LocalPort)
		}
		if o.Port != 0 {
			return fmt.Sprintf("%s %s port %d", o.Protocol, o.Address, o.Port)
		}
		return strings.TrimSpace(o.Protocol + " " + o.Address)
	case "dns":
		return strings.TrimSpace(o.QueryType + " " + o.Name)
	case "call":
		return strings.TrimSpace(o.Syscall + " " + o.Detail)
	}
	return fmt.Sprintf("%d events", o.Count)
}
