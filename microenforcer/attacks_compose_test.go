//go:build kernel || docker

package microenforcer_test

import (
	"slices"
	"strings"
)

// rootOnly are the attacks that the kernel refuses to others, so that they do
// not work in audit mode either.
var rootOnly = map[string]bool{"raw socket": true, "namespace": true, "mount": true, "bpf": true, "setuid": true, "denied user": true}

// apart are the controls that would name the attacks of others first: they
// are tried in a run of their own.
var apart = map[string]bool{"interpreters": true, "users": true}

// groups gives the attacks that can be tried one after the other in one run,
// and those for another.
func groups(leave func(attackCase) bool) (together, alone []attackCase) {
	for _, tt := range attackCases {
		switch {
		case tt.control == "processLimit": // it would hold for every attack before its own
		case leave(tt):
		case apart[tt.control]:
			alone = append(alone, tt)
		default:
			together = append(together, tt)
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
