//go:build kernel || docker

package microenforcer_test

import (
	"slices"
	"strings"
)

// rootOnly are the attacks that the kernel refuses to others, so that they do
// not work in audit mode either.
var rootOnly = map[string]bool{"raw socket": true, "namespace": true, "mount": true, "bpf": true, "setuid": true, "denied user": true}

// Attacks that can be tried one after the other under one policy: no rule of
// one is in the way of another. Those alone would be named before others.
var (
	inOneRun = []string{
		"denied program", "drift", "fileless", "package manager", "reverse shell", "outbound tcp", "outbound udp connect",
		"outbound udp sendto", "metadata", "raw socket", "namespace", "mount", "bpf", "ptrace", "setuid",
	}
	inAnother = []string{"denied user", "inline code", "script"}
)

// groups gives both, without those to leave out.
func groups(leave func(attackCase) bool) (together, alone []attackCase) {
	for _, tt := range attackCases {
		switch {
		case leave(tt):
		case slices.Contains(inOneRun, tt.name):
			together = append(together, tt)
		case slices.Contains(inAnother, tt.name):
			alone = append(alone, tt)
		}
	}
	return together, alone
}

// compose makes one policy and one command of many attacks. other is an
// address that the policy does not deny, for the attack that has to connect.
func compose(cases []attackCase, mode, peer, other string) (controls string, command []string, order []attackCase) {
	command = []string{"/tmp/attack", "each"}
	// A mount hides /tmp from what follows.
	isMount := func(tt attackCase) bool { return tt.name == "mount" }
	order = slices.DeleteFunc(slices.Clone(cases), isMount)
	if i := slices.IndexFunc(cases, isMount); i >= 0 {
		order = append(order, cases[i])
	}
	for i, tt := range order {
		at := peer
		if tt.control == "reverseShell" {
			at = other
		}
		tt = tt.at(at, mode)
		order[i] = tt
		// The rule of the tcp case, without its protocol, holds for udp too.
		if !strings.HasPrefix(tt.name, "outbound udp") && !strings.Contains(controls, tt.controls) {
			controls += strings.Replace(tt.controls, ", ports: [80], protocols: [tcp]", "", 1)
		}
		command = append(append(command, tt.attack...), ";")
	}
	return controls, command, order
}

// said gives what each attack of a run printed; nil: not all were tried.
func (r result) said(n int) []string {
	parts := strings.Split("\n"+r.out, "\nattack ")[1:]
	if len(parts) < n {
		return nil
	}
	for i := range parts {
		_, parts[i], _ = strings.Cut(parts[i], "\n")
	}
	return parts
}
