package controlplane

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/uplink"
)

// process is a server in a process of its own.
type process struct {
	Started
	cmd *exec.Cmd
}

func spawn(t testing.TB, c Config) *process {
	t.Helper()
	spec, err := json.Marshal(map[string]any{
		"Data": c.Data, "Listen": c.Listen, "GatewayListen": c.GatewayListen, "Names": []string{"127.0.0.1"}, "Version": "test", "Database": c.Database, "ScanWorkers": c.ScanWorkers, "ScanLease": c.ScanLease,
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveEnv+"="+string(spec))
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("server did not start: %v", err)
	}
	if err := json.Unmarshal(line, &p.Started); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
}

// TestKillLosesNoAckedEvent kills the server with SIGKILL in the middle of a
// stream of events, several times. Every event that was acknowledged must be
// there after the restart, and none twice although unacknowledged ones are
// sent again.
func TestKillLosesNoAckedEvent(t *testing.T) { killTest(t, "") }

func killTest(t *testing.T, database string) {
	c := Config{Data: t.TempDir(), Listen: freeAddr(t), GatewayListen: freeAddr(t), Database: database}
	server := spawn(t, c)
	admin := administrator(t, c.Data, database, server.Console)
	token := joinToken(t, admin, "web")
	roots := ca(t, c.Data)

	const senders, kills = 4, 4
	type sender struct {
		*enforcer
		boot  string
		acked uint64 // highest acknowledged
	}
	all := make([]*sender, senders)
	for i := range all {
		all[i] = &sender{enforcer: enroll(t, server.Gateway, roots, token), boot: uuid.NewString()}
	}
	stop := make(chan struct{})
	var sending sync.WaitGroup
	for i, s := range all {
		sending.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				last := s.acked + uint64(20+30*i)
				ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
				ack, err := s.PushEvents(ctx, batch(s.boot, s.acked+1, last))
				cancel()
				if err != nil {
					time.Sleep(20 * time.Millisecond) // the server is dead; the same again later
					continue
				}
				s.acked = ack.AckedSequence
			}
		})
	}
	for n := range kills {
		time.Sleep(time.Duration(400+137*n) * time.Millisecond)
		server.kill()
		server = spawn(t, c)
	}
	time.Sleep(300 * time.Millisecond)
	server.kill()
	close(stop)
	sending.Wait()

	spawn(t, c)
	total := uint64(0)
	for _, s := range all {
		got := sequences(t, admin, s.id)
		for n := uint64(1); n <= s.acked; n++ {
			if got[n] != 1 {
				t.Fatalf("event %d was acknowledged and is stored %d times", n, got[n])
			}
		}
		for n, count := range got {
			if count != 1 {
				t.Errorf("event %d is stored %d times", n, count)
			}
		}
		if s.acked == 0 {
			t.Error("nothing was acknowledged: the test shows nothing")
		}
		total += s.acked
	}
	t.Logf("%d events acknowledged over %d kills, none lost", total, kills+1)
}

// TestUplinkSurvivesKill does the same with the enforcer's own end of the
// line: what it spooled while the server was dead arrives, once.
func TestUplinkSurvivesKill(t *testing.T) {
	c := Config{Data: t.TempDir(), Listen: freeAddr(t), GatewayListen: freeAddr(t)}
	server := spawn(t, c)
	admin := administrator(t, c.Data, "", server.Console)
	u, id := linked(t, server, admin, "", uplink.Limits{})
	const events = 1500
	for n := range events {
		if n == 500 {
			server.kill()
		}
		if n == 1000 {
			server = spawn(t, c)
		}
		m := batch(u.BootID(), 1, 1).Events[0]
		m.Sequence, m.Kind = 0, eventpb.Kind_KIND_EXEC
		u.Record(m)
		if n%10 == 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
	flush, done := context.WithTimeout(t.Context(), 60*time.Second)
	defer done()
	if err := u.Flush(flush); err != nil {
		t.Fatalf("not everything arrived: %v (%+v)", err, u.Stats())
	}
	got := sequences(t, admin, id)
	if len(got) != events {
		t.Errorf("%d of %d events arrived; %+v", len(got), events, u.Stats())
	}
	for n, count := range got {
		if count != 1 {
			t.Errorf("event %d is stored %d times", n, count)
		}
	}
}
