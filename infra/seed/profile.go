package seed

import (
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// part is what the learning enforcer hands in: half a day of an importer that
// reads a database and writes to a bucket.
type part struct {
	mu   sync.Mutex
	next *wirepb.PushProfileRequest
}

func newPart() *part {
	now := time.Now()
	ns := func(ago time.Duration) int64 { return now.Add(-ago).UnixNano() }
	item := func(i *wirepb.ProfileItem, count uint64, first time.Duration) *wirepb.ProfileItem {
		i.Count, i.FirstNs, i.LastNs, i.FirstTime = count, ns(first), ns(time.Minute), true
		if i.Uid == 0 {
			i.Uid = 1000
		}
		return i
	}
	const py, sh = "/usr/bin/python3.12", "/bin/dash"
	p := &wirepb.PushProfileRequest{Sequence: 1, FromNs: ns(13 * time.Hour), UntilNs: ns(time.Minute), MaxTasks: 23, Dropped: 3}
	p.Items = []*wirepb.ProfileItem{
		item(&wirepb.ProfileItem{Kind: "exec", Exe: "/usr/bin/dumb-init", Path: py, Digest: digest(py), Origin: "image"}, 26, 13*time.Hour),
		item(&wirepb.ProfileItem{Kind: "exec", Exe: py, Path: sh, Digest: digest(sh), Origin: "image"}, 310, 13*time.Hour),
		item(&wirepb.ProfileItem{Kind: "exec", Exe: sh, Path: "/usr/bin/gzip", Digest: digest("gzip"), Origin: "image"}, 155, 12*time.Hour),
		item(&wirepb.ProfileItem{Kind: "exec", Exe: sh, Path: "/opt/importer/hooks/*.sh", Origin: "image", Interpreter: sh}, 52, 12*time.Hour),
		item(&wirepb.ProfileItem{Kind: "exec", Exe: py, Path: "/tmp/tmp*/helper", Digest: digest("helper"), Origin: "drifted"}, 1, 20*time.Minute),
		item(&wirepb.ProfileItem{Kind: "connect", Exe: py, Protocol: "tcp", Address: "10.20.7.11", Port: 5432, Name: "orders.internal.example.com"}, 1840, 13*time.Hour),
		item(&wirepb.ProfileItem{Kind: "connect", Exe: py, Protocol: "tcp", Address: "203.0.113.20", Port: 443, Name: "bucket.objects.example.com"}, 412, 13*time.Hour),
		item(&wirepb.ProfileItem{Kind: "connect", Exe: py, Protocol: "udp", Address: "10.20.0.2", Port: 53}, 977, 13*time.Hour),
		item(&wirepb.ProfileItem{Kind: "connect", Exe: py, Protocol: "unix", Path: "/run/postgresql/.s.PGSQL.5432"}, 4, 6*time.Hour),
		item(&wirepb.ProfileItem{Kind: "listen", Exe: py, Protocol: "tcp", Address: "0.0.0.0", Port: 9102}, 13, 13*time.Hour),
		item(&wirepb.ProfileItem{Kind: "socket", Exe: py, Domain: 2, Type: 1, SocketProtocol: 6}, 2300, 13*time.Hour),
		item(&wirepb.ProfileItem{Kind: "socket", Exe: py, Domain: 16, Type: 3}, 26, 13*time.Hour),
		item(&wirepb.ProfileItem{Kind: "privilege", Exe: "/usr/sbin/cron", Uid: 33, Call: "setresuid", Detail: "uid 1000", Family: "identity", ToUid: 1000, ToGid: -1}, 13, 13*time.Hour),
		item(&wirepb.ProfileItem{Kind: "file", Exe: py, Call: "create", Path: "/var/lib/importer/*.parquet"}, 155, 12*time.Hour),
		item(&wirepb.ProfileItem{Kind: "file", Exe: py, Call: "modify", Path: "/var/lib/importer/state.db"}, 620, 12*time.Hour),
	}
	return &part{next: p}
}

func (p *part) Delta() *wirepb.PushProfileRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

func (p *part) Acked(uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = nil
}

func (p *part) Refused() { p.Acked(0) }
