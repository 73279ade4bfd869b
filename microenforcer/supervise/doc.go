// Package supervise does what the first process of a container owes to the
// processes below it, and nothing else: it collects the dead, passes signals
// on, keeps the terminal in the right hands and ends as its child ended.
//
// It takes a started main child; it gives the way that child ended. It trusts
// the kernel only. It owns the signal dispositions of the process and every
// exit status of every descendant that nobody else has claimed.
//
// # Use
//
//	s, err := supervise.Take(opts)   // before anything is started
//	child := start(...)              // in a process group of its own
//	exit, err := s.Wait(child.Pid)   // until the child ends
//	s.EndRest()                      // the kernel does it for PID 1, we do it otherwise
//	os.Exit(exit.Code())
//
// # Waiting beside a tracer
//
// The same process supervises and traces (exec verification seizes tasks for
// a moment), and the kernel shows a tracee's stops to every wait of the
// tracer's thread group, whatever flags it gives. Two rules keep the two
// apart:
//
//   - This package only peeks: waitid(P_ALL, WEXITED|WNOHANG|WNOWAIT). It
//     then reaps by number, with WEXITED alone, and only what the peek has
//     shown to be dead. A peek that shows a stopped tracee leaves it alone and
//     looks again a moment later.
//   - The tracer waits for one thread by number, for stops, and takes an
//     exit status only from threads it has seized itself. When it finds
//     ECHILD, or an exit, the task has ended: it must not expect to be the one
//     who learns the status. Should it have taken a status that is ours, it
//     hands it in with Reaped.
//
// Helpers of the enforcer itself (probe children, identity helpers) are
// started through os/exec, which waits for them by number. Options.Foreign
// names them, and they are left to their owner.
//
// # Signals
//
// The Go runtime dies of SIGQUIT, SIGABRT, SIGSEGV, SIGTRAP and others when
// somebody sends them, and of more when they come from sigqueue(3) or a timer.
// So every signal number has a small handler of ours that writes the
// siginfo to a pipe and returns. Faults that the processor raised (si_code > 0)
// still go to the runtime, so that a nil pointer is a panic. Left to the
// runtime are SIGURG (preemption), SIGCHLD is ours but not passed on, and
// number 33 (the runtime's own per-thread signal; harmless when sent).
//
// # Threads
//
// The handlers run on any thread and touch no Go state. One goroutine reads
// the pipe; Wait is the only place that reaps and forwards. There is no lock
// but the one over statuses handed in by Reaped.
package supervise
