package seccomp

const auditArch = 0xc000003e

func embedded() []byte        { return filterAMD64 }
func numbers() map[string]int { return numbers_amd64 }

func calls() []call { return calls_amd64 }
