//go:build cgo && (kernel || generate)

package generate

import (
	"fmt"
	"os"

	lib "github.com/seccomp/libseccomp-golang"

	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

var arches = map[string]lib.ScmpArch{"amd64": lib.ArchAMD64, "arm64": lib.ArchARM64}

// Filter gives the program for arch ("amd64" or "arm64") in the layout of
// struct sock_filter, and the numbers of every call that the tables name.
func Filter(arch string) ([]byte, map[string]int, error) {
	a, ok := arches[arch]
	if !ok {
		return nil, nil, fmt.Errorf("cannot generate a filter for architecture %q", arch)
	}
	f, err := lib.NewFilter(lib.ActAllow)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot begin a filter: %w", err)
	}
	defer f.Release()
	native, err := lib.GetNativeArch()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot tell the native architecture: %w", err)
	}
	if native != a {
		if err := f.AddArch(a); err != nil {
			return nil, nil, fmt.Errorf("cannot add %s: %w", arch, err)
		}
		if err := f.RemoveArch(native); err != nil {
			return nil, nil, fmt.Errorf("cannot remove the native architecture: %w", err)
		}
	}
	if err := f.SetBadArchAction(lib.ActErrno.SetReturnCode(int16(rules.ForeignErrno))); err != nil {
		return nil, nil, fmt.Errorf("cannot set the answer to foreign calls: %w", err)
	}
	if err := f.SetOptimize(2); err != nil {
		return nil, nil, fmt.Errorf("cannot ask for a binary tree: %w", err)
	}
	numbers := make(map[string]int)
	for _, r := range rules.Rules {
		nr, err := lib.GetSyscallFromNameByArch(r.Syscall, a)
		if err != nil || nr < 0 {
			continue // this architecture has no such call
		}
		numbers[r.Syscall] = int(nr)
		// AddRule takes the number that the call has here and translates it.
		if nr, err = lib.GetSyscallFromName(r.Syscall); err != nil {
			return nil, nil, fmt.Errorf("cannot find %s: %w", r.Syscall, err)
		}
		act := lib.ActNotify
		if r.Action == rules.Refuse {
			act = lib.ActErrno.SetReturnCode(int16(r.Errno))
		}
		if len(r.Conds) == 0 {
			if err := f.AddRule(nr, act); err != nil {
				return nil, nil, fmt.Errorf("cannot add a rule for %s on %s: %w", r.Syscall, arch, err)
			}
			continue
		}
		conds := make([]lib.ScmpCondition, 0, len(r.Conds))
		for _, c := range r.Conds {
			sc, err := condition(c)
			if err != nil {
				return nil, nil, fmt.Errorf("cannot write a condition of %s: %w", r.Syscall, err)
			}
			conds = append(conds, sc)
		}
		if err := f.AddRuleConditional(nr, act, conds); err != nil {
			return nil, nil, fmt.Errorf("cannot add a rule for %s on %s: %w", r.Syscall, arch, err)
		}
	}
	for _, name := range rules.Armed {
		if nr, err := lib.GetSyscallFromNameByArch(name, a); err == nil && nr >= 0 {
			numbers[name] = int(nr)
		}
	}
	for _, r := range rules.TargetRules {
		if nr, err := lib.GetSyscallFromNameByArch(r.Syscall, a); err == nil && nr >= 0 {
			numbers[r.Syscall] = int(nr)
			// AddRule takes the number that the call has here and translates it.
			if nr, err = lib.GetSyscallFromName(r.Syscall); err != nil {
				return nil, nil, fmt.Errorf("cannot find %s: %w", r.Syscall, err)
			}
		}
	}
	prog, err := export(f)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot export the filter: %w", err)
	}
	return prog, numbers, nil
}

// export writes through a file: ExportBPFMem needs libseccomp 2.6.
func export(f *lib.ScmpFilter) ([]byte, error) {
	tmp, err := os.CreateTemp("", "filter")
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := f.ExportBPF(tmp); err != nil {
		return nil, err
	}
	return os.ReadFile(tmp.Name())
}

const low32 = 0xffffffff

func condition(c rules.Cond) (lib.ScmpCondition, error) {
	switch {
	case c.Op == rules.Equal && c.Low:
		return lib.MakeCondition(c.Arg, lib.CompareMaskedEqual, low32, c.Value)
	case c.Op == rules.Equal:
		return lib.MakeCondition(c.Arg, lib.CompareEqual, c.Value)
	case c.Op == rules.NotEqual && !c.Low:
		return lib.MakeCondition(c.Arg, lib.CompareNotEqual, c.Value)
	case c.Op == rules.Masked:
		return lib.MakeCondition(c.Arg, lib.CompareMaskedEqual, c.Mask, c.Value)
	}
	return lib.ScmpCondition{}, fmt.Errorf("comparison %d is not known", c.Op)
}
