package seccomp

const auditArch = 0xc00000b7

func embedded() []byte        { return filterARM64 }
func numbers() map[string]int { return numbers_arm64 }

func calls() []call { return calls_arm64 }
