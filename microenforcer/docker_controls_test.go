//go:build docker

package microenforcer_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

// controlCase is one thing that a control forbids and one beside it that it
// lets be, in the words of testdata/attack. ME is who attacks, OTHERS who does
// not, NUMBER his uid, LOADER the image's ld.so, SERVER and PEER are hosts.
type controlCase struct {
	control, rule string
	act           string // what is forbidden; "": it was done before the attacks began
	worked        string // what it prints where the policy audits; "": it fails there, too
	denied        string // and where it enforces
	beside        string // what is not forbidden
	fine          string // what that prints
	object        string // stands in the event's object
	also          string // control/rule that is named besides, at a later step of the same act
	root          bool   // the kernel lets nobody but root do either
	user          bool   // only uid 1000 is asked
	outside       bool   // somebody else did it, outside of the container
	open          bool   // Docker's own seccomp profile refuses it first, so it is tried without
}

const (
	controlServer = "169.254.169.248" // a host with every service
	noPermission  = "errno 13 "
	notPermitted  = "errno 1 "
	refusedThere  = "errno 111 "
)

var controlCases = []controlCase{
	// Executables.
	{control: "deniedExecutables", rule: "paths[0]", act: "child /tmp/bad/path path-ran", worked: "path-ran", denied: noPermission, beside: "child /tmp/good path-ran", fine: "path-ran", object: "/tmp/bad/path"},
	{control: "deniedExecutables", rule: "paths[1]", act: "child /tmp/bad/globbed glob-ran", worked: "glob-ran", denied: noPermission, beside: "child /tmp/good glob-ran", fine: "glob-ran", object: "/tmp/bad/globbed"},
	{control: "deniedExecutables", rule: "names[0]", act: "child /tmp/bad/evilname name-ran", worked: "name-ran", denied: noPermission, beside: "child /tmp/good name-ran", fine: "name-ran", object: "/tmp/bad/evilname"},
	{control: "deniedExecutables", rule: "digests[0]", act: "child /tmp/bad/digest digest-ran", worked: "digest-ran", denied: noPermission, beside: "child /tmp/good digest-ran", fine: "digest-ran", object: "/tmp/bad/digest"},
	{control: "deniedExecutables", rule: "of-ME", act: "child /tmp/bad/of-ME user-ran", worked: "user-ran", denied: noPermission, beside: "child /tmp/bad/of-OTHERS user-ran", fine: "user-ran", object: "/tmp/bad/of-ME"},
	{control: "allowedExecutables", rule: "not-listed", act: "child /tmp/calls /opt/extra extra-ran", worked: "extra-ran", denied: "exit status 126", beside: "child /tmp/calls /tmp/good extra-ran", fine: "extra-ran", object: "/opt/extra"},
	{control: "fileless", rule: "memory", act: "memfd", worked: "memfd-ran", denied: noPermission, beside: "child /tmp/good", fine: "worked child"},
	{control: "fileless", rule: "memory", act: "deleted /tmp/drop/gone", worked: "deleted-ran", denied: noPermission, beside: "drop /tmp/drop/may", fine: "drop-ran", object: "/proc/self/fd/"},
	{control: "fileless", rule: "tmpfs", act: "drop /scratch/new", worked: "drop-ran", denied: noPermission, beside: "drop /scratch/may", fine: "drop-ran", object: "/scratch/new"},
	{control: "drift", rule: "drifted", act: "drop /tmp/drop/new", worked: "drop-ran", denied: noPermission, beside: "drop /tmp/drop/may", fine: "drop-ran", object: "/tmp/drop/new"},
	{control: "drift", rule: "drifted", act: "write /tmp/drop/s x #!/usr/bin/dash\necho@script-$((1+1)) /tmp/drop/s", worked: "script-2", denied: noPermission, beside: "write /tmp/drop/may.sh x #!/usr/bin/dash\necho@script-ran /tmp/drop/may.sh", fine: "script-ran", object: "/tmp/drop/s"},
	{control: "drift", rule: "modified", act: "write /tmp/over x #!/usr/bin/dash\necho@over-$((1+1)) /tmp/over", worked: "over-2", denied: noPermission, beside: "child /tmp/over over-ran", fine: "over-ran", object: "/tmp/over"},
	{control: "drift", rule: "moved", act: "moved /tmp/drop/copy", worked: "moved-ran", denied: noPermission, beside: "moved /tmp/drop/may", fine: "moved-ran", object: "/tmp/drop/copy"},
	{control: "drift", rule: "library", act: "child /tmp/maps dlopen /tmp/drop/evil.so", worked: "worked dlopen", denied: notPermitted, beside: "child /tmp/maps dlopen libc.so.6", fine: "worked dlopen", object: "/tmp/drop/evil.so"},
	{control: "drift", rule: "loaded", act: "child LOADER /tmp/drop/plain", worked: "plain-ran", denied: noPermission, beside: "child /tmp/good", fine: "worked child", object: "/tmp/drop/plain", also: "drift/library"},
	{control: "packageManagers", rule: "apt-get", act: "child /tmp/apt-get echo apt-ran", worked: "apt-ran", denied: noPermission, beside: "child /tmp/other echo apt-ran", fine: "apt-ran", object: "/tmp/apt-get"},
	{control: "interpreters", rule: "loader", act: "child LOADER /usr/bin/echo loader-ran", worked: "loader-ran", denied: noPermission, beside: "child /usr/bin/echo loader-ran", fine: "loader-ran", object: "/usr/bin/echo"},
	{control: "interpreters", rule: "applet", act: "child /usr/bin/busybox echo applet-ran", worked: "applet-ran", denied: noPermission, beside: "child /usr/bin/echo applet-ran", fine: "applet-ran", object: "busybox"},
	{control: "interpreters", rule: "wrapper", act: "child /usr/bin/env A=b /usr/bin/echo env-ran", worked: "env-ran", denied: noPermission, beside: "child /usr/bin/env", fine: "worked child", object: "/usr/bin/env"},
	{control: "interpreters", rule: "wrapper", act: "child /usr/bin/timeout 9 /usr/bin/echo timeout-ran", worked: "timeout-ran", denied: noPermission, beside: "child /usr/bin/timeout --version", fine: "worked child", object: "/usr/bin/timeout"},
	{control: "interpreters", rule: "wrapper", act: "child /usr/bin/xargs /usr/bin/echo xargs-ran", worked: "xargs-ran", denied: noPermission, beside: "child /usr/bin/xargs --version", fine: "worked child", object: "/usr/bin/xargs"},
	{control: "interpreters", rule: "script", act: "write /tmp/drop/t - echo@text-$((1+1)) /usr/bin/dash /tmp/drop/t", worked: "text-2", denied: noPermission, beside: "child /usr/bin/dash /tmp/script", fine: "image-script-ran", object: "/tmp/drop/t"},
	{control: "interpreters", rule: "inlineCode", act: "child /usr/bin/dash -ec echo@inline-$((1+1))", worked: "inline-2", denied: noPermission, beside: "child /usr/bin/dash /tmp/script", fine: "image-script-ran", object: "code (-c)"},
	{control: "preload", rule: "LD_PRELOAD", act: "with LD_PRELOAD=/tmp/drop/evil.so /usr/bin/true", worked: "library-ran", denied: noPermission, beside: "with LD_PRELOAD=libc.so.6 /usr/bin/echo fine", fine: "fine", object: "/tmp/drop/evil.so", also: "drift/library"},
	{control: "preload", rule: "LD_AUDIT", act: "with LD_AUDIT=/tmp/drop/evil.so /usr/bin/true", worked: "library-ran", denied: noPermission, beside: "with LD_LIBRARY_PATH=/nowhere /usr/bin/echo fine", fine: "fine", object: "/tmp/drop/evil.so", also: "drift/library"},
	{control: "setuidBinaries", rule: "setuid", act: "child /tmp/bits id", worked: "uid NUMBER gid", denied: noPermission, beside: "child /tmp/attack id", fine: "uid NUMBER gid", object: "/tmp/bits"},
	// Files.
	{control: "fileRead", rule: "paths[0]", act: "open r /tmp/vault/secret", worked: "read hidden", denied: noPermission, beside: "open r /tmp/vault/spared", fine: "read hidden", object: "/tmp/vault/secret"},
	{control: "fileRead", rule: "not-by-cat", act: "child /usr/bin/cat /tmp/vault/data", worked: "original", denied: "exit status 1", beside: "open r /tmp/vault/data", fine: "read original", object: "/tmp/vault/data"},
	{control: "fileRead", rule: "not-by-ME", act: "open r /tmp/vault/of-ME", worked: "read hidden", denied: noPermission, beside: "open r /tmp/vault/of-OTHERS", fine: "read hidden", object: "/tmp/vault/of-ME"},
	{control: "fileRead", rule: "paths[0]", act: "through root /tmp/vault/secret2", worked: "read hidden", denied: noPermission, beside: "child /usr/bin/cat /tmp/vault/secret", fine: "hidden", object: "/tmp/vault/secret2"}, // excepted by process and path
	{control: "fileWrite", rule: "paths[0]", act: "open w /tmp/vault/fixed", worked: "worked open", denied: noPermission, beside: "open r /tmp/vault/fixed", fine: "read original", object: "/tmp/vault/fixed"},
	{control: "fileWrite", rule: "paths[1]", act: "put /tmp/vault/dir/new text", worked: "worked put", denied: noPermission, beside: "put /tmp/vault/dir/of-ME text", fine: "worked put", object: "/tmp/vault/dir/new"}, // excepted by user and path
	{control: "readOnlyFiles", rule: "paths[0]", act: "chmod /tmp/tree/file", worked: "worked chmod", denied: "errno 30 ", beside: "open r /tmp/tree/file", fine: "read original", object: "/tmp/tree/file"},
	{control: "readOnlyFiles", rule: "paths[0]", act: "unlink /tmp/tree/away", worked: "worked unlink", denied: "errno 30 ", beside: "chmod /tmp/tree/open/file", fine: "worked chmod", object: "/tmp/tree/away"},
	{control: "fileIntegrity", rule: "paths[0]", act: "put /tmp/watch/create text", worked: "worked put", denied: notPermitted, beside: "put /tmp/drop/other text", fine: "worked put", object: "/tmp/watch/create modify+create"},
	{control: "fileIntegrity", rule: "paths[0]", act: "put /tmp/watch/modify other", worked: "worked put", denied: notPermitted, beside: "put /tmp/watch/spared other", fine: "worked put", object: "/tmp/watch/modify modify"},
	{control: "fileIntegrity", rule: "paths[0]", act: "unlink /tmp/watch/delete", worked: "worked unlink", denied: notPermitted, beside: "unlink /tmp/drop/other", fine: "worked unlink", object: "/tmp/watch/delete delete"},
	{control: "fileIntegrity", rule: "paths[0]", act: "chmod /tmp/watch/attributes", worked: "worked chmod", denied: notPermitted, beside: "chmod /tmp/watch/spared", fine: "worked chmod", object: "/tmp/watch/attributes attributes"},
	{control: "fileIntegrity", rule: "paths[0]", act: "open r /tmp/watch/read", worked: "read original", denied: notPermitted, beside: "child /usr/bin/cat /tmp/watch/read", fine: "original", object: "/tmp/watch/read read"},
	{control: "volumes", rule: "paths[0]", object: "/mnt/host"},
	{control: "honeypots", rule: "paths[0]", act: "open r /tmp/vault/bait", worked: "read hidden", denied: noPermission, beside: "open r /tmp/vault/data", fine: "read original", object: "/tmp/vault/bait"},
	{control: "honeypots", rule: "ports[0]", act: "tcp 127.0.0.1:7004", worked: "got ", denied: refusedThere, beside: "listen 127.0.0.1:7005", fine: "worked listen", object: "127.0.0.1:7004"},
	{control: "honeypots", rule: "ports[0]", act: "called 7004 SERVER:80", beside: "called 7005 SERVER:80", fine: "worked called", object: "SERVER", outside: true},
	{control: "honeypots", rule: "envKeys[0]", act: "tell OLD_TOKEN", worked: "told ", denied: noPermission, beside: "tell PATH", fine: "told /usr/bin", object: "OLD_TOKEN"},
	{control: "systemTampering", rule: "logPaths[0]", act: "truncate /tmp/vault/log", worked: "worked truncate", denied: notPermitted, beside: "open a /tmp/vault/log", fine: "worked open", object: "/tmp/vault/log"},
	{control: "systemTampering", rule: "clock", act: "child /tmp/maps adjust", denied: notPermitted, beside: "child /tmp/maps ask-clock", fine: "worked ask-clock", object: "clock_adjtime"},
	// Network.
	{control: "outbound", rule: "by-address", act: "tcp SERVER:81", worked: "got hello", denied: refusedThere, beside: "tcp SERVER:80", fine: "got hello", object: "SERVER:81"},
	{control: "outbound", rule: "by-protocol", act: "sendto SERVER:82", worked: "worked sendto", denied: notPermitted, beside: "tcp SERVER:82", fine: "got hello", object: "SERVER:82/udp"},
	{control: "outbound", rule: "echo", act: "ping SERVER", worked: "pinged", denied: notPermitted, beside: "ping 127.0.0.1", fine: "pinged", object: "SERVER:0/icmp"},
	{control: "outbound", rule: "by-name", act: "dial named.test:83", worked: "got hello", denied: refusedThere, beside: "dial named.test:80", fine: "got hello", object: "SERVER:83"},
	{control: "outbound", rule: "not-listed", act: "tcp SERVER:9001", worked: "got hello", denied: refusedThere, beside: "tcp SERVER:80", fine: "got hello", object: "SERVER:9001"},
	{control: "outbound", rule: "by-socket", act: "unix /tmp/link.sock", worked: "worked unix", denied: notPermitted, beside: "name /tmp/drop/sock-ME", fine: "worked name", object: "/tmp/link.sock: /tmp/real.sock"},
	{control: "outbound", rule: "by-address", act: "say SERVER:88 CONNECT@SERVER:81@HTTP/1.1\r\n\r\n", worked: "said", denied: "errno ", beside: "say SERVER:88 CONNECT@SERVER:80@HTTP/1.1\r\n\r\n", fine: "said", object: "SERVER:81"},
	{control: "metadataEndpoints", rule: "instance", act: "tcp 169.254.169.254:80", worked: "got hello", denied: refusedThere, beside: "tcp SERVER:80", fine: "got hello", object: "169.254.169.254:80"},
	{control: "inbound", rule: "deny[0]", act: "inbound 127.0.0.1:7001", worked: "got served", denied: "errno 104 ", beside: "inbound 127.0.0.1:7006", fine: "got served", object: "127.0.0.1"},
	{control: "inbound", rule: "from-server", act: "hosted 7008 SERVER:80", worked: "visited by SERVER", denied: "nobody came", beside: "hosted 7009 SERVER:80", fine: "visited by SERVER", object: "SERVER"},
	{control: "bind", rule: "deniedPorts[0]", act: "listen 0.0.0.0:4444", worked: "worked listen", denied: noPermission, beside: "listen 0.0.0.0:4445", fine: "worked listen", object: "4444"},
	{control: "lowPorts", rule: "below", act: "listen 127.0.0.1:81", worked: "worked listen", denied: "signal: killed", beside: "listen 127.0.0.1:8081", fine: "worked listen", object: "81"},
	{control: "socketFamilies", rule: "deny[0]", act: "family 16", worked: "worked family", denied: "errno 97 ", beside: "tcp SERVER:80", fine: "got hello", object: "16"},
	{control: "dns", rule: "deny[0]", act: "ask SERVER:53 evil.test", worked: "RCodeSuccess 1", denied: "RCodeNameError 0", beside: "ask SERVER:53 good.test", fine: "RCodeSuccess 1", object: "evil.test"},
	{control: "dns", rule: "resolvers", act: "ask 127.0.0.11:53 limpet-micro-e2e-peer", worked: "RCodeSuccess 1", denied: notPermitted, beside: "ask SERVER:53 good.test", fine: "RCodeSuccess 1", object: "127.0.0.11:53"},
	{control: "dns", rule: "encrypted", act: "tcp SERVER:853", worked: "got hello", denied: refusedThere, beside: "tcp SERVER:80", fine: "got hello", object: "SERVER:853"},
	{control: "dns", rule: "rebinding", act: "ask SERVER:53 hole.test", worked: "RCodeSuccess 1", denied: "RCodeNameError 0", beside: "ask SERVER:53 good.test", fine: "RCodeSuccess 1", object: "hole.test"},
	{control: "dns", rule: "tunnel", act: "tunnel SERVER:53 public.test 20", worked: "carried 20", denied: "refused 18", beside: "ask SERVER:53 good.test", fine: "RCodeSuccess 1", object: "public.test"},
	{control: "ipReputation", rule: "addresses", act: "tcp PEER:80", worked: "got hello", denied: refusedThere, beside: "tcp SERVER:80", fine: "got hello", object: "PEER:80"},
	{control: "ipReputation", rule: "names", act: "ask SERVER:53 alias.test", worked: "RCodeSuccess 2", denied: "RCodeNameError 0", beside: "ask SERVER:53 good.test", fine: "RCodeSuccess 1", object: "alias.test"},
	// Behaviour.
	{control: "reverseShell", rule: "stdin+stdout+stderr", act: "connectback SERVER:80 /tmp/sh echo x", denied: noPermission, beside: "child /tmp/sh echo heard", fine: "heard", object: "/tmp/sh"},
	{control: "reverseShell", rule: "relayed", act: "relay pty SERVER:80 /tmp/sh", worked: "shell <nil>", denied: "signal: killed", beside: "relay pty - /tmp/sh -i", fine: "shell-ran", object: "/tmp/sh"},
	{control: "bindShell", rule: "stdin+stdout+stderr", act: "bindshell 127.0.0.1:7002 /tmp/sh echo shell-ran", worked: "received shell-ran", denied: noPermission, beside: "bindshell 127.0.0.1:7012 /tmp/other echo served", fine: "received served", object: "/tmp/sh"},
	{control: "bindShell", rule: "relayed", act: "relay accept 127.0.0.1:7003 /tmp/sh -i", worked: "told shell-ran", denied: "signal: killed", beside: "inbound 127.0.0.1:7006", fine: "got served", object: "/tmp/sh"},
	{control: "cryptoMiners", rule: "name", act: "child /tmp/xmrig mined", worked: "mined", denied: noPermission, beside: "child /tmp/good mined", fine: "mined", object: "/tmp/xmrig"},
	{control: "cryptoMiners", rule: "argument", act: "backwards kcatta/pmt/ ohce 3333:9.311.0.302//:pct+mutarts=lru-- denim", worked: " mined", denied: "permission denied", beside: "backwards kcatta/pmt/ ohce denim", fine: "mined", object: "/tmp/attack"},
	{control: "cryptoMiners", rule: "pool", act: "ask SERVER:53 nanopool.org", worked: "RCodeSuccess 1", denied: "RCodeNameError 0", beside: "ask SERVER:53 good.test", fine: "RCodeSuccess 1", object: "nanopool.org"},
	{control: "cryptoMiners", rule: "stratum", act: `say SERVER:3333 {"id":1,"method":"mining.subscribe","params":["x/1"]}`, worked: "said", denied: "errno ", beside: `say SERVER:3333 {"method":"status"}`, fine: "said", object: "SERVER:3333"},
	{control: "cryptoMiners", rule: "ports[0]", act: "tcp SERVER:84", worked: "got hello", denied: refusedThere, beside: "tcp SERVER:80", fine: "got hello", object: "SERVER:84"},
	{control: "injection", rule: "ptrace", act: "ptrace", denied: notPermitted, beside: "id", fine: "uid ", object: "ptrace"},
	{control: "injection", rule: "", act: "memory self", worked: "memory 2", denied: notPermitted, beside: "child /usr/bin/cat /proc/self/comm", fine: "cat", object: "/mem"},
	{control: "anonymousExecutable", rule: "rwx", act: "child /tmp/maps rwx", worked: "worked rwx", denied: notPermitted, beside: "child /tmp/maps unmodified /tmp/maps", fine: "worked unmodified", object: "mmap"},
	// Privilege.
	{control: "privilegeChange", rule: "", act: "setuid 1001", worked: "worked setuid", denied: notPermitted, beside: "setuid 1002", fine: "worked setuid", object: "setuid", root: true},
	{control: "users", rule: "deny[0]", act: "setuid 1003", worked: "worked setuid", denied: notPermitted, beside: "setuid 1002", fine: "worked setuid", object: "setuid", root: true},
	{control: "users", rule: "noRoot", act: "setuid 0", denied: notPermitted, beside: "id", fine: "uid 1000", object: "setuid", user: true},
	{control: "capabilities", rule: "drop", act: "mknod /tmp/drop/node", worked: "worked mknod", denied: notPermitted, beside: "chown /tmp/drop/plain", fine: "worked chown", object: "MKNOD", root: true},
	{control: "syscalls", rule: "deny[0]", act: "sync", worked: "worked sync", denied: notPermitted, beside: "getppid", fine: "worked getppid", object: "sync"},
	{control: "namespaces", rule: "uts", act: "unshare", worked: "worked unshare", denied: notPermitted, beside: "newipc", fine: "worked newipc", object: "unshare", root: true, open: true},
	{control: "kernelInterfaces", rule: "bpf", act: "bpf", denied: notPermitted, beside: "keys", fine: "", object: "bpf", open: true},
	{control: "injection", rule: "process_vm_writev", act: "child /tmp/novel injects", denied: notPermitted, beside: "child /tmp/novel nothing", fine: "worked nothing", object: "process_vm_writev", open: true},
	{control: "mounts", rule: "mount", act: "mount", worked: "worked mount", denied: notPermitted, beside: "chroot", fine: "worked chroot", object: "mount", root: true, open: true},
	// Last: it makes every connection after it a violation for a while.
	{control: "portScan", rule: "maxPorts", act: "scan SERVER 30", worked: "got hello", denied: refusedThere, beside: "tcp SERVER:80", fine: "got hello", object: "SERVER"},
}

// controlPolicy has every control whose cases can be in one container.
const controlPolicy = `apiVersion: limpet.dev/v1
kind: RuntimePolicy
metadata: {name: e2e}
spec:
  exceptions:
    - {controls: [allowedExecutables], processes: [/tmp/attack], reason: "its own cases"}
    - {controls: [interpreters], paths: [/tmp/sh]}
    - {controls: [fileRead], processes: [/usr/bin/cat], paths: [/tmp/vault/secret]}
    - {controls: [fileWrite], users: [ME], paths: [/tmp/vault/dir/of-*]}
  controls:
    deniedExecutables:
      mode: MODE
      paths: [/tmp/bad/path, /tmp/bad/gl*]
      names: [evilname]
      digests: [DIGEST]
      rules: [{name: of-root, paths: [/tmp/bad/of-root], users: [root]}, {name: of-web, paths: [/tmp/bad/of-web], users: [web]}]
    allowedExecutables: {mode: MODE, paths: [/usr/**, /tmp/**]}
    fileless: {mode: MODE, allowedPaths: [/scratch/may]}
    drift: {mode: MODE, allowLoader: true, allowedPaths: [/tmp/drop/may, /scratch/may], allowedScripts: [/tmp/drop/may.sh]}
    packageManagers: {mode: MODE}
    interpreters: {mode: MODE, deny: [loader, applet, wrapper, script, inlineCode], allowedScripts: [/tmp/drop/may.sh]}
    preload: {mode: MODE}
    setuidBinaries: {mode: MODE}
    fileRead:
      mode: MODE
      paths: [/tmp/vault/s*]
      except: [/tmp/vault/spared]
      rules:
        - {name: not-by-cat, paths: [/tmp/vault/data], processes: [/usr/bin/cat]}
        - {name: not-by-root, paths: [/tmp/vault/of-root], users: [root]}
        - {name: not-by-web, paths: [/tmp/vault/of-web], users: [web]}
    fileWrite: {mode: MODE, paths: [/tmp/vault/fixed, /tmp/vault/dir/**]}
    readOnlyFiles: {mode: MODE, paths: [/tmp/tree/**], except: [/tmp/tree/open/**]}
    fileIntegrity: {mode: MODE, paths: [/tmp/watch/**], except: [/tmp/watch/spared], operations: [create, modify, delete, attributes, read], ignoredProcesses: [/usr/bin/cat]}
    volumes: {mode: audit, paths: [/mnt/host]}
    honeypots: {mode: MODE, paths: [/tmp/vault/bait], ports: [7004], envKeys: [OLD_TOKEN]}
    systemTampering: {mode: MODE, logPaths: [/tmp/vault/log]}
    outbound:
      mode: MODE
      allow: [{ports: [1-8999, 20000-29999]}, {protocols: [icmp]}]
      deny:
        - {name: by-address, cidrs: [SERVER], ports: [81]}
        - {name: by-protocol, cidrs: [SERVER], ports: [82], protocols: [udp]}
        - {name: echo, cidrs: [SERVER], protocols: [icmp]}
        - {name: by-name, dnsNames: [named.test], ports: [83]}
        - {name: by-socket, unixSockets: [/tmp/real.sock]}
      proxies: [{cidrs: [SERVER], ports: [88]}]
    metadataEndpoints: {mode: MODE}
    inbound: {mode: MODE, deny: [{cidrs: [127.0.0.0/8], ports: [7001]}, {name: from-server, cidrs: [SERVER], ports: [7008]}]}
    bind: {mode: MODE, deniedPorts: [4444]}
    lowPorts: {mode: MODE, response: killProcess}
    socketFamilies: {mode: MODE, deny: [netlink, packet]}
    dns:
      mode: MODE
      deny: [evil.test]
      resolvers: [SERVER]
      blockTunnels: true
      blockRebinding: true
      privateNames: [evil.test, good.test, alias.test, named.test, nanopool.org]
      recordRequests: true
    ipReputation: {mode: MODE, addresses: [PEER], names: [alias.test]}
    portScan: {mode: MODE, maxPorts: 25}
    reverseShell: {mode: MODE, relayed: true, allowLoopback: true}
    bindShell: {mode: MODE, relayed: true, allowedProcesses: [/tmp/other]}
    cryptoMiners: {mode: MODE, ports: [84]}
    injection: {mode: MODE}
    anonymousExecutable: {mode: MODE}
    privilegeChange: {mode: MODE, changes: any, allowedTargets: [root, 1002-1003]}
    users: {mode: MODE, deny: [1003]NOROOT}
    capabilities: {mode: MODE, drop: [MKNOD]}
    syscalls: {mode: MODE, deny: [sync]}
    namespaces: {mode: MODE, allowed: [ipc]}
    kernelInterfaces: {mode: MODE, allowedSyscalls: [keyctl]}
    mounts: {mode: MODE, allowedSyscalls: [chroot]}
`

// furnish puts what the cases act upon into an image: programs (put lists them
// in the drift manifest, too) and files.
func furnish(t testing.TB, root string, put func(from, to string)) {
	t.Helper()
	echo := "/usr/bin/echo"
	for _, to := range []string{"/tmp/good", "/tmp/over", "/tmp/xmrig", "/opt/extra", "/tmp/bad/path", "/tmp/bad/globbed",
		"/tmp/bad/evilname", "/tmp/bad/of-root", "/tmp/bad/of-web"} {
		put(echo, to)
	}
	dir := t.TempDir()
	b, err := os.ReadFile(echo)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"bad/digest": string(b) + "\x00", "calls": "#!/usr/bin/dash\n\"$@\"\n"} {
		from := filepath.Join(dir, filepath.Base(name))
		writeFile(t, from, content)
		put(from, "/tmp/"+name)
	}
	put("/bin/busybox", "/usr/bin/busybox")
	_, attack := programs(t)
	put(attack, "/tmp/bits")
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0::/:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n", "tmp/tree/file": "original", "tmp/tree/away": "original", "tmp/tree/open/file": "original",
		"tmp/vault/secret": "hidden", "tmp/vault/secret2": "hidden", "tmp/vault/spared": "hidden", "tmp/vault/data": "original", "tmp/vault/of-root": "hidden",
		"tmp/vault/of-web": "hidden", "tmp/vault/fixed": "original", "tmp/vault/dir/there": "original", "tmp/vault/bait": "hidden", "tmp/vault/log": "a line\n",
		"tmp/watch/modify": "original", "tmp/watch/delete": "original", "tmp/watch/attributes": "original", "tmp/watch/read": "original", "tmp/watch/spared": "original",
	} {
		os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755)
		writeFile(t, filepath.Join(root, name), text)
	}
	for _, tree := range []string{"tmp/vault", "tmp/watch", "tmp/tree", "tmp/drop", "tmp/over"} { // uid 1000's, and anybody's
		filepath.WalkDir(filepath.Join(root, tree), func(path string, d os.DirEntry, err error) error {
			if err != nil {
				t.Fatal(err)
			}
			os.Lchown(path, 1000, 1000)
			if d.Type() != os.ModeSymlink {
				os.Chmod(path, 0o777)
			}
			return nil
		})
	}
	os.Chmod(filepath.Join(root, "tmp/bits"), os.ModeSetuid|0o755)
}

// Every control, as root and as uid 1000, in audit and in enforce mode, in a
// container: what it forbids is stopped or reported, with everything that an
// event promises; what stands beside it is let be, and nothing is said of it.
func TestDockerControls(t *testing.T) {
	for _, id := range policy.ControlIDs() {
		elsewhere := id == policy.ImageAssurance || id == policy.ProcessLimit || id == policy.ExecSessions // docs/GOALS.md says where
		if !elsewhere && !slices.ContainsFunc(controlCases, func(c controlCase) bool { return c.control == string(id) }) {
			t.Errorf("nobody tries %s", id)
		}
	}
	buildImages(t)
	loader := buildDynamic(t)
	server := dockerNet + "-server"
	exec.Command("docker", "rm", "-f", server).Run()
	t.Cleanup(func() { exec.Command("docker", "rm", "-f", server).Run() })
	services := ""
	for _, port := range []int{80, 81, 82, 83, 84, 88, 853, 3333, 9001} {
		services += fmt.Sprintf(" %s:%d", controlServer, port)
	}
	must(t, "run", "-d", "--name", server, "--network", dockerNet, "--ip", controlServer, dynamicImage, "sh", "-c", "/tmp/attack nameserver "+controlServer+":53 & exec /tmp/attack serve"+services)
	dir := t.TempDir()
	resolv := filepath.Join(dir, "resolv.conf")
	writeFile(t, resolv, "nameserver "+controlServer+"\noptions timeout:10 attempts:1\n")
	_, attack := programs(t)
	digests := map[string]string{}
	for inside, file := range map[string]string{"/tmp/attack": attack, "/usr/bin/dash": "/usr/bin/dash"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		digests[inside] = workload.Digest(sha256.Sum256(b)).String()
	}
	echo, err := os.ReadFile("/usr/bin/echo")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if strings.Count(must(t, "logs", server), "serving") == 2 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for uid, user := range map[int]string{0: "root", 1000: "web"} {
		for _, mode := range []policy.Mode{policy.Audit, policy.Enforce} {
			for _, open := range []bool{false, true} {
				name := fmt.Sprintf("%s %s", user, mode)
				if open {
					name += ", without Docker's profile"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					put := strings.NewReplacer("MODE", string(mode), "ME", user, "OTHERS", map[string]string{"root": "web", "web": "root"}[user], "LOADER", loader, "NUMBER", fmt.Sprint(uid),
						"SERVER", controlServer, "PEER", dockerPeer, "DIGEST", workload.Digest(sha256.Sum256(append(echo, 0))).String(), "NOROOT", map[int]string{1000: ", noRoot: true"}[uid])
					r := controlRun{uid: uint32(uid), user: user, mode: mode, digests: digests}
					command := []string{"/tmp/attack", "each"}
					for _, c := range controlCases {
						if c.user && uid == 0 || c.open != open && c.control != "volumes" && c.control != "capabilities" {
							continue
						}
						r.cases = append(r.cases, c)
						for _, words := range []*string{&c.rule, &c.act, &c.worked, &c.beside, &c.fine, &c.object} {
							*words = put.Replace(*words)
						}
						r.cases[len(r.cases)-1] = c
						for _, act := range []string{c.beside, c.act} {
							if act == "" {
								continue
							}
							for _, w := range strings.Split(act, " ") {
								command = append(command, strings.ReplaceAll(w, "@", " "))
							}
							command = append(command, ";")
						}
					}
					own := t.TempDir()
					os.Chmod(own, 0o777)
					writeFile(t, filepath.Join(own, "p.yaml"), put.Replace(controlPolicy))
					flags := []string{"run", "--rm", "--network", dockerNet, "--user", fmt.Sprint(uid), "-e", "UNHEARD=1", "--tmpfs", "/scratch:exec,mode=1777",
						"-v", own + ":/own", "-v", dir + ":/mnt/host:ro", "-v", resolv + ":/etc/resolv.conf:ro"}
					if open {
						flags = append(flags, "--security-opt", "seccomp=unconfined", "--cap-add", "SYS_ADMIN")
					}
					flags = append(flags, dynamicImage, "/.limpet/microenforcer", "run", "--policy", "/own/p.yaml", "--events", "/own/events.jsonl", "--manifest", "/.limpet/manifest", "--")
					r.result = finish(t, exec.Command("docker", append(flags, command...)...), filepath.Join(own, "events.jsonl"))
					r.check(t)
				})
			}
		}
	}
}

// controlRun is one container's run of the cases.
type controlRun struct {
	result
	cases []controlCase
	uid   uint32
	user  string
	mode  policy.Mode

	digests map[string]string // of programs, by path
}

func (r *controlRun) check(t *testing.T) {
	parts := strings.Split("\n"+r.out, "\nattack ")[1:]
	told := map[*eventpb.Event]bool{} // that a case is about
	for _, c := range r.cases {
		name := c.control + " " + c.rule + " (" + c.act + ")"
		if c.act != "" {
			if len(parts) < 2 {
				t.Errorf("%s was not tried\n%s", name, r.brief())
				return
			}
			able := !c.root || r.uid == 0
			if able && !strings.Contains(parts[0], c.fine) {
				t.Errorf("%s: beside it: want %q: %s", name, c.fine, parts[0])
			}
			_, said, _ := strings.Cut(parts[1], "\n")
			switch worked := c.worked != "" && strings.Contains(said, c.worked); {
			case r.mode == policy.Audit && able && c.worked != "" && !worked:
				t.Errorf("%s: want %q: %s", name, c.worked, parts[1])
			case r.mode == policy.Enforce && (worked || !strings.Contains(said, c.denied)):
				t.Errorf("%s: want %q and not %q: %s", name, c.denied, c.worked, parts[1])
			}
			parts = parts[2:]
		}
		if c.control == "capabilities" && r.uid != 0 {
			continue // it had none to lose
		}
		found := false
		for _, e := range r.events {
			switch {
			case e.Control == c.control && (c.rule == "" || e.Rule == c.rule) && strings.Contains(objectOf(e), c.object):
				found, told[e] = true, true
				r.complete(t, name, c, e)
			case c.also == e.Control+"/"+e.Rule:
				told[e] = true
			}
		}
		if !found {
			t.Errorf("%s: no event", name)
		}
	}
	log, tunnel := uint64(0), []*eventpb.Event{}
	for _, e := range r.events {
		if e.Rule == "recordRequests" && e.GetDns().GetName() == "good.test" {
			log += e.Count
		}
		if e.Rule == "tunnel" {
			tunnel = append(tunnel, e)
		}
		if e.Verdict != eventpb.Verdict_VERDICT_ALLOW && !told[e] {
			t.Errorf("nobody did anything to deserve this: %s %s/%s %s: %s", e.Verdict, e.Control, e.Rule, objectOf(e), e.Reason)
		}
	}
	if asked := r.asked("good.test"); int(log) != asked || asked > 0 && (len(tunnel) != 2 || tunnel[0].Count+tunnel[1].Count != 18) {
		t.Errorf("the log of names tells of %d questions of %d; a tunnel of 18 was told of so: %v", log, asked, tunnel)
	}
	if t.Failed() {
		t.Log(r.brief())
	}
}

// asked counts the questions for a name.
func (r *controlRun) asked(name string) (n int) {
	for _, c := range r.cases {
		n += strings.Count(c.act+" "+c.beside, " "+name)
	}
	return n
}

// complete holds an event to what was promised of each: rule, process tree,
// digests, object, technique, and words for a person.
func (r *controlRun) complete(t *testing.T, name string, c controlCase, e *eventpb.Event) {
	mode, verdict := eventpb.Mode_MODE_AUDIT, eventpb.Verdict_VERDICT_AUDIT
	if r.mode == policy.Enforce && c.control != "volumes" {
		mode, verdict = eventpb.Mode_MODE_ENFORCE, eventpb.Verdict_VERDICT_DENY
	}
	var lacks []string
	need := func(what string, ok bool) {
		if !ok {
			lacks = append(lacks, what)
		}
	}
	need("verdict", e.Verdict == verdict && e.Mode == mode)
	need("errno", c.control == "capabilities" || (e.Errno != 0 || e.Killed) == (verdict == eventpb.Verdict_VERDICT_DENY))
	need("the end of the process", e.Killed == (verdict == eventpb.Verdict_VERDICT_DENY && (c.control == "lowPorts" || c.rule == "relayed")))
	need("policy", e.Policy == "e2e")
	need("rule", e.Rule != "")
	need("technique", e.Technique != "" && e.Technique == policy.ControlID(c.control).Technique())
	need("reason", strings.HasSuffix(e.Reason, ".") && !strings.Contains(e.Reason, "not known") && !strings.Contains(e.Reason, "; )"))
	need("object", e.Object != nil)
	if c.control != "volumes" && !c.outside { // that was nobody of the workload
		p := e.Process
		need("process", p.GetPid() != 0 && p.GetExe() != "" && len(p.GetArgs()) != 0 && p.GetStartTime() != 0)
		need("digest of the process", r.right(p))
		need("user", p.GetUid() == r.uid && p.GetUser() == r.user)
		if c.control != "capabilities" { // that is the first process
			need("ancestors", len(e.Ancestors) > 0)
			for _, a := range e.Ancestors {
				need("an ancestor's program, arguments and digest", a.Exe != "" && len(a.Args) > 0 && r.right(a) && a.User == r.user)
			}
			if n := len(e.Ancestors); n > 0 {
				need("the first process", slices.Equal(e.Ancestors[n-1].Args[:min(2, len(e.Ancestors[n-1].Args))], []string{"/tmp/attack", "each"}))
			}
		}
	}
	if f := e.GetFile(); f != nil && e.Kind == eventpb.Kind_KIND_EXEC {
		need("digest of the program", strings.HasPrefix(f.Digest, "sha256:"))
		need("expected digest", (f.ExpectedDigest != "") == (c.rule == "modified"))
	} else if f != nil && e.Kind == eventpb.Kind_KIND_FILE && c.control != "volumes" && f.Operation != "" {
		need("system call", f.Syscall != "")
	}
	if c.control == "fileIntegrity" && r.mode == policy.Audit {
		f := e.GetFile()
		before, after := f.DigestBefore != "", f.DigestAfter != ""
		want := map[string][2]bool{"create": {false, true}, "modify": {true, true}, "delete": {true, false}, "attributes": {false, false}, "read": {true, false}}
		op := strings.TrimPrefix(c.object, "/tmp/watch/")
		op, _, _ = strings.Cut(op, " ")
		need("digests before and after", [2]bool{before, after} == want[op])
	}
	if len(lacks) > 0 {
		t.Errorf("%s: the event lacks %s: %v", name, strings.Join(lacks, ", "), e)
	}
	t.Logf("%s/%s: %s", c.control, e.Rule, e.Reason)
}

// right says that a process comes with the digest of what it runs.
func (r *controlRun) right(p *eventpb.Process) bool {
	want, known := r.digests[p.GetExe()]
	return p.GetDigest() == want || !known && strings.HasPrefix(p.GetDigest(), "sha256:")
}

// objectOf writes an event's object down for a search.
func objectOf(e *eventpb.Event) string {
	switch o := e.Object.(type) {
	case *eventpb.Event_File:
		return strings.Join([]string{o.File.Path, o.File.Operation, o.File.Requested, o.File.OtherPath, e.Attributes["named"], e.Attributes["decoy"]}, " ")
	case *eventpb.Event_Network:
		n := o.Network
		if n.Protocol == "unix" {
			return n.Address + ": " + e.Attributes["leads_to"]
		}
		return fmt.Sprintf("%s:%d/%s %s:%d %d", n.Address, n.Port, n.Protocol, n.LocalAddress, n.LocalPort, n.Domain)
	case *eventpb.Event_Call:
		return o.Call.Syscall + " " + o.Call.Detail
	case *eventpb.Event_Dns:
		return strings.Join([]string{o.Dns.Name, o.Dns.Server, o.Dns.Target}, " ")
	}
	return ""
}

// What decides at the workload's start, what ends the whole of it, and days
// that must pass first, as root and as uid 1000.
func TestDockerControlsAtStart(t *testing.T) {
	buildImages(t)
	for _, tt := range []struct {
		name, spec, response string
		aged                 bool // the policy is older than enforceAfterDays
		control              string
		ran                  map[policy.Mode]bool // by mode; a mode that is not there is not tried
		code                 int                  // where it did not run
	}{
		{name: "volumes", control: "volumes", spec: "  controls:\n    volumes: {mode: MODE, paths: [/own]}\n", ran: map[policy.Mode]bool{policy.Enforce: false, policy.Audit: true}, code: 126},
		{name: "users", control: "users", spec: "  controls:\n    users: {mode: MODE, deny: [UID]}\n", ran: map[policy.Mode]bool{policy.Enforce: false, policy.Audit: true}, code: 126},
		{name: "groups", control: "users", spec: "  controls:\n    users: {mode: MODE, denyGroups: [4243, 4242]}\n", ran: map[policy.Mode]bool{policy.Enforce: false, policy.Audit: true}, code: 126},
		{name: "stop", control: "deniedExecutables", spec: "  controls:\n    deniedExecutables: {mode: MODE, response: stopContainer, paths: [/tmp/other]}\n", ran: map[policy.Mode]bool{policy.Enforce: false, policy.Audit: true}, code: 137},
		{name: "too early", control: "deniedExecutables", spec: "  enforceAfterDays: 7\n  controls:\n    deniedExecutables: {mode: MODE, paths: [/tmp/other]}\n", ran: map[policy.Mode]bool{policy.Enforce: true}},
		{name: "after days", control: "deniedExecutables", spec: "  enforceAfterDays: 7\n  controls:\n    deniedExecutables: {mode: MODE, paths: [/tmp/other]}\n", aged: true, ran: map[policy.Mode]bool{policy.Enforce: false}, code: 1},
		{name: "beside", spec: "  controls:\n    volumes: {mode: MODE, paths: [/var/run/docker.sock]}\n    users: {mode: MODE, deny: [4242], allow: [root, 1000]}\n    deniedExecutables: {mode: MODE, response: stopContainer, paths: [/tmp/sh]}\n", ran: map[policy.Mode]bool{policy.Enforce: true}},
	} {
		for mode, ran := range tt.ran {
			for _, uid := range []string{"0", "1000"} {
				t.Run(fmt.Sprintf("%s %s as %s", tt.name, mode, uid), func(t *testing.T) {
					t.Parallel()
					own := t.TempDir()
					file := filepath.Join(own, "p.yaml")
					writeFile(t, file, "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: e2e}\nspec:\n"+strings.NewReplacer("MODE", string(mode), "UID", uid).Replace(tt.spec))
					if tt.aged {
						then := time.Now().Add(-8 * 24 * time.Hour)
						os.Chtimes(file, then, then)
					}
					r := finish(t, exec.Command("docker", "run", "--rm", "--network", "none", "--user", uid, "--group-add", "4242", "-v", own+":/own:ro", busyImage,
						"/.limpet/microenforcer", "run", "--policy", "/own/p.yaml", "--", "/tmp/attack", "child", "/tmp/other", "echo", "other-ran"), "")
					r.events = parseEvents(t, r.err)
					if r.has("other-ran") != ran || !ran && r.code != tt.code {
						t.Error(r.brief())
					}
					want := eventpb.Verdict_VERDICT_AUDIT
					if !ran {
						want = eventpb.Verdict_VERDICT_DENY
					}
					told := 0
					for _, e := range r.events {
						if e.Control == "" {
							continue
						}
						told++
						if e.Kind == eventpb.Kind_KIND_EXEC && tt.control == "deniedExecutables" && e.GetFile().GetDigest() == "" {
							t.Errorf("no digest: %v", e)
						}
						if e.Control != tt.control || e.Verdict != want || e.Rule == "" || e.Policy != "e2e" || e.Technique != policy.ControlID(tt.control).Technique() || e.Object == nil || !strings.HasSuffix(e.Reason, ".") ||
							e.Killed != (want == eventpb.Verdict_VERDICT_DENY && tt.code == 137) && tt.control != "volumes" {
							t.Errorf("%v", e)
						}
					}
					if (told > 0) != (tt.control != "") {
						t.Error(r.brief())
					}
				})
			}
		}
	}
}
