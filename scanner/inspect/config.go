package inspect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// MaxConfig bounds the configuration that ParseConfig reads, in bytes.
const MaxConfig = 10 << 20

// ConfigPath is the Path of what was found in an image's configuration. The
// place's Inside says where there: "env NAME", "label KEY", "history 3".
const ConfigPath = "image configuration"

// Config is what an image says of itself and of how it is run: the values too,
// which a finding.Config does not keep.
type Config struct {
	User        string
	Env         []string // NAME=value
	Entrypoint  []string
	Cmd         []string
	Ports       []string // 22/tcp
	Volumes     []string
	Labels      map[string]string
	OnBuild     []string
	Healthcheck bool     // one is set, and it is not NONE
	History     []Step   // lowest first
	Names       []string // repository:tag names it goes by; the caller's
}

// Step is one line of an image's history.
type Step struct {
	CreatedBy string
	Comment   string
	Empty     bool // it brought no layer
}

// ConfigInspector looks at an image's configuration. Inspectors that are also
// ConfigInspectors are asked once for each image.
type ConfigInspector interface {
	InspectConfig(c Config) Found
}

// ParseConfig reads an image's configuration (OCI or Docker).
func ParseConfig(raw []byte) (Config, error) {
	if len(raw) > MaxConfig {
		return Config{}, fmt.Errorf("cannot read the image configuration: %d bytes are more than %d", len(raw), MaxConfig)
	}
	var file struct {
		Config struct {
			User         string
			Env          []string
			Entrypoint   []string
			Cmd          []string
			ExposedPorts map[string]struct{}
			Volumes      map[string]struct{}
			Labels       map[string]string
			OnBuild      []string
			Healthcheck  *struct{ Test []string }
		} `json:"config"`
		History []struct {
			CreatedBy string `json:"created_by"`
			Comment   string `json:"comment"`
			Empty     bool   `json:"empty_layer"`
		} `json:"history"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return Config{}, fmt.Errorf("cannot read the image configuration: %w", err)
	}
	c := Config{
		User: file.Config.User, Env: file.Config.Env, Entrypoint: file.Config.Entrypoint, Cmd: file.Config.Cmd,
		Ports: keys(file.Config.ExposedPorts), Volumes: keys(file.Config.Volumes), Labels: file.Config.Labels, OnBuild: file.Config.OnBuild,
	}
	if h := file.Config.Healthcheck; h != nil {
		c.Healthcheck = len(h.Test) > 0 && !strings.EqualFold(h.Test[0], "NONE")
	}
	for _, h := range file.History {
		c.History = append(c.History, Step{CreatedBy: h.CreatedBy, Comment: h.Comment, Empty: h.Empty})
	}
	return c, nil
}

func keys(m map[string]struct{}) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
