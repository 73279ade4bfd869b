//go:build kernel

package microenforcer_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// fileCase is an attack on files in /tmp/vault, which everybody may write to.
type fileCase struct {
	name     string
	controls string
	attack   string
	control  string
	rule     string
	worked   string // in audit mode
	denied   string // in enforce mode
}

const (
	noRead  = "    fileRead: {mode: MODE, paths: [/tmp/vault/secret]}\n"
	noWrite = "    fileWrite: {mode: MODE, paths: ['/tmp/vault/**'], except: [/tmp/vault/open]}\n"
	noTouch = "    readOnlyFiles: {mode: MODE, rules: [{name: vault, paths: ['/tmp/vault/**']}]}\n"
	logged  = "    systemTampering: {mode: MODE, ignoreClock: true, logPaths: [/tmp/vault/log]}\n"
	inject  = "    injection: {mode: MODE}\n"
)

var fileCases = []fileCase{
	{"read", noRead, "open r /tmp/vault/secret", "fileRead", "paths[0]", "read hidden", "errno 13"},
	{"read and write", noRead, "open rw /tmp/vault/secret", "fileRead", "paths[0]", "read hidden", "errno 13"},
	{"read by root", noRead, "through root /tmp/vault/secret", "fileRead", "", "read hidden", "errno 13"},
	{"read by cwd", noRead, "through cwd /tmp/vault/secret", "fileRead", "", "read hidden", "errno 13"},
	{"read by dots", noRead, "through dots /tmp/vault/secret", "fileRead", "", "read hidden", "errno 13"},
	{"read by thread", noRead, "through thread /tmp/vault/secret", "fileRead", "", "read hidden", "errno 13"},
	{"read by symlink", noRead, "through link /tmp/vault/secret", "fileRead", "", "read hidden", "errno 13"},
	{"read by descriptor", noRead, "through fd /tmp/vault/secret", "fileRead", "", "read hidden", "errno 13"},
	{"read by folder", noRead, "through dirfd /tmp/vault/secret", "fileRead", "", "read hidden", "errno 13"},
	{"read by openat2", noRead, "through openat2 /tmp/vault/secret", "fileRead", "", "read hidden", "errno 13"},
	{"read an old hard link", noRead, "open r /tmp/vault/alias", "fileRead", "paths[0]", "read hidden", "errno 13"},
	{"link to read", noRead, "link /tmp/vault/secret /tmp/vault/new", "fileRead", "", "worked link", "errno 13"},
	{"rename to read", noRead, "rename /tmp/vault/secret /tmp/vault/new", "fileRead", "", "worked rename", "errno 13"},
	{"move the folder to read", noRead, "rename /tmp/vault /tmp/elsewhere", "fileRead", "folder-above", "", "errno"},
	{"write", noWrite, "open w /tmp/vault/data", "fileWrite", "paths[0]", "worked open", "errno 13"},
	{"truncate by open", noWrite, "open t /tmp/vault/data", "fileWrite", "", "worked open", "errno 13"},
	{"create", noWrite, "open c /tmp/vault/fresh", "fileWrite", "", "worked open", "errno 13"},
	{"truncate", noWrite, "truncate /tmp/vault/data", "fileWrite", "", "worked truncate", "errno 13"},
	{"rename over", noWrite, "rename /tmp/evil /tmp/vault/data", "fileWrite", "", "worked rename", "errno 13"},
	{"swap", noWrite, "swap /tmp/evil /tmp/vault/data", "fileWrite", "", "worked swap", "errno 13"},
	{"link over", noWrite, "link /tmp/evil /tmp/vault/fresh", "fileWrite", "", "worked link", "errno 13"},
	{"mkdir", noWrite, "mkdir /tmp/vault/dir", "fileWrite", "", "worked mkdir", "errno 13"},
	{"name of a socket", noWrite, "name /tmp/vault/sock", "fileWrite", "", "worked name", "errno 13"},
	{"name of a socket by a link", noTouch, "name /proc/self/root/tmp/vault/sock", "readOnlyFiles", "vault", "worked name", "errno 30"},
	{"generation", noTouch, "generation /tmp/vault/data", "readOnlyFiles", "vault", "", "errno 30"},
	{"chmod", noTouch, "chmod /tmp/vault/data", "readOnlyFiles", "vault", "worked chmod", "errno 30"},
	{"chown", noTouch, "chown /tmp/vault/data", "readOnlyFiles", "vault", "worked chown", "errno 30"},
	{"touch", noTouch, "touch /tmp/vault/data", "readOnlyFiles", "vault", "worked touch", "errno 30"},
	{"unlink", noTouch, "unlink /tmp/vault/data", "readOnlyFiles", "vault", "worked unlink", "errno 30"},
	{"write read-only", noTouch, "open w /tmp/vault/data", "readOnlyFiles", "vault", "worked open", "errno 30"},
	{"rename away", noTouch, "rename /tmp/vault/data /tmp/gone", "readOnlyFiles", "vault", "worked rename", "errno 30"},
	{"wildcard folder", "    readOnlyFiles: {mode: MODE, paths: ['/tmp/**/data']}\n", "rename /tmp/vault /tmp/elsewhere", "readOnlyFiles", "", "", "errno 30"},
	{"integrity refused", "    fileIntegrity: {mode: MODE, paths: ['/tmp/vault/**']}\n", "put /tmp/vault/data other", "fileIntegrity", "paths[0]", "worked put", "errno 1 "},
	{"integrity attributes", "    fileIntegrity: {mode: MODE, paths: ['/tmp/vault/**'], operations: [attributes]}\n", "chmod /tmp/vault/data", "fileIntegrity", "", "worked chmod", "errno 1 "},
	{"integrity delete", "    fileIntegrity: {mode: MODE, paths: ['/tmp/vault/**']}\n", "unlink /tmp/vault/data", "fileIntegrity", "", "worked unlink", "errno 1 "},
	{"integrity read", "    fileIntegrity: {mode: MODE, paths: ['/tmp/vault/**'], operations: [read]}\n", "open r /tmp/vault/data", "fileIntegrity", "", "worked open", "errno 1 "},
	{"honeypot", "    honeypots: {mode: MODE, paths: [/tmp/vault/bait]}\n", "open r /tmp/vault/bait", "honeypots", "paths[0]", "worked open", "errno 13"},
	{"own memory", inject, "memory self", "injection", "", "memory 2", "errno 1 "},
	{"memory of another", inject, "memory parent", "injection", "", "worked memory", "errno 1 "},
}

// prepareVault makes the files anew: what an audited attack changed is as it
// was before.
func prepareVault(t *testing.T, c *cell) {
	t.Helper()
	v := filepath.Join(c.dir, "vault")
	os.RemoveAll(v)
	for _, n := range []string{"elsewhere", "gone", "evil"} {
		os.RemoveAll(filepath.Join(c.dir, n))
	}
	os.Mkdir(v, 0o777)
	os.Chmod(v, 0o777)
	for n, text := range map[string]string{"secret": "hidden", "data": "original", "log": "first line\n", "open": "open", "../evil": "evil"} {
		p := filepath.Join(v, n)
		os.WriteFile(p, []byte(text), 0o666)
		os.Chmod(p, 0o666)
		os.Chown(p, 1000, 1000)
	}
	os.Link(filepath.Join(v, "secret"), filepath.Join(v, "alias"))
}

// runFiles runs attack as root, or as user 1000 in an entrypoint that drops.
func runFiles(t *testing.T, c *cell, controls, attack string, dropped bool) result {
	t.Helper()
	prepareVault(t, c)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), controls)
	command := append([]string{"/tmp/attack", "child", "/tmp/attack"}, strings.Fields(attack)...)
	if dropped {
		command = append([]string{"/tmp/attack", "drop-to", "1000"}, command...)
	}
	return c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, command...)
}

func TestFileAttacks(t *testing.T) {
	c := newCell(t)
	for _, tt := range fileCases {
		t.Run(tt.name, func(t *testing.T) {
			for _, mode := range []string{"audit", "enforce"} {
				for _, dropped := range []bool{false, true} {
					if dropped && mode == "audit" {
						continue
					}
					r := runFiles(t, c, strings.ReplaceAll(tt.controls, "MODE", mode), tt.attack, dropped)
					want := eventpb.Verdict_VERDICT_AUDIT
					if mode == "enforce" {
						want = eventpb.Verdict_VERDICT_DENY
						if !r.has(tt.denied) || tt.worked != "" && r.has(tt.worked) {
							t.Errorf("enforce, dropped %v: want %q and not %q\n%s", dropped, tt.denied, tt.worked, r.brief())
						}
					} else if tt.worked != "" && !r.has(tt.worked) {
						t.Errorf("audit, dropped %v: want %q\n%s", dropped, tt.worked, r.brief())
					}
					events := r.of(tt.control)
					if len(events) == 0 {
						t.Errorf("%s, dropped %v: no event\n%s", mode, dropped, r.brief())
					}
					for _, e := range events {
						checkEvent(t, e, want)
						if tt.rule != "" && e.Rule != tt.rule {
							t.Errorf("rule %q, want %q", e.Rule, tt.rule)
						}
						uid := map[bool]uint32{true: 1000}[dropped]
						if e.Process.Uid != uid || len(e.Ancestors) == 0 {
							t.Errorf("dropped %v: incomplete: %v", dropped, e)
						}
						if f := e.GetFile(); tt.control != "injection" && (f == nil || f.Operation == "" || f.Syscall == "") {
							t.Errorf("no object: %v", e)
						}
					}
				}
			}
		})
	}
}

// What the rules leave open works and makes no event.
func TestFilesThatStayOpen(t *testing.T) {
	c := newCell(t)
	for _, tt := range []struct{ name, controls, attack, worked string }{
		{"another file", noRead, "open r /tmp/vault/data", "read original"},
		{"write only", noRead, "open w /tmp/vault/secret", "worked open"},
		{"exception by path", noWrite, "open w /tmp/vault/open", "worked open"},
		{"reading is not writing", noWrite, "open r /tmp/vault/data", "read original"},
		{"deleting is not writing", noWrite, "unlink /tmp/vault/data", "worked unlink"},
		{"reading is not changing", noTouch, "open r /tmp/vault/data", "read original"},
		{"rule for another program", "    fileRead: {mode: enforce, rules: [{paths: [/tmp/vault/secret], processes: [/tmp/other]}]}\n", "open r /tmp/vault/secret", "read hidden"},
		{"rule for another user", "    fileRead: {mode: enforce, rules: [{paths: [/tmp/vault/secret], users: [33]}]}\n", "open r /tmp/vault/secret", "read hidden"},
		{"a folder without what a wildcard names", "    readOnlyFiles: {mode: enforce, paths: ['/tmp/**/nothing']}\n", "rename /tmp/vault /tmp/elsewhere", "worked rename"},
		{"attributes are not watched", "    fileIntegrity: {mode: enforce, paths: ['/tmp/vault/**'], operations: [delete]}\n", "chmod /tmp/vault/data", "worked chmod"},
		{"memory for reading", inject, "open r /proc/self/mem", "worked open"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, dropped := range []bool{false, true} {
				if dropped && strings.Contains(tt.attack, "rename /tmp/vault /tmp/elsewhere") {
					os.Chmod(c.dir, 0o777)
				}
				r := runFiles(t, c, strings.ReplaceAll(tt.controls, "MODE", "enforce"), tt.attack, dropped)
				if !r.has(tt.worked) {
					t.Errorf("dropped %v: want %q\n%s", dropped, tt.worked, r.brief())
				}
				for _, e := range r.events {
					if e.Verdict == eventpb.Verdict_VERDICT_DENY || e.Verdict == eventpb.Verdict_VERDICT_AUDIT {
						t.Errorf("dropped %v: an event\n%s", dropped, r.brief())
					}
				}
			}
		})
	}
}

// A change tells the digest before and after, also when it hides among many
// writes that change nothing.
func TestFileIntegrityDigests(t *testing.T) {
	c := newCell(t)
	watch := "    fileIntegrity: {mode: audit, paths: ['/tmp/vault/**']}\n"
	const original, other = "sha256:0682c5f2076f099c34cfdd15a9e063849ed437a49677e6fcc5b4198c76575be5", "sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"
	r := runFiles(t, c, watch, "put /tmp/vault/data other", false)
	ev := r.of("fileIntegrity")
	if len(ev) != 1 || ev[0].GetFile().DigestBefore != original || ev[0].GetFile().DigestAfter != other || ev[0].GetFile().Path != "/tmp/vault/data" {
		t.Errorf("%s\n%v", r.brief(), ev)
	}
	r = runFiles(t, c, watch, "put /tmp/vault/made other", false)
	if ev = r.of("fileIntegrity"); len(ev) != 1 || ev[0].GetFile().DigestBefore != "" || ev[0].GetFile().DigestAfter != other || !strings.Contains(ev[0].GetFile().Operation, "create") {
		t.Errorf("%s\n%v", r.brief(), ev)
	}
	r = runFiles(t, c, watch, "open w /tmp/vault/data", false)
	if ev = r.of("fileIntegrity"); len(ev) != 0 {
		t.Errorf("nothing changed\n%s", r.brief())
	}
	const n = 20_000
	r = runFiles(t, c, watch, "storm /tmp/vault "+strconv.Itoa(n), false)
	var total uint64
	found := false
	for _, e := range r.of("fileIntegrity") {
		total += e.Count
		found = found || e.GetFile().Path == "/tmp/vault/hidden" && e.GetFile().DigestAfter != ""
	}
	if !found || total != n+1 {
		t.Errorf("hidden change found %v, %d opens told of, want %d\n%s", found, total, n+1, r.brief())
	}
}

// The enforcer's own files stay as they are whatever the policy says.
func TestOwnFilesAreProtected(t *testing.T) {
	c := newCell(t)
	for _, attack := range []string{
		"open w /tmp/microenforcer", "open c /tmp/p.yaml", "open t /tmp/events.jsonl", "unlink /tmp/p.yaml", "chmod /tmp/microenforcer",
		"rename /tmp/evil /tmp/p.yaml", "rename /tmp/manifest /tmp/gone", "link /tmp/microenforcer /tmp/vault/again", "truncate /tmp/manifest",
	} {
		r := runFiles(t, c, "    fileless: {mode: audit}\n", attack, false)
		ev := r.of("selfProtection")
		if !r.has("errno 13") || len(ev) == 0 || ev[0].Kind != eventpb.Kind_KIND_TAMPER {
			t.Errorf("%s\n%s", attack, r.brief())
		}
	}
}

// A place that is mounted and must not be keeps the workload from starting.
func TestVolumes(t *testing.T) {
	c := newCell(t)
	for mode, want := range map[string]string{"audit": "ran", "enforce": ""} {
		r := runFiles(t, c, "    volumes: {mode: "+mode+", paths: [/tmp]}\n", "echo ran", false)
		ev := r.of("volumes")
		if strings.Contains(r.out, "ran\n") != (want != "") || len(ev) != 1 || ev[0].GetFile().Path != "/tmp" || ev[0].Reason == "" || mode == "enforce" && r.code != 126 {
			t.Errorf("%s: %s", mode, r.brief())
		}
	}
	r := runFiles(t, c, "    volumes: {mode: enforce, paths: [/no/such/place]}\n", "echo ran", false)
	if !r.has("ran") || len(r.of("volumes")) != 0 {
		t.Error(r.brief())
	}
}

// A log may grow, and nothing else.
func TestLogs(t *testing.T) {
	c := newCell(t)
	for _, tt := range []struct{ attack, worked, denied string }{
		{"open w /tmp/vault/log", "worked open", "errno 1 "},
		{"open t /tmp/vault/log", "worked open", "errno 1 "},
		{"open a /tmp/vault/log", "worked open", ""},
		{"open r /tmp/vault/log", "read first", ""},
		{"open c /tmp/vault/log", "worked open", "errno 1 "},
		{"truncate /tmp/vault/log", "worked truncate", "errno 1 "},
		{"unlink /tmp/vault/log", "worked unlink", "errno 1 "},
		{"rename /tmp/vault/log /tmp/gone", "worked rename", "errno 1 "},
		{"rename /tmp/evil /tmp/vault/log", "worked rename", "errno 1 "},
		{"link /tmp/vault/log /tmp/vault/log2", "worked link", "errno 1 "},
		{"cut nothing /tmp/vault/log", "worked cut", ""},
		{"cut ftruncate /tmp/vault/log", "worked cut", "errno 1 "},
		{"cut fcntl /tmp/vault/log", "worked cut", "errno 1 "},
		{"cut punch /tmp/vault/log", "worked cut", "errno 1 "},
		{"chmod /tmp/vault/log", "worked chmod", ""},
	} {
		for _, mode := range []string{"audit", "enforce"} {
			r := runFiles(t, c, strings.ReplaceAll(logged, "MODE", mode), tt.attack, mode == "enforce")
			ok := r.has(tt.worked)
			if mode == "enforce" && tt.denied != "" {
				ok = r.has(tt.denied) && !r.has(tt.worked)
			}
			ev := r.of("systemTampering")
			if !ok || (len(ev) > 0) != (tt.denied != "") {
				t.Errorf("%s, %s: %s", tt.attack, mode, r.brief())
			}
			for _, e := range ev {
				if e.Rule != "logPaths[0]" || e.GetFile().GetPath() != "/tmp/vault/log" {
					t.Errorf("%s: %v", tt.attack, e)
				}
			}
		}
	}
}

// An open of what the kernel has at hand, and it has not, does not keep the
// enforcer busy for ever.
func TestOpenCached(t *testing.T) {
	c := newCell(t)
	if r := runFiles(t, c, strings.ReplaceAll(noRead, "MODE", "enforce"), "cached /tmp/vault/nothing", false); !r.has("errno 11 ") && !r.has("errno 2 ") { // it may be cached by then
		t.Error(r.brief())
	}
}

// What writes ahead of the end of what is open to append does not exist where
// logs are kept, and exists elsewhere.
func TestLogsAheadOfTheirEnd(t *testing.T) {
	c := newCell(t)
	for attack, denied := range map[string]string{"noappend": "errno 95", "asynchronous": "errno 38", "unreserve": "errno 25", "zero": "errno 25"} {
		attack = "cut " + attack + " /tmp/vault/log"
		for _, mode := range []string{"audit", "enforce"} {
			if r := runFiles(t, c, strings.ReplaceAll(logged, "MODE", mode), attack, false); !r.has(denied) || r.has("worked cut") {
				t.Errorf("%s, %s: %s", attack, mode, r.brief())
			}
		}
		if r := runFiles(t, c, strings.ReplaceAll(noWrite, "MODE", "audit"), attack, false); r.has(denied) && denied != "errno 95" {
			t.Errorf("%s without logs: %s", attack, r.brief())
		}
	}
}

// Everybody's attacks on files are stopped in enforce mode and reported in
// audit mode.
func TestFileAttacksOfEverybody(t *testing.T) {
	c := newCell(t)
	for _, name := range []string{"denied write", "read-only file"} {
		rootOnly[name] = true // the files are root's
	}
	for _, u := range users {
		t.Run(u.name, func(t *testing.T) {
			for _, mode := range []string{"audit", "enforce"} {
				everyAttack(t, c, u, fileAttackCases, mode)
			}
		})
	}
}
