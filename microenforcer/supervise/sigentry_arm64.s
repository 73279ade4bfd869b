#include "textflag.h"

// Signal handlers in the kernel's C convention: R0 signal number, R1
// siginfo, R2 ucontext, R30 the restorer. They run on the signal stack and
// touch no Go state.

// func plainEntry()
TEXT ·plainEntry(SB), NOSPLIT|NOFRAME, $0
	MOVD ·pipeFD(SB), R0
	MOVD $32, R2
	MOVD $64, R8 // write(pipeFD, siginfo, 32)
	SVC
	RET

// func faultEntry()
TEXT ·faultEntry(SB), NOSPLIT|NOFRAME, $0
	MOVW 8(R1), R3 // si_code
	CMPW $0, R3
	BGT  fault
	B    ·plainEntry(SB)

fault:
	MOVD ·runtimeEntry(SB), R4
	JMP  (R4)

// func entries() (plain, fault uintptr)
TEXT ·entries(SB), NOSPLIT, $0-16
	MOVD $·plainEntry(SB), R0
	MOVD R0, plain+0(FP)
	MOVD $·faultEntry(SB), R0
	MOVD R0, fault+8(FP)
	RET
