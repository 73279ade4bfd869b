package policy

import "slices"

// CapabilityNames are the capabilities that a policy can name, ALL not among
// them.
func CapabilityNames() []string {
	return slices.DeleteFunc(slices.Clone(capabilities), func(n string) bool { return n == "ALL" })
}

// knownSyscall says that amd64 or arm64 has a system call.
func knownSyscall(name SyscallName) bool {
	_, ok := slices.BinarySearch(syscallNames, string(name))
	return ok
}

// validVariable says that a name can be that of an environment variable, and
// is none by which the loader or a shell are told what to run.
func validVariable(name string) bool {
	if name == "" || len(name) > 64 || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for _, c := range name {
		if !(c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return len(name) < 3 || name[:3] != "LD_"
}
