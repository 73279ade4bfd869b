package notify

import (
	"encoding/binary"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

const atBase = 7

// linker adds the dynamic loader that the kernel has mapped, which runs before
// the program itself. It is found by the mapping at AT_BASE: its name, and the
// file system and inode that tell whether the name still leads there.
func (a *attempt) linker(stack newStack) {
	if !a.wants.Linker {
		return
	}
	var v procfs.VMA
	dynamic := false
	err := a.s.power.as(a.tid, func() error {
		base := stack.base
		if !stack.whole {
			var err error
			if base, err = a.auxBase(); err != nil {
				return err
			}
		}
		if dynamic = base != 0; !dynamic {
			return nil
		}
		fd, err := linux.OpenAt(linux.AtFDCWD, procfs.Path(a.tid, "maps"), syscall.O_RDONLY)
		if err != nil {
			return err
		}
		defer linux.Close(fd)
		vmas, err := procfs.VMAs(fd, base, base+1)
		if err == nil && len(vmas) == 1 {
			v = vmas[0]
		}
		return err
	})
	if err == nil && !dynamic {
		return
	}
	if a.knownLinker(&v) {
		return
	}
	r := action.Ref{Kind: action.RefLinker, Name: v.Name, Via: "PT_INTERP", FD: -1, Unseen: true}
	if o, err := a.place.find(linux.AtFDCWD, v.Name, 0); err == nil {
		known := a.isMapped(o, &v)
		if known && a.s.cfg.Judge.MapKnown(o.file) {
			o.close()
			return
		}
		(&finder{a: a}).take(&r, o)
		r.Unseen = r.Unseen || !known
	}
	if len(a.Refs) < action.MaxRefs {
		a.Refs = append(a.Refs, r)
	}
}

// auxBase reads AT_BASE from /proc.
func (a *attempt) auxBase() (base uint64, err error) {
	aux, _, err := procfs.ReadFile(procfs.Path(a.tid, "auxv"), 4096)
	for ; len(aux) >= 16; aux = aux[16:] {
		if binary.NativeEndian.Uint64(aux) == atBase {
			base = binary.NativeEndian.Uint64(aux[8:])
		}
	}
	return base, err
}

// knownLinker says by one call what is nearly always so: the name of the
// mapping leads to the file that is mapped, and that was found to be the
// image's. Where it is not certain the answer is no.
func (a *attempt) knownLinker(v *procfs.VMA) bool {
	var st linux.Stat
	if a.s.roots.Load() || v.Name == "" || v.Name[0] != '/' || linux.StatAt(linux.AtFDCWD, v.Name, &st, 0) != nil {
		return false
	}
	same, _ := a.s.devices.mappedAs(uint64(st.Dev), st.Ino, v)
	return same && a.s.cfg.Judge.MapKnown(fileOf(&st))
}
