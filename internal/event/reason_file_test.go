package event

import (
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

func TestFileReasons(t *testing.T) {
	for _, tt := range []struct {
		control, rule string
		object        *eventpb.FileObject
		want          string
	}{
		{"fileRead", "paths[0]", &eventpb.FileObject{Path: "/etc/shadow", Operation: "read"}, "/bin/cat tried to read /etc/shadow, which may not be read (paths[0])."},
		{"readOnlyFiles", "web", &eventpb.FileObject{Path: "/srv/x", Operation: "create", OtherPath: "/tmp/x"}, "/bin/cat tried to create (other end: /tmp/x) /srv/x, which may not be changed in any way (web)."},
		{"fileWrite", "folder-above", &eventpb.FileObject{Path: "/srv", Operation: "move"}, `/bin/cat tried to move /srv, a folder that holds files which control "Denied writes" protects.`},
		{"systemTampering", "logPaths[0]", &eventpb.FileObject{Path: "/var/log/x", Operation: "modify"}, "/bin/cat tried to write /var/log/x, a log that may only grow (logPaths[0])."},
		{"honeypots", "paths[0]", &eventpb.FileObject{Path: "/root/.aws/credentials", Operation: "read+modify"}, "/bin/cat tried to read and write /root/.aws/credentials, which nobody has a reason to touch."},
		{"volumes", "paths[0]", &eventpb.FileObject{Path: "/var/run/docker.sock", OtherPath: "/run/docker.sock"}, "/var/run/docker.sock is mounted from outside, where it is /run/docker.sock, which must not be (paths[0])."},
		{"fileIntegrity", "paths[0]", &eventpb.FileObject{Path: "/etc/x", Operation: "modify", DigestBefore: "sha256:1", DigestAfter: "sha256:2"}, "/bin/cat did this to /etc/x: write. The content was sha256:1 and is sha256:2."},
	} {
		e := &eventpb.Event{Kind: eventpb.Kind_KIND_FILE, Control: tt.control, Rule: tt.rule, Process: &eventpb.Process{Exe: "/bin/cat"}, Object: &eventpb.Event_File{File: tt.object}}
		if got := Reason(e); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
	long := &eventpb.Event{Control: "fileIntegrity", Object: &eventpb.Event_File{File: &eventpb.FileObject{Path: strings.Repeat("\xff", 9000), OtherPath: strings.Repeat("x", 9000), Detail: strings.Repeat("y", 9000)}}}
	if n := len(Reason(long)); n > MaxText {
		t.Errorf("%d bytes", n)
	}
}
