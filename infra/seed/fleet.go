package seed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/policy/platform"
	"github.com/limpet-security/limpet/internal/uplink"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// member is one enforcer that is played.
type member struct {
	group, host, image string
	platform           string // of package platform
	kernel, arch       string
	ended              bool // its workload has ended
	behind             bool // it holds an older bundle
}

const (
	nginx   = "registry.example.com/shop/nginx:1.27"
	java    = "registry.example.com/payments/gateway:4.2.1"
	python  = "registry.example.com/data/importer:2026.11"
	haproxy = "registry.example.com/edge/haproxy:3.0"
)

var members = []member{
	{group: "shop-web", host: "shop-web-7d9f-x2k4p", image: nginx, platform: "docker", kernel: "6.18.5", arch: "amd64"},
	{group: "shop-web", host: "shop-web-7d9f-qq8zl", image: nginx, platform: "docker", kernel: "6.18.5", arch: "arm64"},
	{group: "shop-web", host: "ip-10-20-4-17.eu-central-1.compute.internal", image: nginx, platform: "fargate", kernel: "5.10.245-241.976.amzn2.x86_64", arch: "amd64", behind: true},
	{group: "payments", host: "payments-gateway-0", image: java, platform: "fargate", kernel: "5.10.245-241.976.amzn2.x86_64", arch: "amd64"},
	{group: "payments", host: "payments-gateway-1", image: java, platform: "aci", kernel: "6.6.96.1-azl3", arch: "amd64"},
	{group: "batch-jobs", host: "importer-29384", image: python, platform: "docker", kernel: "6.12.48", arch: "amd64"},
	{group: "batch-jobs", host: "importer-29383", image: python, platform: "docker", kernel: "6.12.48", arch: "amd64", ended: true},
	{group: "edge-proxy", host: "edge-proxy-00012-vax", image: haproxy, platform: "gvisor", kernel: "4.4.0", arch: "amd64"},
	{group: "edge-proxy", host: "edge-proxy-aci", image: haproxy, platform: "watch", kernel: "5.15.153.1", arch: "amd64"},
}

// fleet holds the enforcers that are played.
type fleet struct {
	tasks sync.WaitGroup
	links map[string]*uplink.Uplink // by host
}

func (s *seeder) enforcers(ctx context.Context) (*fleet, error) {
	f := &fleet{links: map[string]*uplink.Uplink{}}
	enrolled := make(chan struct{}, len(members))
	for i := range members {
		m := &members[i]
		token, err := s.joinToken(ctx, m.group)
		if err != nil {
			return nil, err
		}
		a := &actor{member: m, controls: s.truth(ctx, m)}
		c := uplink.Config{
			Gateway: s.Gateway, CAPEM: s.ca, Token: token, Kind: "micro", Version: "0.1.0", Hostname: m.host, Arch: m.arch, Kernel: m.kernel, Rung: a.rung(),
			Workload: m.workload(), OnEnrolled: a.enrolled(enrolled), OnBundle: a.take, Status: a.status,
		}
		if m.group == "batch-jobs" && !m.ended {
			c.Profile = newPart()
		}
		u, err := uplink.New(c)
		if err != nil {
			return nil, err
		}
		f.links[m.host] = u
		f.tasks.Go(func() { _ = u.Run(ctx) })
	}
	limit := time.After(patience)
	for range members {
		select {
		case <-enrolled:
		case <-limit:
			return nil, errors.New("not every enforcer could enrol")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := f.report(); err != nil {
		return nil, err
	}
	return f, f.settle(ctx)
}

// settle waits until all that was recorded is committed, and the profile too.
func (f *fleet) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, u := range f.links {
		for s := u.Stats(); s.Acked+s.Dropped < s.Generated; s = u.Stats() {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return fmt.Errorf("events are not committed: %+v", s)
			}
		}
	}
	return nil
}

func (m *member) workload() *eventpb.Workload {
	return &eventpb.Workload{Image: m.image, ImageDigest: digests()[m.image], Claimed: m.platform == "watch", Hostname: m.host, Labels: map[string]string{"region": "eu-central-1"}}
}

// truth gives what such an enforcer says of each control of its group.
func (s *seeder) truth(ctx context.Context, m *member) []*wirepb.ControlStatus {
	var effective struct {
		Items []struct {
			Control string      `json:"control"`
			Mode    policy.Mode `json:"mode"`
		} `json:"items"`
	}
	_, _ = s.api.Do(ctx, "GET", "/groups/"+m.group+"/effective", "", nil, &effective)
	modes := map[string]policy.Mode{string(policy.SelfProtection): policy.Enforce}
	for _, e := range effective.Items {
		modes[e.Control] = e.Mode
	}
	var out []*wirepb.ControlStatus
	at := slices.IndexFunc(platform.Known().Platforms, func(p platform.Platform) bool { return p.ID == m.platform })
	for _, row := range platform.Known().Controls {
		c := &wirepb.ControlStatus{Control: string(row.Control), State: "off"}
		switch cell := row.On[at]; modes[c.Control] {
		case policy.Enforce:
			c.State, c.Reason = cell.Enforce, cell.Why
		case policy.Audit:
			c.State, c.Reason = cell.Audit, cell.WhyAudit
		}
		if c.State == "unavailable" {
			c.Errno = 1
		}
		out = append(out, c)
	}
	return out
}

// actor answers for one enforcer.
type actor struct {
	*member
	controls []*wirepb.ControlStatus
	mu       sync.Mutex
	keys     uplink.Enrolled
	number   atomic.Uint64
	epoch    atomic.Uint64
}

func (a *actor) rung() string {
	for _, p := range platform.Known().Platforms {
		if p.ID == a.platform {
			return p.Rung
		}
	}
	return ""
}

func (a *actor) enrolled(told chan<- struct{}) func(uplink.Enrolled) {
	return func(e uplink.Enrolled) {
		a.mu.Lock()
		a.keys = e
		a.mu.Unlock()
		told <- struct{}{}
	}
}

// take accepts a bundle as enforcers do.
func (a *actor) take(data []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := bundle.Verify(data, a.keys.BundleKeys)
	if err != nil {
		return err
	}
	a.epoch.Store(b.Epoch)
	a.number.Store(b.Number)
	if a.behind {
		a.number.Store(max(b.Number, 2) - 1)
	}
	return nil
}

func (a *actor) status() *wirepb.HeartbeatRequest {
	facilities := map[string]string{}
	for _, name := range []string{"no_new_privs", "seccomp_listener", "notify_continue", "notify_addfd", "notify_addfd_send", "notify_wait_killable",
		"notify_sync_wake_up", "ptrace_seize", "proc_mem", "process_vm_readv", "other_uid", "landlock_signal_scope", "landlock_tcp", "seccomp_trace"} {
		facilities[name] = "ok"
	}
	without := map[string][]string{
		"fargate": {"notify_wait_killable", "notify_sync_wake_up", "notify_addfd_send", "landlock_signal_scope", "landlock_tcp"},
		"aci":     {"ptrace_seize", "process_vm_readv", "other_uid"},
		"gvisor":  {"seccomp_listener", "notify_continue", "notify_addfd", "notify_addfd_send", "notify_wait_killable", "notify_sync_wake_up", "landlock_signal_scope", "landlock_tcp"},
	}
	without["watch"] = append(slices.Clone(without["gvisor"]), without["aci"]...)
	for _, name := range without[a.platform] {
		facilities[name] = "operation not permitted"
	}
	return &wirepb.HeartbeatRequest{
		Controls: a.controls, BundleEpoch: a.epoch.Load(), BundleNumber: a.number.Load(), Tasks: 7, Stopping: a.ended, Facilities: facilities, Workload: a.workload(),
	}
}
