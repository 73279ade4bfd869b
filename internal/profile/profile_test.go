package profile

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/limpet-security/limpet/internal/glob"
)

func TestPath(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/sbin/nginx":                             "/usr/sbin/nginx",
		"/usr/bin/python3.11":                         "/usr/bin/python3.11",
		"/usr/lib/x86_64-linux-gnu/ld-linux.so.2":     "/usr/lib/x86_64-linux-gnu/ld-linux.so.2",
		"/usr/lib/postgresql/15/bin/postgres":         "/usr/lib/postgresql/15/bin/postgres",
		"/proc/4711/status":                           "/proc/*/status",
		"/tmp/tmp.Xy3kLm90Qa/hook.sh":                 "/tmp/tmp.*/hook.sh",
		"/tmp/tmpab12cd34":                            "/tmp/tmp*",
		"/tmp/work-4242.lock":                         "/tmp/work-*.lock",
		"/run/app.7.pid":                              "/run/app.*.pid",
		"/run/nginx.pid":                              "/run/nginx.pid",
		"/var/log/app/2026-11-22.log":                 "/var/log/app/*-11-22.log",
		"/srv/f47ac10b-58cc-4372-a567-0e02b2c3d479/x": "/srv/*/x",
		"/srv/objects/3f2a9c0d11ab":                   "/srv/objects/*",
		"/tmp/evil":                                   "/tmp/evil",
		"/tmp/Makefile":                               "/tmp/Makefile",
		"/opt/a*b":                                    `/opt/a\*b`,
		"/opt/{a}":                                    `/opt/\{a\}`,
		"/tmp/*4242":                                  `/tmp/\**`,
		"relative":                                    "relative",
		"@/tmp/dbus-aB3dE5gH":                         "@/tmp/dbus-*",
		"@mine":                                       "@mine",
	} {
		if got := Path(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// The id of a process in a name of its own changes, and no other number does.
func TestPathWithIDs(t *testing.T) {
	for path, want := range map[string]string{
		"/etc/passwd.96":           "/etc/passwd.*",
		"/etc/passwd.95":           "/etc/passwd.*",
		"/etc/passwd.9":            "/etc/passwd.9",
		"/etc/passwd.196":          "/etc/passwd.196",
		"/var/log/app.1":           "/var/log/app.1",
		"/srv/part96.new":          "/srv/part*.new",
		"/usr/lib/libx96y.so":      "/usr/lib/libx96y.so",
		"/var/lib/app/96/lock":     "/var/lib/app/*/lock",
		"/usr/lib/postgresql/15/x": "/usr/lib/postgresql/15/x",
	} {
		if got := Path(path, 96, 95, 1); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/tmp/tmp.Xy3kLm90Qa/a", "/a[b]*?\\/12345", "/proc/1/\xff", "//", "", "/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 4096 {
			return
		}
		p := Path(s)
		if !Made(p) {
			t.Errorf("%q cannot have been made of %q", p, s)
		}
		g, err := glob.Compile(p)
		if err != nil {
			return // too long or too many parts for a pattern
		}
		if !g.Match(s) {
			t.Errorf("%q does not match its pattern %q", s, p)
		}
		if !g.Match(Sample(p)) {
			t.Errorf("%q does not match its sample %q", p, Sample(p))
		}
		if !Wild(p) && Sample(p) != s {
			t.Errorf("%q: sample %q", s, Sample(p))
		}
	})
}

func TestNetworks(t *testing.T) {
	var in []netip.Addr
	for _, s := range []string{"10.0.0.1", "10.0.0.9", "10.0.0.77", "10.0.0.200", "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.250",
		"192.0.2.4", "192.0.2.5", "198.51.100.7", "2001:db8::1", "::ffff:203.0.113.9"} {
		in = append(in, netip.MustParseAddr(s))
	}
	var got []string
	for _, p := range Networks(in) {
		got = append(got, p.String())
	}
	want := []string{"10.0.0.0/23", "192.0.2.4/31", "198.51.100.7/32", "203.0.113.9/32", "2001:db8::1/128"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, a := range in {
		if !slices.ContainsFunc(Networks(in), func(p netip.Prefix) bool { return p.Contains(a.Unmap()) }) {
			t.Errorf("%v is not covered", a)
		}
	}
}
