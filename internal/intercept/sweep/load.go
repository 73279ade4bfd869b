package sweep

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// LoadJudge is what a Judge may implement besides, for processes that work the
// processor without a rest.
type LoadJudge interface {
	Load(*action.Load) intercept.Answer
}

const (
	// loadPeriod is how far apart two looks at the work of processes are. One
	// costs a read for each process, and one for each thread of those that work.
	loadPeriod = 2 * time.Second
	// restless is how many looks in a row must find a thread working before
	// anybody is asked; then at twice as many, and so on.
	restless = 3
	// A thread works if it wanted the processor for so much of the time, whether
	// it got it or not: the machine may be busy with others.
	wanting = 0.8
	// atLeast is the part of a processor below which a process is left alone.
	atLeast    = 0.02
	maxThreads = 256  // of one process that are looked at
	maxWorkers = 4096 // processes that are followed
)

// work is what was seen of one process's work.
type work struct {
	start   uint64
	ticks   uint64
	at      time.Time
	wanted  map[int]uint64 // ns that threads had or waited for the processor
	streak  int
	since   time.Time
	ask     int // the streak at which somebody is asked next
	visited time.Time
}

// loads looks how processes work, if it is time.
func (s *Sweeper) loads(now time.Time) {
	j, ok := s.cfg.Judge.(LoadJudge)
	if !ok || now.Sub(s.loadAt) < loadPeriod {
		return
	}
	s.loadAt = now
	if s.works == nil {
		s.works = make(map[int]*work)
	}
	for _, pid := range s.pids {
		if k := s.known[pid]; k == nil || k.place != inTree && k.place != outside {
			continue
		}
		start, ticks, err := procfs.Times(pid)
		if err != nil {
			continue
		}
		w := s.works[pid]
		if w == nil || w.start != start {
			if w != nil || len(s.works) < maxWorkers {
				s.works[pid] = &work{start: start, ticks: ticks, at: now, visited: now}
			}
			continue
		}
		if w.visited = now; w.hard(ticks, now) {
			s.follow(j, pid, w, now)
		} else {
			w.wanted, w.streak = nil, 0
		}
		w.ticks, w.at = ticks, now
	}
	for pid, w := range s.works {
		if w.visited != now {
			delete(s.works, pid)
		}
	}
}

// hard says that a process worked noticeably since the last look.
func (w *work) hard(ticks uint64, now time.Time) bool {
	const perSecond = 100
	return float64(ticks-w.ticks)/perSecond >= atLeast*now.Sub(w.at).Seconds()
}

// follow looks at the threads of a process that works, and asks about it when
// they did not rest for long enough.
func (s *Sweeper) follow(j LoadJudge, pid int, w *work, now time.Time) {
	before := w.wanted
	w.wanted = make(map[int]uint64)
	names, err := os.ReadDir(procfs.Path(pid, "task"))
	if err != nil {
		return
	}
	var busy []int
	for _, n := range names[:min(len(names), maxThreads)] {
		tid, err := strconv.Atoi(n.Name())
		if err != nil {
			continue
		}
		ns, err := procfs.Wanted(pid, tid)
		if err != nil {
			continue
		}
		w.wanted[tid] = ns
		if old, known := before[tid]; known && float64(ns-old) >= wanting*float64(now.Sub(w.at)) {
			busy = append(busy, tid)
		}
	}
	if len(busy) == 0 {
		w.streak = 0
		return
	}
	if w.streak++; w.streak == 1 {
		w.since, w.ask = w.at, restless
	}
	if w.streak < w.ask {
		return
	}
	w.ask *= 2
	st, err := procfs.ReadStat(pid)
	if err != nil || st.StartTime != w.start {
		return
	}
	l := &action.Load{Proc: s.tell(one{pid: pid, ppid: st.PPID, start: st.StartTime, comm: st.Comm}), Threads: len(busy), Seconds: int(now.Sub(w.since).Seconds())}
	s.evidence(pid, busy, l)
	if j.Load(l).Kill {
		if st, err := procfs.ReadStat(pid); err == nil && st.StartTime == w.start {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// evidence reads what miners have and few others: threads bound to processors,
// huge pages, code that they made themselves, much memory of a certain size.
func (s *Sweeper) evidence(pid int, busy []int, l *action.Load) {
	l.Args, _ = arguments(pid)
	if s.several() {
		at := map[string]bool{}
		for _, tid := range busy {
			if one := statusLine("/proc/"+strconv.Itoa(pid)+"/task/"+strconv.Itoa(tid)+"/status", "Cpus_allowed_list:"); one != "" && !strings.ContainsAny(one, ",-") {
				at[one] = true
			}
		}
		l.Pinned = len(at)
	}
	kb, _, _ := strings.Cut(statusLine(procfs.Path(procfs.Living(pid), "status"), "HugetlbPages:"), " ")
	n, _ := strconv.ParseUint(kb, 10, 64)
	l.HugePages = n << 10
	m := s.memoryOf(pid)
	l.Code, l.Dataset = m.code, m.dataset
}

// memory is what counts of a process's mappings.
type memory struct {
	code    uint64 // bytes that are executable and no file's
	dataset bool
	seen    bool // there are mappings
}

func (m *memory) add(v *procfs.VMA) bool {
	anonymous := v.Ino == 0 && (v.Name == "" || strings.HasPrefix(v.Name, "[anon")) || strings.Contains(v.Name, "anon_hugepage")
	size := v.End - v.Start
	m.seen = true
	switch {
	case !anonymous:
	case v.Exec:
		m.code += size
	case v.Read && v.Write:
		m.dataset = m.dataset || randomX(size)
	}
	return true
}

// randomX says that memory has the size of RandomX's data set (2080 MiB), alone
// or with its cache (256 MiB) beside it, and a little that the kernel joined
// with it.
func randomX(size uint64) bool {
	const mib, slack = 1 << 20, 32 << 20
	return size >= 2080*mib && size < 2080*mib+slack || size >= 2336*mib && size < 2336*mib+slack
}

// memoryOf reads the mappings of a process, which it can make slow: as arguments.
func (s *Sweeper) memoryOf(pid int) (m memory) {
	if readings.Add(1) > maxReadings {
		readings.Add(-1)
		return m
	}
	out := make(chan memory, 1)
	go func() {
		defer readings.Add(-1)
		fd := -1
		_ = s.cfg.Tree.Privileged(pid, func() (err error) {
			if fd < 0 {
				fd, err = linux.OpenAt(linux.AtFDCWD, procfs.Path(procfs.Living(pid), "maps"), syscall.O_RDONLY)
			}
			return err
		})
		var all memory
		if fd >= 0 {
			_ = procfs.EachVMA(fd, 0, 1<<63, all.add)
			linux.Close(fd)
		}
		out <- all
	}()
	select {
	case m = <-out:
	case <-time.After(5 * maxReading):
	}
	return m
}

// several says that we may run on more than one processor.
func (s *Sweeper) several() bool {
	return strings.ContainsAny(statusLine("/proc/self/status", "Cpus_allowed_list:"), ",-")
}

// statusLine gives the value of a line of a status file; "" if it is not there.
func statusLine(path, key string) string {
	b, _, err := procfs.ReadFile(path, procfs.MaxStatus)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte(key)); ok {
			return string(bytes.TrimSpace(v))
		}
	}
	return ""
}
