//go:build kernel

package notify

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/intercept/relay"
)

type talkJudge struct {
	*netJudge
	tmu  sync.Mutex
	said []action.Talk
}

func (j *talkJudge) Talks() bool                { return true }
func (j *talkJudge) Proxy(*action.Connect) bool { return false }
func (j *talkJudge) Talk(a *action.Talk) intercept.Answer {
	j.tmu.Lock()
	defer j.tmu.Unlock()
	j.said = append(j.said, *a)
	return intercept.Answer{Errno: syscall.ECONNRESET}
}

// Programs whose connections are looked into say the same as without: what
// they receive, and how a connect ends, waiting or not.
func TestRelayPrograms(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", ":8888")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, strings.Repeat("page ", 50000)) }))
	}()
	self, _ := os.Executable()
	py := "import socket,sys\ns=socket.socket()\ns.settimeout(3)\ntry:\n s.connect(('10.9.0.1',int(sys.argv[1]))); print('connected', s.getsockname()[0])\n s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); n=0\n while True:\n  b=s.recv(65536)\n  if not b: break\n  n+=len(b)\n print(n > 250000)\nexcept OSError as e: print(e.errno)"
	for _, tc := range []struct {
		name string
		argv []string
		env  string
	}{
		{"curl", []string{"/usr/bin/curl", "-sS", "http://10.9.0.1:8888/"}, ""},
		{"curl over IPv6", []string{"/usr/bin/curl", "-sS", "http://[fd09::1]:8888/"}, ""},
		{"curl refused", []string{"/usr/bin/curl", "-sS", "http://10.9.0.1:9999/"}, ""},
		{"python", []string{"/usr/bin/python3", "-c", py, "8888"}, ""},
		{"python refused", []string{"/usr/bin/python3", "-c", py, "9999"}, ""},
		{"python unreachable", []string{"/usr/bin/python3", "-c", strings.Replace(py, "10.9.0.1", "192.0.2.1", 1), "9999"}, ""},
		{"node", []string{"/usr/bin/node", "-e", "require('http').get('http://10.9.0.1:8888/',r=>{let n=0;r.on('data',d=>n+=d.length);r.on('end',()=>console.log(n))}).on('error',e=>console.log(e.code))"}, ""},
		{"node refused", []string{"/usr/bin/node", "-e", "require('net').connect(9999,'10.9.0.1').on('error',e=>console.log(e.code)).on('connect',()=>console.log('connected'))"}, ""},
		{"go", []string{self, "http://10.9.0.1:8888/"}, "get"},
		{"go refused", []string{self, "http://10.9.0.1:9999/"}, "get"},
		{"bash", []string{"/bin/bash", "-c", "exec 3<>/dev/tcp/10.9.0.1/8888 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && wc -c <&3"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.env != "" {
				t.Setenv("LIMPET_TEST_HELPER", tc.env)
			}
			want := unsupervisedAny(t, tc.argv...)
			j := &talkJudge{netJudge: newNetJudge()}
			testRelay = relay.New(relay.Config{Judge: j})
			defer func() { testRelay.Close(); testRelay = nil }()
			got, _ := supervised(t, j, nil, tc.argv...)
			took := regexp.MustCompile(`after \d+ ms`) // says curl
			want, got = took.ReplaceAllString(want, ""), took.ReplaceAllString(got, "")
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("differs from plain (-plain +supervised):\n%.2000s", d)
			}
			if len(j.said) != 0 {
				t.Errorf("judged: %+v", j.said)
			}
		})
	}
}

// A connection that nobody answers holds up neither other calls nor the end.
func TestRelayBlackhole(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	j := &talkJudge{netJudge: newNetJudge()}
	testRelay = relay.New(relay.Config{Judge: j})
	defer func() { testRelay.Close(); testRelay = nil }()
	began := time.Now()
	got, st := supervised(t, j, nil, "/usr/bin/python3", "-c", `
import socket,threading,os,time
threading.Thread(target=lambda: socket.socket().connect(('10.8.0.2',3333)), daemon=True).start()
time.sleep(0.3)
s=socket.socket(); print(s.connect_ex(('10.9.0.1',9999)))
s=socket.socket(); s.setblocking(False); print(s.connect_ex(('10.8.0.2',3333)))
os._exit(3)`)
	if got != "111\n115\n" || st.ExitStatus() != 3 {
		t.Errorf("got %q, %v", got, st)
	}
	if took := time.Since(began); took > relayPatience/2 {
		t.Errorf("it took %v", took)
	}
}
