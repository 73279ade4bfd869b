package learn

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/profile"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
	"github.com/limpet-security/limpet/internal/workload"
)

// What is one thing that a workload does, without counts. Paths are patterns
// (package profile). Its JSON is what the database keeps and the API shows.
type What struct {
	Kind           string `json:"kind" enum:"exec,connect,listen,socket,privilege,file,dns"`
	Exe            string `json:"exe,omitempty" doc:"Who acts; for exec the caller"`
	UID            uint32 `json:"uid"`
	Path           string `json:"path,omitempty"`
	Digest         string `json:"digest,omitempty"`
	Origin         string `json:"origin,omitempty"`
	Interpreter    string `json:"interpreter,omitempty"`
	Fileless       bool   `json:"fileless,omitempty"`
	Sockets        bool   `json:"sockets,omitempty" doc:"Started with a connection as standard input or output"`
	Protocol       string `json:"protocol,omitempty"`
	Address        string `json:"address,omitempty"`
	Port           uint32 `json:"port,omitempty"`
	Name           string `json:"name,omitempty"`
	Call           string `json:"call,omitempty"`
	Detail         string `json:"detail,omitempty"`
	Family         string `json:"family,omitempty"`
	ToUID          *int64 `json:"toUid,omitempty"`
	ToGID          *int64 `json:"toGid,omitempty"`
	Domain         int32  `json:"domain,omitempty"`
	Type           int32  `json:"type,omitempty"`
	SocketProtocol int32  `json:"socketProtocol,omitempty"`
}

// Item is a thing that a workload does, and how often.
type Item struct {
	What
	Workload  string    `json:"workload"`
	Count     int64     `json:"count"`
	Starts    int64     `json:"starts" doc:"Starts of the workload in which it was seen"`
	FirstSeen time.Time `json:"firstSeen"`
	LastSeen  time.Time `json:"lastSeen"`
}

// FromWire reads what an enforcer sent.
func FromWire(p *wirepb.ProfileItem) What {
	w := What{
		Kind: p.Kind, Exe: p.Exe, UID: p.Uid, Path: p.Path, Digest: p.Digest, Origin: p.Origin, Interpreter: p.Interpreter,
		Fileless: p.Fileless, Sockets: p.Sockets, Protocol: p.Protocol, Address: p.Address, Port: p.Port, Name: p.Name,
		Call: p.Call, Detail: p.Detail, Family: p.Family, Domain: p.Domain, Type: p.Type, SocketProtocol: p.SocketProtocol,
	}
	if p.Kind == wire.ProfilePrivilege && p.Family == "identity" {
		w.ToUID, w.ToGID = &p.ToUid, &p.ToGid
	}
	return w
}

// Row makes the database's row of a thing.
func (w What) Row() (store.ProfileItem, error) {
	b, err := json.Marshal(w)
	if err != nil {
		return store.ProfileItem{}, fmt.Errorf("cannot write profile item: %w", err)
	}
	sum := sha256.Sum256(b)
	return store.ProfileItem{ItemKey: int64(binary.BigEndian.Uint64(sum[:8]) >> 1), Kind: w.Kind, Body: string(b)}, nil
}

// FromRow reads a row.
func FromRow(r store.ProfileItem) (Item, error) {
	it := Item{Workload: r.Workload, Count: r.N, Starts: r.Starts, FirstSeen: store.Time(r.FirstSeen), LastSeen: store.Time(r.LastSeen)}
	if err := json.Unmarshal([]byte(r.Body), &it.What); err != nil {
		return it, fmt.Errorf("cannot read profile item: %w", err)
	}
	return it, nil
}

// Executable is the program that a thing is about: for exec the one that is
// run, else the one that acts.
func (w What) Executable() string {
	if w.Kind == wire.ProfileExec {
		if w.Path == "" {
			return "(memory)"
		}
		return w.Path
	}
	return w.Exe
}

// Object says in a few words what is acted upon.
func (w What) Object() string {
	switch w.Kind {
	case wire.ProfileExec:
		return "run by " + orUnknown(w.Exe)
	case wire.ProfileConnect, wire.ProfileListen:
		switch {
		case w.Name != "":
			return fmt.Sprintf("%s %s port %d", w.Protocol, w.Name, w.Port)
		case w.Address == "":
			return w.Protocol + " " + w.Path
		}
		return fmt.Sprintf("%s %s port %d", w.Protocol, w.Address, w.Port)
	case wire.ProfileSocket:
		return fmt.Sprintf("socket domain %d type %d protocol %d", w.Domain, w.Type, w.SocketProtocol)
	case wire.ProfileFile:
		return w.Call + " " + w.Path
	case wire.ProfileDNS:
		return strings.TrimSpace("name " + w.Name + " " + w.Detail + " " + w.Address)
	}
	return strings.TrimSpace(w.Call + " " + w.Detail)
}

func orUnknown(s string) string {
	if s == "" {
		return "a program that is not known"
	}
	return s
}

var origins = map[string]action.Origin{
	"image": action.OriginImage, "modified": action.OriginModified, "drifted": action.OriginDrifted,
	"moved": action.OriginMoved, "unreadable": action.OriginUnreadable,
}

var protocols = map[string]action.Protocol{
	"tcp": action.ProtoTCP, "udp": action.ProtoUDP, "icmp": action.ProtoICMP, "unix": action.ProtoUnix, "other": action.ProtoOther,
}

var families = map[string]action.PrivilegeKind{
	"namespace": action.PrivNamespace, "mount": action.PrivMount, "kernel": action.PrivKernel,
	"trace": action.PrivTrace, "identity": action.PrivIdentity, "capability": action.PrivCapability,
}

func (w What) proc() *action.Process {
	return &action.Process{PID: 1, TID: 1, UID: w.UID, Exe: profile.Sample(w.Exe)}
}

// anybody is the far end of a connection whose address was not noted.
var anybody = netip.MustParseAddrPort("192.0.2.1:1")

func (w What) exec() *action.Exec {
	a := &action.Exec{
		Proc: w.proc(), Path: profile.Sample(w.Path), FD: -1, Origin: origins[w.Origin], Fileless: w.Fileless,
		Interpreter: profile.Sample(w.Interpreter), Script: w.Interpreter != "",
		File: action.File{Mode: 0o100755},
	}
	if a.Script && a.Origin != action.OriginUnknown {
		a.InterpOrigin = action.OriginImage // one that is not shows as an item of its own kind: drift names it when it runs
	}
	a.Requested, a.Args = a.Path, []string{a.Path}
	if d, err := workload.ParseDigest(w.Digest); err == nil {
		a.Digest = d
	}
	if w.Sockets {
		a.SocketFDs, a.SocketPeer = 1, anybody
	}
	return a
}

func (w What) connect() (*action.Connect, bool) {
	a := &action.Connect{Proc: w.proc(), Protocol: protocols[w.Protocol], Unix: profile.Sample(w.Path)}
	if a.Protocol != action.ProtoUnix {
		addr, err := netip.ParseAddr(w.Address)
		if err != nil || w.Port > 65535 {
			return nil, false
		}
		if w.Name != "" { // whatever its address is by then
			addr, a.Names = anybody.Addr(), []string{w.Name}
		}
		a.Peer = netip.AddrPortFrom(addr.Unmap(), uint16(w.Port))
	}
	a.Datagram = a.Protocol == action.ProtoUDP
	return a, true
}

func (w What) bind() (*action.Bind, bool) {
	addr, err := netip.ParseAddr(w.Address)
	if err != nil || w.Port == 0 || w.Port > 65535 {
		return nil, false
	}
	return &action.Bind{Proc: w.proc(), Protocol: protocols[w.Protocol], Local: netip.AddrPortFrom(addr, uint16(w.Port)), Listen: true}, true
}

// query is the question for a name, or what an answer holds: Detail is then a
// name that it leads to, or Address one that it gives.
func (w What) query() (*action.Query, bool) {
	q := &action.Query{Proc: w.proc(), Protocol: action.ProtoUDP, Server: netip.AddrPortFrom(anybody.Addr(), 53), Name: w.Name, Target: w.Detail, Type: 1}
	if w.Address != "" {
		addr, err := netip.ParseAddr(w.Address)
		if err != nil {
			return nil, false
		}
		q.Address = addr
	}
	return q, w.Name != ""
}

func (w What) file() *action.FileOp {
	a := &action.FileOp{Proc: w.proc(), Access: action.ParseFileAccess(w.Call), Path: profile.Sample(w.Path), FD: -1}
	if a.Access&action.FileAppend != 0 {
		a.Access |= action.FileModify // an event names the narrower of the two
	}
	return a
}

// unknownGID is the group of a process in a trial: profiles do not hold it, and
// it must not look like the one that was asked for.
const unknownGID = 1<<32 - 2

func (w What) privilege() *action.Privilege {
	a := &action.Privilege{Proc: w.proc(), Kind: families[w.Family], Syscall: w.Call, Detail: w.Detail, ToUID: -1, ToGID: -1}
	a.Proc.GID = unknownGID
	if w.ToUID != nil {
		a.ToUID = *w.ToUID
	}
	if w.ToGID != nil {
		a.ToGID = *w.ToGID
	}
	return a
}
