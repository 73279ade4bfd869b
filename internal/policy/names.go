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
