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
// inode that tells whether the name still leads there.
func (a *attempt) linker() {
	if !a.wants.Linker {
		return
	}
	var v procfs.VMA
	dynamic := false
	err := a.s.power.as(a.tid, func() error {
		aux, _, err := procfs.ReadFile(procfs.Path(a.tid, "auxv"), 4096)
		if err != nil {
			return err
		}
		var base uint64
		for ; len(aux) >= 16; aux = aux[16:] {
			if binary.NativeEndian.Uint64(aux) == atBase {
				base = binary.NativeEndian.Uint64(aux[8:])
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
	r := action.Ref{Kind: action.RefLinker, Name: v.Name, Via: "PT_INTERP", FD: -1, Unseen: true}
	if o, err := a.place.find(linux.AtFDCWD, v.Name, 0); err == nil {
		known := o.file.Ino == v.Ino
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
