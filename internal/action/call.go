package action

// Call is a system call that a policy may list by its name alone.
type Call struct {
	Proc *Process
	Name string // as policies name it; "syscall 999" for one without a name here
}
