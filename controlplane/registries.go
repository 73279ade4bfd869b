package controlplane

import (
	"fmt"
	"net/netip"

	"github.com/limpet-security/limpet/controlplane/registries"
)

// openRegistries makes what looks through registries, hands its finds to the
// scan queue, and lends the queue's workers their credentials.
func (s *server) openRegistries() error {
	var allowed []netip.Prefix
	for _, text := range s.RegistryNetworks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("cannot start: --registry-network %q: want a network such as 127.0.0.0/8", text)
		}
		allowed = append(allowed, p)
	}
	s.looks = registries.New(registries.Config{
		Network: registries.Network{Allowed: allowed, Ambient: s.RegistryIdentity, Agent: "limpet/" + s.Version},
		Store:   s.store, Sealer: s.authority, Queue: s.scans, Log: s.Log,
	})
	s.scans.Lend(s.looks)
	return nil
}
