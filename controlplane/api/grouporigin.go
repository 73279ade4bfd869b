package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/glob"
)

// origins takes over where a group's images may come from and what its
// workloads must be labelled with, where that is said.
func (f GroupFields) origins(g *store.Group) error {
	refuse := func(format string, a ...any) error {
		return huma.NewError(http.StatusUnprocessableEntity, fmt.Sprintf(format, a...))
	}
	if f.Registries != nil {
		for _, r := range *f.Registries {
			if _, err := glob.Compile(r); err != nil || r == "" || len(r) > maxLabel {
				return refuse("%.100q is no pattern of images; write registry.example.com/**", r)
			}
		}
		g.Registries = slices.Clone(*f.Registries)
	}
	if f.Required != nil {
		if len(f.Required) > bundle.MaxOrigins {
			return refuse("a group asks for at most %d labels", bundle.MaxOrigins)
		}
		for k, v := range f.Required {
			if k == "" || len(k) > maxLabel || len(v) > maxLabel {
				return refuse("the key of a label has 1 to %d bytes, its value at most %d", maxLabel, maxLabel)
			}
		}
		g.Required = maps.Clone(f.Required)
	}
	return nil
}

func labelsOf(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
