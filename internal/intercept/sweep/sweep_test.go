package sweep

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/intercept/notify"
)

// tree is a Tree made of values. Whoever is not listed is gone: a test must
// never touch another process of the machine.
type tree struct {
	first   int
	below   []int
	outside []int
	tasks   int
}

func (t *tree) PID() int     { return t.first }
func (t *tree) Marked() bool { return true }
func (t *tree) CanKill() bool {
	return true
}
func (t *tree) Tasks() int                              { return t.tasks }
func (t *tree) Privileged(_ int, fn func() error) error { return fn() }
func (t *tree) Standings(pids []int, out []notify.Standing) {
	for i, pid := range pids {
		switch {
		case pid == t.first || slices.Contains(t.below, pid):
			out[i] = notify.Below
		case slices.Contains(t.outside, pid):
			out[i] = notify.Outside
		default:
			out[i] = notify.Gone
		}
	}
}

type judge struct {
	wants    Wants
	sessions []action.Session
	crowds   []action.Crowd
	kill     bool
}

func (j *judge) Wanted() Wants { return j.wants }
func (j *judge) Session(a *action.Session) intercept.Answer {
	j.sessions = append(j.sessions, *a)
	return intercept.Answer{Kill: j.kill}
}
func (j *judge) Crowd(a *action.Crowd) intercept.Answer {
	j.crowds = append(j.crowds, *a)
	return intercept.Answer{Kill: j.kill}
}

// sleeper starts a process that stays, and tells of its end.
func sleeper(t *testing.T, args ...string) (pid int, ended <-chan struct{}) {
	t.Helper()
	cmd := exec.Command("sleep", append(args, "60")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-done })
	return cmd.Process.Pid, done
}

// within makes a Sweeper that takes itself for the first process of a
// container.
func within(t *testing.T, j *judge, tr *tree) *Sweeper {
	t.Helper()
	s, err := New(Config{Judge: j, Tree: tr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	s.here = true
	return s
}

func TestVisitorsAreJudged(t *testing.T) {
	for _, kill := range []bool{false, true} {
		inside, _ := sleeper(t)
		outsider, ended := sleeper(t)
		j := &judge{wants: Wants{Sessions: true, Policy: 1}, kill: kill}
		s := within(t, j, &tree{first: inside, outside: []int{outsider}})
		for range 30 {
			s.Look(time.Now())
			time.Sleep(time.Millisecond)
		}
		if len(j.sessions) != 1 {
			t.Fatalf("%d questions: %+v", len(j.sessions), j.sessions)
		}
		a := j.sessions[0]
		if a.Proc.PID != outsider || !a.First || a.Root != outsider || filepath.Base(a.Path) != "sleep" && !strings.Contains(a.Path, "coreutils") && !strings.Contains(a.Path, "busybox") || len(a.Args) < 2 || a.Unverified || a.IDs == nil {
			t.Errorf("%+v", a)
		}
		select {
		case <-ended:
			if !kill {
				t.Error("an allowed visitor was ended")
			}
		case <-time.After(2 * time.Second):
			if kill {
				t.Error("a denied visitor lives")
			}
		}
		if kill {
			continue
		}
		// Another policy: it is asked again, and only then.
		s.Look(time.Now())
		j.wants.Policy, j.kill = 2, true
		s.Look(time.Now())
		if len(j.sessions) != 2 || !j.sessions[1].First {
			t.Errorf("after a change of policy: %+v", j.sessions)
		}
		<-ended
	}
}

func TestNobodyIsAVisitorOutsideAContainer(t *testing.T) {
	p, _ := sleeper(t)
	j := &judge{wants: Wants{Sessions: true}, kill: true}
	s := within(t, j, &tree{first: 1, outside: []int{p}})
	s.here = false
	s.Look(time.Now())
	if len(j.sessions) != 0 {
		t.Errorf("%+v", j.sessions)
	}
	if here, _ := s.inContainer(); here {
		t.Error("a test takes itself for the first process of a container")
	}
}

// Most of a crowd that descends from one new process ends with it; others stay.
func TestThin(t *testing.T) {
	s := within(t, &judge{wants: Wants{MaxTasks: 10}}, &tree{first: 100})
	now := uint64(1_000_000)
	var all []one
	add := func(pid, ppid int, age uint64) {
		all = append(all, one{pid: pid, ppid: ppid, threads: 1, start: now - age})
	}
	add(100, s.self, 90_000)
	add(101, 100, 80_000) // a worker
	add(102, 101, 5)      // its new child
	add(200, 100, 300)    // the bomb
	for i := range 20 {
		add(201+i, 200+i/2, 100)
	}
	got := s.family(all, len(all), now)
	for _, p := range all {
		if want := p.pid >= 200; got[p.pid] != want {
			t.Errorf("process %d: %v, want %v", p.pid, got[p.pid], want)
		}
	}
	// Orphans, as a bomb leaves whose parents end at once.
	all = nil
	add(100, s.self, 90_000)
	add(101, 100, 10)
	for i := range 20 {
		add(300+i, s.self, 10)
	}
	got = s.family(all, len(all), now)
	for _, p := range all {
		if want := p.pid >= 300; got[p.pid] != want {
			t.Errorf("orphan %d: %v, want %v", p.pid, got[p.pid], want)
		}
	}
	// An old process with many new children: no family.
	all = nil
	add(100, s.self, 90_000)
	add(150, 100, 80_000)
	for i := range 20 {
		add(300+i, 150, 10)
	}
	if got = s.family(all, len(all), now); len(got) != 0 {
		t.Errorf("an old parent: %v", got)
	}
}

func TestCrowdIsJudged(t *testing.T) {
	first, _ := sleeper(t)
	second, ended := sleeper(t)
	j := &judge{wants: Wants{MaxTasks: 1, Policy: 1}, kill: true}
	s := within(t, j, &tree{first: first, below: []int{second}, tasks: 5})
	for range 50 {
		s.Look(time.Now())
		time.Sleep(2 * time.Millisecond)
	}
	<-ended
	if len(j.crowds) == 0 || j.crowds[0].Tasks != 2 || j.crowds[0].Proc.PID != second {
		t.Errorf("%+v", j.crowds)
	}
	if syscall.Kill(first, 0) != nil {
		t.Error("the workload's first process was ended")
	}
}

func TestTransparent(t *testing.T) {
	s := &Sweeper{cfg: Config{Probe: []string{"curl", "-f", "http://localhost/"}}}
	for args, want := range map[string][2]bool{ // transparent, probe
		"microenforcer status":      {true, false},
		"microenforcer version":     {true, false},
		"limpet-child":              {true, false},
		"microenforcer run -- sh":   {false, false},
		"microenforcer":             {false, false},
		"":                          {false, false},
		"microenforcer install /x":  {false, false},
		"microenforcer healthcheck": {true, false},
		"microenforcer healthcheck -- curl -f http://localhost/":              {true, true},
		"microenforcer healthcheck --policy /x -- curl -f http://localhost/":  {true, false},
		"microenforcer healthcheck --mode audit -- curl -f http://localhost/": {true, false},
		"microenforcer healthcheck -- curl -f http://localhost/ more":         {true, false},
		"microenforcer run -- curl -f http://localhost/":                      {false, false},
	} {
		list := strings.Fields(args)
		if got := [2]bool{transparent(list), len(list) > 1 && s.isProbe(list)}; got != want {
			t.Errorf("%q: %v, want %v", args, got, want)
		}
	}
}

// Nothing stays behind, and an end that comes early is obeyed.
func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := New(Config{Judge: &judge{}, Tree: &tree{first: os.Getpid()}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	time.Sleep(20 * time.Millisecond)
	cancel()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("it goes on")
	}
}
