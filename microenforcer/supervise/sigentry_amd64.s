#include "textflag.h"

// Signal handlers in the kernel's C convention: DI signal number, SI
// siginfo, DX ucontext. They run on the signal stack, touch no Go state and
// return to the restorer that the kernel put on the stack.

// func plainEntry()
TEXT ·plainEntry(SB), NOSPLIT|NOFRAME, $0
	MOVQ ·pipeFD(SB), DI
	MOVQ $32, DX
	MOVQ $1, AX // write(pipeFD, siginfo, 32)
	SYSCALL
	RET

// func faultEntry()
TEXT ·faultEntry(SB), NOSPLIT|NOFRAME, $0
	MOVL 8(SI), AX // si_code
	CMPL AX, $0
	JGT  fault
	JMP  ·plainEntry(SB)

fault:
	MOVQ ·runtimeEntry(SB), AX
	JMP  AX

// func entries() (plain, fault uintptr)
TEXT ·entries(SB), NOSPLIT, $0-16
	LEAQ ·plainEntry(SB), AX
	MOVQ AX, plain+0(FP)
	LEAQ ·faultEntry(SB), AX
	MOVQ AX, fault+8(FP)
	RET
