package scanner

import (
	"maps"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
)

// config is what we use of an image's configuration.
type config struct {
	Created string `json:"created"`
	Config  struct {
		User         string
		Entrypoint   []string
		Cmd          []string
		Env          []string
		ExposedPorts map[string]any
		Volumes      map[string]any
		Labels       map[string]string
	} `json:"config"`
	History []struct {
		CreatedBy string `json:"created_by"`
		Empty     bool   `json:"empty_layer"`
	} `json:"history"`
}

// maxCommand is how much of one history line is kept, in bytes.
const maxCommand = 4096

func (c *config) words() *finding.Config {
	w := &finding.Config{
		User: c.Config.User, Entrypoint: c.Config.Entrypoint, Cmd: c.Config.Cmd, Labels: c.Config.Labels,
		Ports: slices.Sorted(maps.Keys(c.Config.ExposedPorts)), Volumes: slices.Sorted(maps.Keys(c.Config.Volumes)),
	}
	for _, e := range c.Config.Env {
		name, _, _ := strings.Cut(e, "=")
		w.EnvNames = append(w.EnvNames, name)
	}
	for _, h := range c.History {
		w.History = append(w.History, cut(h.CreatedBy))
	}
	return w
}

func cut(s string) string {
	if len(s) > maxCommand {
		s = s[:maxCommand]
	}
	return strings.ToValidUTF8(s, "?")
}

// commands gives for each layer the line of the history that made it; nothing
// where the history does not fit the layers.
func (c *config) commands(layers int) []string {
	out := make([]string, layers)
	n := 0
	for _, h := range c.History {
		if h.Empty {
			continue
		}
		if n == layers {
			return make([]string, layers)
		}
		out[n] = cut(h.CreatedBy)
		n++
	}
	if n != layers {
		return make([]string, layers)
	}
	return out
}

// base marks the layers of the base image, as the history tells them: a base
// image ends with a CMD or ENTRYPOINT, and whoever builds upon it adds layers
// after that. The last such line that layers follow is taken.
func (c *config) base(layers []finding.Layer) {
	filled, upTo := 0, 0
	for _, h := range c.History {
		if !h.Empty {
			filled++
			continue
		}
		line := strings.ToUpper(h.CreatedBy)
		if (strings.Contains(line, "CMD [") || strings.Contains(line, "CMD (") || strings.Contains(line, "ENTRYPOINT [")) && filled < len(layers) {
			upTo = filled
		}
	}
	if filled != len(layers) {
		return
	}
	for i := range upTo {
		layers[i].Base = true
	}
}
