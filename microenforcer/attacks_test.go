//go:build kernel || docker

package microenforcer_test

// attackCase is one attack, in the words of testdata/attack, and what must
// come of it. It runs directly (kernel) and in containers (docker).
type attackCase struct {
	name     string
	controls string   // MODE is replaced
	attack   []string // run through "child", so that there is an ancestor; ATTACK is the program
	control  string   // that must report it
	rule     string   // "" any
	worked   string   // what the attack prints when it succeeds
	denied   string   // what it prints when it is denied
}

var attackCases = []attackCase{
	{"denied program", "    deniedExecutables: {mode: MODE, paths: [/tmp/other]}\n", []string{"child", "/tmp/other", "echo", "other-ran"}, "deniedExecutables", "paths[0]", "other-ran", "errno 13"},
	{"drift", "    drift: {mode: MODE}\n", []string{"drop", "/tmp/dropped"}, "drift", "", "drop-ran", "errno 13"},
	{"fileless", "    fileless: {mode: MODE}\n", []string{"memfd"}, "fileless", "", "memfd-ran", "errno 13"},
	{"package manager", "    packageManagers: {mode: MODE}\n", []string{"child", "/tmp/apt-get", "echo", "apt-ran"}, "packageManagers", "", "apt-ran", "errno 13"},
	{"reverse shell", "    reverseShell: {mode: MODE}\n", []string{"shell", "PEER", "/tmp/sh", "echo", "shell-ran"}, "reverseShell", "", "received shell-ran", "errno 13"},
	{"outbound tcp", "    outbound: {mode: MODE, deny: [{cidrs: [PEERIP/32], ports: [PEERPORT], protocols: [tcp]}]}\n", []string{"tcp", "PEER"}, "outbound", "deny[0]", "got hello", "errno 111"},
	{"outbound udp connect", "    outbound: {mode: MODE, deny: [{cidrs: [PEERIP/32], protocols: [udp]}]}\n", []string{"udp", "PEER"}, "outbound", "deny[0]", "worked udp", "errno 1 "},
	{"outbound udp sendto", "    outbound: {mode: MODE, deny: [{cidrs: [PEERIP/32], protocols: [udp]}]}\n", []string{"sendto", "PEER"}, "outbound", "deny[0]", "worked sendto", "errno 1 "},
	{"metadata", "    metadataEndpoints: {mode: MODE}\n", []string{"tcp", "169.254.169.254:80"}, "metadataEndpoints", "", "got hello", "errno 111"},
	{"raw socket", "    socketFamilies: {mode: MODE, deny: [packet]}\n", []string{"raw"}, "socketFamilies", "", "worked raw", "errno 97"},
	{"namespace", "    namespaces: {mode: MODE}\n", []string{"unshare"}, "namespaces", "", "", "errno 1 "},
	{"mount", "    mounts: {mode: MODE}\n", []string{"mount"}, "mounts", "", "", "errno 1 "},
	{"bpf", "    kernelInterfaces: {mode: MODE}\n", []string{"bpf"}, "kernelInterfaces", "", "", "errno 1 "},
	{"ptrace", "    injection: {mode: MODE}\n", []string{"ptrace"}, "injection", "", "", "errno 1 "},
	{"fork limit", "    processLimit: {mode: MODE, maxTasks: 40}\n", []string{"fork", "30"}, "processLimit", "", "forked 30", "errno 11"},
	{"setuid", "    privilegeChange: {mode: MODE, changes: any}\n", []string{"setuid", "1000"}, "privilegeChange", "", "worked setuid", "errno 1 "},
}
