// Command events is the reporting half of an enforcer, without a kernel under
// it: N refused connections, most of them to another place each, go through the
// loop, its windows, the queue and the uplink to a control plane, as fast as
// that goes. It has the enforcer's own limits of memory.
//
//	LIMPET_JOIN_TOKEN=... events GATEWAY CAFILE N
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/enforcer"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/uplink"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/internal/wire"
)

func main() {
	debug.SetMemoryLimit(32 << 20)
	debug.SetGCPercent(50)
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

const text = `apiVersion: limpet.dev/v1
kind: RuntimePolicy
metadata: {name: events}
spec:
  controls:
    outbound: {mode: enforce, deny: [{cidrs: [10.0.0.0/8]}]}
`

func run(gateway, caFile, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	link, err := uplink.New(uplink.Config{Gateway: gateway, CAPEM: string(ca), Token: os.Getenv("LIMPET_JOIN_TOKEN"), Kind: wire.KindMicro})
	if err != nil {
		return err
	}
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return err
	}
	engine, err := verdict.Compile([]*policy.RuntimePolicy{p}, verdict.Workload{})
	if err != nil {
		return err
	}
	loop, err := enforcer.New(enforcer.Config{Recorder: link}, enforcer.Policies{Engine: engine})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	background.Go(func() { loop.Run(ctx) })
	background.Go(func() { _ = link.Run(ctx) })
	flood(loop, n)
	loop.Flush()
	flush, done := context.WithTimeout(ctx, 5*time.Minute)
	defer done()
	if err := link.Flush(flush); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"violations": loop.Violations(), "link": link.Stats()})
}

// writers is how many ask at once, as callers of a workload do.
const writers = 2

func flood(loop *enforcer.Loop, n int) {
	var asking sync.WaitGroup
	for w := range writers {
		asking.Go(func() {
			proc := action.Process{PID: os.Getpid(), TID: os.Getpid(), PPID: os.Getppid(), Exe: "/bin/sh", Comm: "sh", StartTime: 1}
			for i := w; i < n; i += writers {
				peer := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 24), byte(i >> 16)}), uint16(i))
				if a := loop.Connect(&action.Connect{Proc: &proc, Protocol: action.ProtoTCP, Peer: peer}); a.Errno == 0 {
					fmt.Fprintln(os.Stderr, "allowed:", peer)
					os.Exit(1)
				}
			}
		})
	}
	asking.Wait()
}
