package verdict

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// miners is a compiled policy.MinerControl: programs by name and arguments,
// pools by name, address and port, and what is said on a connection.
type miners struct {
	pools   *hostSet
	names   *nameSet
	ports   portSet
	portIDs []policy.RuleID
	given   []policy.Ports
	except  *pathSet
	listed  *listed // nil: no lists
}

func (c *compiler) cryptoMiners(k *policy.Controls) {
	if k.CryptoMiners == nil {
		return
	}
	src := c.source(policy.Miners, k.CryptoMiners.Setting)
	if src == nil {
		return
	}
	pools := append([]policy.DNSName{}, minerPools...)
	for _, p := range k.CryptoMiners.Pools {
		pools = append(pools, p, "*."+policy.DNSName(strings.TrimPrefix(string(p), "*.")))
	}
	m := &miners{
		pools: newHostSet(pools), names: c.names(append(append([]policy.Name{}, minerNames...), k.CryptoMiners.Names...)),
		ports: newPortSet(k.CryptoMiners.Ports), portIDs: ruleIDs("ports", len(k.CryptoMiners.Ports)), given: k.CryptoMiners.Ports,
		except: c.paths(k.CryptoMiners.Except), listed: c.listed(src, k.CryptoMiners.Lists, nil),
	}
	c.e.exec = append(c.e.exec, check[action.Exec]{src, m.exec})
	c.e.connect = append(c.e.connect, check[action.Connect]{src, m.connect})
	c.e.query = append(c.e.query, check[action.Query]{src, m.query})
	c.e.talk = append(c.e.talk, check[action.Talk]{src, m.talk})
	if k.CryptoMiners.Heuristics {
		c.minerHeuristics(src, m)
	}
	n := &c.e.needs
	n.Names, n.Questions, n.Answers, n.Talk = true, true, true, true
}

func (m *miners) spared(p *action.Process) bool { return p != nil && m.except.has(p.Exe) }

// exec judges a program by its name and by what it is told to connect to.
func (m *miners) exec(a *action.Exec) policy.RuleID {
	if m.except.has(a.Path) {
		return ""
	}
	for _, n := range []string{base(a.Path), base(a.Requested)} {
		if m.names.find(strings.ToLower(n)) != none || m.names.find(n) != none {
			return "name"
		}
	}
	for i, arg := range a.Args {
		if i == 0 {
			if m.names.find(base(arg)) != none {
				return "name"
			}
			continue
		}
		scheme, rest, ok := strings.Cut(arg, "://")
		if !ok {
			rest = arg
		} else if i := strings.LastIndexByte(scheme, '='); strings.HasPrefix(scheme[i+1:], "stratum") {
			return "argument"
		}
		if _, after, ok := strings.Cut(rest, "@"); ok { // user:password@
			rest = after
		}
		if i := strings.IndexByte(rest, '='); i >= 0 && !ok { // --url=HOST:PORT
			rest = rest[i+1:]
		}
		if i := strings.IndexAny(rest, ":/"); i >= 0 && m.pool(strings.TrimSuffix(rest[:i], ".")) != "" {
			return "argument"
		}
	}
	return ""
}

func (m *miners) query(a *action.Query) policy.RuleID {
	name := a.Name
	switch {
	case a.Address.IsValid():
		return ""
	case a.Target != "":
		name = a.Target
	}
	if m.spared(a.Proc) {
		return ""
	}
	return m.pool(name)
}

// pool gives the rule by which a host name is a pool's, or "".
func (m *miners) pool(host string) policy.RuleID {
	if m.pools.has(host) {
		return "pool"
	}
	return m.listed.name(host)
}

func (m *miners) connect(a *action.Connect) policy.RuleID {
	if a.Protocol != action.ProtoTCP && a.Protocol != action.ProtoUDP || m.spared(a.Proc) {
		return ""
	}
	if m.pools.any(a.Names) {
		return "pool"
	}
	if m.ports != nil && m.ports.has(a.Peer.Port()) {
		for i, p := range m.given {
			if p.First <= a.Peer.Port() && a.Peer.Port() <= p.Last {
				return m.portIDs[i]
			}
		}
	}
	return m.listed.connect(a)
}

func (m *miners) talk(a *action.Talk) policy.RuleID {
	switch {
	case m.spared(a.Proc):
		return ""
	case a.Protocol == action.TalkStratum:
		return "stratum"
	case m.pool(a.ServerName) != "":
		return "server-name"
	}
	return ""
}

// Talk judges the first words of an outbound connection; where a proxy is asked
// to go, as if the process went there itself.
func (e *Engine) Talk(a *action.Talk) Decision {
	if a.Protocol == action.TalkProxy {
		return e.Connect(&action.Connect{Proc: a.Proc, Protocol: action.ProtoTCP, Peer: a.To, Names: a.Names, Proxied: true})
	}
	return first(e.talk, a, subject{proc: a.Proc, addr: peerAddr(a.Peer), port: a.Peer.Port()})
}

// minerPools are the domains of well-known mining pools, and of services that
// mine in browsers; each stands for itself and everything below.
var minerPools = func() (out []policy.DNSName) {
	for _, d := range strings.Fields(`
		2miners.com antpool.com beepool.org bitcoin.cz braiins.com btc.com c3pool.com c3pool.org coin-hive.com coinhive.com
		crypto-loot.com crypto-pool.fr cryptoloot.pro dwarfpool.com ethermine.org ezil.me f2pool.com f2pool.info fairpool.xyz flypool.org
		foundryusapool.com gntl.co.uk hashvault.pro herominers.com hiveon.net k1pool.com kryptex.network luckypool.io luxor.tech miner.rocks
		minergate.com minexmr.com miningpoolhub.com monerod.org monerohash.com moneroocean.stream moneropool.com multipools.io nanopool.org
		nicehash.com pool.xmr.pt poolin.com poolto.be prohashing.com rplant.xyz semipool.com slushpool.com solo-pool.org spiderpool.com
		sparkpool.com supportxmr.com unmineable.com usxmrpool.com viabtc.com webminepool.com woolypooly.com xmrpool.eu xmrpool.net
		xmr.pool.gntl.co.uk zergpool.com zpool.ca`) {
		out = append(out, policy.DNSName(d), policy.DNSName("*."+d))
	}
	return out
}()

// minerNames are names of well-known miners, and of malware that mines.
var minerNames = []policy.Name{
	"xmrig", "xmrig-*", "xmr-stak*", "minerd", "cpuminer*", "ccminer", "cgminer", "bfgminer", "sgminer", "ethminer", "nbminer", "t-rex", "lolminer",
	"phoenixminer", "nanominer", "teamredminer", "gminer", "srbminer*", "claymore*", "wildrig*", "rigel", "bzminer", "xmrstak", "kdevtmpfsi", "kinsing", "sysrv*",
}
