package notify

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// awoke is before anything that the workload did to a file.
var awoke = time.Now().UnixNano()

// rewritable says that a program of the image, at its exec stop, can still be
// changed through a mapping that somebody kept when he closed the file: on
// overlayfs the kernel starts it all the same, and from then on refuses to open
// it for writing. Only what was changed since we began can have such a mapping.
func (s *Supervisor) rewritable(a *attempt, exe action.File) bool {
	origin := a.Origin
	if a.Script {
		origin = a.InterpOrigin
	}
	if origin != action.OriginImage || exe.CtimeNs < awoke {
		return false
	}
	table, err := procfs.OpenTable()
	if err != nil {
		return true
	}
	defer table.Close()
	pids, _ := table.Pids(nil)
	for _, pid := range pids {
		if pid != a.tgid && s.mapsToWrite(pid, exe) {
			return true
		}
	}
	return false
}

// mapsToWrite says that a process has a mapping through which it can write to a
// file, or could after mprotect.
func (s *Supervisor) mapsToWrite(pid int, f action.File) bool {
	found, some := s.mapsIt(pid, f)
	if some || found {
		return found
	}
	names, _ := os.ReadDir(procfs.Path(pid, "task")) // its first thread may have ended
	for i := 0; i < len(names) && !some && !found; i++ {
		tid, _ := strconv.Atoi(names[i].Name())
		found, some = s.mapsIt(tid, f)
	}
	return found
}

// mapsIt looks through all mappings of a task, however many there are; some: it
// has any.
func (s *Supervisor) mapsIt(tid int, f action.File) (found, some bool) {
	fd := -1
	if s.power.as(tid, func() (err error) {
		fd, err = linux.OpenAt(linux.AtFDCWD, s.power.path(tid, "maps"), syscall.O_RDONLY)
		return err
	}) != nil {
		return false, false
	}
	defer linux.Close(fd)
	err := procfs.EachVMA(fd, 0, 1<<63, func(v *procfs.VMA) bool {
		some = true
		if !v.Share || v.Ino == 0 {
			return true
		}
		// Before Linux 6.8 the number is not the one that overlayfs shows.
		var st linux.Stat
		if v.Ino != f.Ino && (linux.StatAt(linux.AtFDCWD, v.Name, &st, 0) != nil || fileOf(&st).Dev != f.Dev || st.Ino != f.Ino) {
			return true
		}
		found = v.Write || s.mayWrite(tid, v.Start)
		return !found
	})
	return found || some && err != nil, some
}

// mayWrite says that a mapping is of a file that was open for writing.
func (s *Supervisor) mayWrite(tid int, start uint64) bool {
	var b []byte
	err := s.power.as(tid, func() (err error) {
		b, _, err = procfs.ReadFile(s.power.path(tid, "smaps"), 16<<20)
		return err
	})
	_, rest, found := strings.Cut("\n"+string(b), "\n"+strconv.FormatUint(start, 16)+"-")
	_, rest, ok := strings.Cut(rest, "\nVmFlags:")
	flags, _, _ := strings.Cut(rest, "\n")
	return err != nil || !found || !ok || strings.Contains(flags, " mw")
}
