//go:build docker

package microenforcer_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// enter is docker exec.
func enter(t testing.TB, c, user string, command ...string) (out string, code int) {
	t.Helper()
	args := []string{"exec"}
	if user != "" {
		args = append(args, "-u", user)
	}
	cmd := exec.Command("docker", append(append(args, c), command...)...)
	b, _ := cmd.CombinedOutput()
	return string(b), cmd.ProcessState.ExitCode()
}

// eventsSoFar gives the events of a container so far. Equal ones are counted and
// told when their window closes, so a test that counts waits for that.
func eventsSoFar(t testing.TB, c string) result {
	t.Helper()
	var r result
	cmd := exec.Command("docker", "logs", c)
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	r.out = string(b)
	r.events = parseEvents(t, r.out)
	return r
}

// awaitEvents waits until a control has reported so much.
func awaitEvents(t testing.TB, c, control string, least int) []*eventpb.Event {
	t.Helper()
	var r result
	for range 600 {
		r = eventsSoFar(t, c)
		if events := r.of(control); len(events) >= least {
			return events
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("fewer than %d events of %s\n%s", least, control, r.brief())
	return nil
}

var sessionShapes = []shape{
	{name: "default"},
	{name: "SYS_PTRACE", flags: []string{"--cap-add", "SYS_PTRACE"}},
	{name: "docker init", flags: []string{"--init"}},
	{name: "uid 1000", flags: []string{"--user", "1000:1000"}},
}

// What comes from outside is reported in audit mode and ended in enforce
// mode, as root and as another user, whatever the enforcer's own rights.
func TestDockerSessions(t *testing.T) {
	buildImages(t)
	for _, s := range sessionShapes {
		for _, mode := range []string{"audit", "enforce"} {
			t.Run(s.name+", "+mode, func(t *testing.T) {
				t.Parallel()
				p := newPolicy(t, "    execSessions: {mode: "+mode+", allowedProcesses: [/tmp/apt-get]}\n    deniedExecutables: {mode: "+mode+", paths: [/tmp/other]}\n")
				c := detached(t, s.flags, p, "/tmp/attack", "sleep", "300s")
				for _, user := range []string{"0", "1000"} {
					may := s.name != "uid 1000" || user == "1000" // be ended by the enforcer
					out, code := enter(t, c, user, "sh", "-c", "/tmp/attack sleep 700ms; echo got-through")
					if through := strings.Contains(out, "got-through"); through != (mode == "audit" || !may) || !through && code != 137 {
						t.Errorf("user %s: code %d, %q", user, code, out)
					}
					// An allowed program, and a denied one that it starts.
					out, _ = enter(t, c, user, "/tmp/apt-get", "each", "echo", "allowed-ran", ";", "child", "/tmp/other", "sleep", "700ms", ";", "echo", "still-there")
					if !strings.Contains(out, "allowed-ran") || !strings.Contains(out, "still-there") {
						t.Errorf("user %s: an allowed session: %q", user, out)
					}
					if strings.Contains(out, "worked sleep") != (mode == "audit" || !may) {
						t.Errorf("user %s: a denied program in a session: %q", user, out)
					}
				}
				want := eventpb.Verdict_VERDICT_AUDIT
				for _, control := range []string{"execSessions", "deniedExecutables"} {
					least := 2
					if s.name == "uid 1000" && control == "deniedExecutables" {
						least = 1 // what root runs cannot be looked at
					}
					for _, e := range awaitEvents(t, c, control, least) {
						if s.name == "uid 1000" && e.Process.Uid == 0 {
							if e.Rule == "session" || e.Killed || e.Attributes["not_stopped"] == "" {
								t.Errorf("root's session, which the enforcer cannot look into: %v", e)
							}
							continue
						}
						want = eventpb.Verdict_VERDICT_AUDIT
						if mode == "enforce" && (s.name != "uid 1000" || e.Process.Uid == 1000) {
							want = eventpb.Verdict_VERDICT_DENY
						}
						checkEvent(t, e, want)
						if !e.Process.Outside || e.Process.Session == 0 || e.Killed != (want == eventpb.Verdict_VERDICT_DENY) || e.Technique == "" {
							t.Errorf("%v", e)
						}
						if control == "deniedExecutables" && (len(e.Ancestors) == 0 || e.Ancestors[0].Exe == "") {
							t.Errorf("no ancestors: %v", e)
						}
					}
				}
				status, _ := docker(t, "exec", c, "/.limpet/microenforcer", "status")
				status = strings.Join(strings.Fields(status), " ")
				state := map[string]string{"audit": "execSessions audit", "enforce": "execSessions enforced"}[mode]
				if s.name == "uid 1000" && mode == "enforce" {
					state = "execSessions audit without CAP_KILL"
				}
				if !strings.Contains(status, state) {
					t.Errorf("status lacks %q: %s", state, status)
				}
				must(t, "kill", c)
			})
		}
	}
}

// A session that does as if it were of the workload is found all the same,
// and so is what it leaves behind.
func TestDockerSessionInDisguise(t *testing.T) {
	buildImages(t)
	p := newPolicy(t, "    execSessions: {mode: enforce}\n")
	for _, flags := range [][]string{nil, {"--init"}} {
		c := detached(t, flags, p, "/tmp/attack", "sleep", "301s")
		for range 5 {
			enter(t, c, "0", "/tmp/attack", "disguise", "sleep", "302s")
		}
		time.Sleep(500 * time.Millisecond)
		if out := must(t, "top", c, "-eo", "pid,args"); strings.Contains(out, "302s") || !strings.Contains(out, "301s") {
			t.Errorf("%v: %s", flags, out)
		}
		awaitEvents(t, c, "execSessions", 1)
		must(t, "kill", c)
	}
}

// The image's own health check is part of the workload, and so are questions
// to the enforcer; the enforcer's name is no way in.
func TestDockerSessionsOfTheEnforcer(t *testing.T) {
	buildImages(t)
	p := newPolicy(t, "    execSessions: {mode: enforce}\n")
	loose := writePolicy(t, filepath.Join(t.TempDir(), "loose.yaml"), quietPolicy)
	config := filepath.Join(t.TempDir(), "config.json")
	writeFile(t, config, `{"version":1,"onNoPolicy":"audit","healthCheck":["/tmp/attack","sleep","300ms"]}`)
	c := detached(t, []string{"-v", config + ":/.limpet/config.json:ro", "-v", loose + ":/loose.yaml:ro"}, p, "/tmp/attack", "sleep", "300s")
	for range 3 {
		if out, code := enter(t, c, "", "/.limpet/microenforcer", "healthcheck", "--", "/tmp/attack", "sleep", "300ms"); code != 0 || !strings.Contains(out, "worked sleep") {
			t.Errorf("health check: %d %s", code, out)
		}
		if out, code := enter(t, c, "", "/.limpet/microenforcer", "status"); code != 0 || !strings.Contains(out, "execSessions") {
			t.Errorf("status: %d %s", code, out)
		}
	}
	r := eventsSoFar(t, c)
	for _, e := range r.of("execSessions") {
		// On a busy machine a question may be over before it was looked at.
		if e.Killed || e.Attributes["not_stopped"] != "it had ended when it was found" {
			t.Error(r.brief())
		}
	}
	for _, command := range [][]string{
		{"/.limpet/microenforcer", "healthcheck", "--policy", "/loose.yaml", "--", "/tmp/attack", "sleep", "5s"},
		{"/.limpet/microenforcer", "run", "--policy", "/loose.yaml", "--", "/tmp/attack", "sleep", "6s"},
	} {
		began := time.Now()
		out, _ := enter(t, c, "", command...)
		if strings.Contains(out, "worked sleep") || time.Since(began) > 4*time.Second {
			t.Errorf("%v: %s", command, out)
		}
	}
	awaitEvents(t, c, "execSessions", 2)
	must(t, "kill", c)
}

// S7: how long a program from outside lives before it is ended: 25 sessions of
// each user, 100 in `make soak`. The figures are printed; the bound leaves room
// for a busy machine.
func TestDockerSessionLatency(t *testing.T) {
	buildImages(t)
	p := newPolicy(t, "    execSessions: {mode: enforce}\n")
	sessions := 25
	if os.Getenv("LIMPET_SOAK") != "" {
		sessions = 100
	}
	for _, user := range []string{"0", "1000"} {
		c := detached(t, nil, p, "/tmp/attack", "sleep", "600s")
		var lives []time.Duration
		for range sessions {
			out, code := enter(t, c, user, "/tmp/attack", "beat")
			if code != 137 {
				t.Fatalf("code %d: %.300s", code, out)
			}
			var us int64
			lines := strings.Split(strings.TrimSpace(out), "\n")
			fmt.Sscanf(lines[len(lines)-1], "alive %d", &us)
			lives = append(lives, time.Duration(us)*time.Microsecond)
		}
		slices.Sort(lives)
		t.Logf("user %s: life of a session that is denied: median %v, p90 %v, p99 %v, longest of %d %v", user, lives[len(lives)/2], lives[len(lives)*9/10], lives[len(lives)*99/100], len(lives), lives[len(lives)-1])
		if lives[len(lives)*9/10] > 100*time.Millisecond {
			t.Errorf("user %s: %v", user, lives)
		}
		must(t, "kill", c)
	}
}

// A limit that is watched is what a bomb of processes comes down to again, without
// a notified fork, and the workload is left alone; one of threads is refused at
// once.
func TestDockerWatchedLimit(t *testing.T) {
	buildImages(t)
	for _, s := range []shape{{name: "default"}, {name: "uid 1000", flags: []string{"--user", "1000:1000"}}, {name: "docker init", flags: []string{"--init"}}} {
		for _, mode := range []string{"audit", "enforce"} {
			t.Run(s.name+", "+mode, func(t *testing.T) {
				const limit = 120
				p := newPolicy(t, fmt.Sprintf("    processLimit: {mode: %s, maxTasks: %d, maxDepth: 30, watch: true}\n", mode, limit))
				c := detached(t, append([]string{"--pids-limit", "600"}, s.flags...), p, "sh", "-c", "(sleep 1; exec /tmp/attack bomb 12) & exec /tmp/attack sleep 300s")
				time.Sleep(2500 * time.Millisecond)
				tasks := 0
				for range 200 { // a second to recover on a quiet machine
					out := must(t, "top", c, "-eo", "nlwp,pid,args")
					if !strings.Contains(out, "sleep 300s") {
						t.Fatalf("the workload is gone: %s", out)
					}
					if tasks = tasksOf(out); tasks <= limit || mode == "audit" {
						break
					}
					time.Sleep(100 * time.Millisecond)
				}
				// Whose threads are refused may stay, as long as all of them together do.
				if (tasks <= limit) != (mode == "enforce") {
					t.Errorf("the workload has %d processes and threads", tasks)
				}
				want := map[string]eventpb.Verdict{"audit": eventpb.Verdict_VERDICT_AUDIT, "enforce": eventpb.Verdict_VERDICT_DENY}[mode]
				for _, e := range awaitEvents(t, c, "processLimit", 1) {
					if e.Verdict != want || e.Rule != "maxTasks" || e.Process.Pid == 0 || (e.Killed || e.Errno == 11) != (mode == "enforce") {
						t.Errorf("%v", e)
					}
				}
				exec.Command("docker", "kill", c).Run()
				r := container(t, scratchImage, s, p, nil, "/tmp/attack", "threads", "200")
				if r.has("threads 200") != (mode == "audit") || len(r.of("processLimit")) == 0 {
					t.Errorf("threads: %.3000s", r.brief())
				}
			})
		}
	}
}

// tasksOf counts the workload's threads in what "docker top -eo nlwp,..." says.
func tasksOf(top string) (n int) {
	for line := range strings.Lines(top) {
		threads := 0
		if _, err := fmt.Sscan(line, &threads); err == nil && !strings.Contains(line, "microenforcer run") {
			n += threads
		}
	}
	return n
}

// maxDepth ends what descends too far, and only that.
func TestDockerDepth(t *testing.T) {
	buildImages(t)
	const long = "300s" // for as long as it takes to be found
	for _, mode := range []string{"audit", "enforce"} {
		p := newPolicy(t, "    processLimit: {mode: "+mode+", maxTasks: 1000, maxDepth: 6, watch: true}\n")
		r := container(t, scratchImage, shape{}, p, nil, "/tmp/attack", "deep", "4", "1s")
		if !r.has("back from the bottom") || len(r.of("processLimit")) > 0 {
			t.Errorf("%s, depth 4: %s", mode, r.brief())
		}
		var told []*eventpb.Event
		if mode == "enforce" {
			r = container(t, scratchImage, shape{}, p, nil, "/tmp/attack", "deep", "9", long)
			if told = r.of("processLimit"); len(told) == 0 || r.has("back from the bottom") || !r.has("killed") {
				t.Errorf("%s, depth 9: %s", mode, r.brief())
			}
		} else {
			c := detached(t, nil, p, "/tmp/attack", "deep", "9", long)
			told = awaitEvents(t, c, "processLimit", 1)
			if out := must(t, "top", c, "-eo", "pid,args"); !strings.Contains(out, "deep 0 "+long) {
				t.Errorf("%s, depth 9: who was only to be reported is gone: %s", mode, out)
			}
			must(t, "kill", c)
		}
		for n, e := range told { // whose parent was ended before it was found has no ancestors
			if e.Rule != "maxDepth" || n == 0 && len(e.Ancestors) == 0 {
				t.Errorf("event %d of %d: %v", n+1, len(told), e)
			}
		}
	}
}
