package verdict

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// Rules of the heuristics about miners.
const (
	RuleHeuristics policy.RuleID = "heuristics" // it works as miners do
	RuleAlgorithm  policy.RuleID = "algorithm"  // it is told to, in a miner's words
)

func (c *compiler) minerHeuristics(src *source, m *miners) {
	c.e.exec = append(c.e.exec, check[action.Exec]{src, func(a *action.Exec) policy.RuleID {
		if m.except.has(a.Path) || !minersWords(a.Args) {
			return ""
		}
		return RuleAlgorithm
	}})
	c.e.load = append(c.e.load, check[action.Load]{src, func(a *action.Load) policy.RuleID {
		if m.spared(a.Proc) || suspicion(a) < suspect {
			return ""
		}
		return RuleHeuristics
	}})
	c.e.needs.Loads = true
}

// suspect is how much must come together. No two things that ordinary
// programs have are enough: a Java machine with huge pages, a web server with
// its workers bound to processors and compiled patterns.
const suspect = 4

// suspicion weighs what is known of a process whose threads do not rest.
func suspicion(a *action.Load) (n int) {
	if a.Threads == 0 {
		return 0
	}
	if minersWords(a.Args) {
		n += 3
	}
	if a.Dataset {
		n += 2
	}
	if a.HugePages > 0 {
		n += 2
	}
	n += min(a.Pinned, 2)
	if a.Code >= 64<<10 {
		n++
	}
	return n
}

// minersWords says that arguments name an algorithm of miners, or hold an
// option that only miners have.
func minersWords(args []string) bool {
	for i, arg := range args {
		if i == 0 || !strings.HasPrefix(arg, "-") {
			continue
		}
		option, value, given := strings.Cut(arg, "=")
		switch option {
		case "--donate-level", "--donate-over-proxy", "--randomx-mode", "--randomx-1gb-pages", "--randomx-no-rdmsr", "--cpu-max-threads-hint":
			return true
		case "-a", "--algo", "--algorithm", "--coin":
			if !given && i+1 < len(args) {
				value = args[i+1]
			}
			if algorithm(strings.ToLower(value)) {
				return true
			}
		}
	}
	return false
}

// algorithm knows proof-of-work algorithms and coins by the names that miners
// give them. Those that are hashes of everyday use are left out.
func algorithm(name string) bool {
	for _, p := range []string{"rx/", "cn/", "cn-", "cryptonight", "randomx", "argon2/chukwa"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	switch name {
	case "rx", "kawpow", "ethash", "etchash", "autolykos2", "ghostrider", "gr", "yespower", "yescrypt", "verushash", "equihash", "progpow", "progpowz", "panthera", "astrobwt",
		"kheavyhash", "firopow", "evrprogpow", "minotaurx", "x16r", "x16rv2", "lyra2v3", "lyra2rev2", "cuckaroo29", "beamhash", "octopus", "monero", "ravencoin", "wownero":
		return true
	}
	return false
}

// Load judges how a process works.
func (e *Engine) Load(a *action.Load) Decision { return first(e.load, a, subject{proc: a.Proc}) }
