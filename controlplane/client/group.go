package client

import (
	"encoding/json"

	"github.com/limpet-security/limpet/internal/policy"
)

// Group is an enforcer group as a document.
type Group struct {
	APIVersion string    `yaml:"apiVersion"`
	Kind       string    `yaml:"kind"`
	Metadata   Meta      `yaml:"metadata"`
	Spec       GroupSpec `yaml:"spec"`
}

// GroupSpec is what a group says.
type GroupSpec struct {
	Mode       string            `yaml:"mode"`       // audit or enforce
	OnNoPolicy string            `yaml:"onNoPolicy"` // audit or refuse
	Learning   bool              `yaml:"learning,omitempty"`
	Labels     map[string]string `yaml:"labels,omitempty"`
	Registries []string          `yaml:"registries,omitempty"`     // patterns of images that it takes; none: all
	Required   map[string]string `yaml:"requiredLabels,omitempty"` // labels that its workloads must have
	Policies   []string          `yaml:"policies"`
}

// groupJSON is a group as the API writes it.
type groupJSON struct {
	Name        string            `json:"name,omitempty"`
	Description string            `json:"description"`
	Mode        string            `json:"mode"`
	Labels      map[string]string `json:"labels"`
	Policies    []string          `json:"policies"`
	OnNoPolicy  string            `json:"onNoPolicy"`
	Learning    bool              `json:"learning"`
	Registries  []string          `json:"registries"`
	Required    map[string]string `json:"requiredLabels"`
}

func parseGroup(text string) (string, any, error) {
	g := &Group{}
	if err := strict(text, g); err != nil {
		return "", nil, err
	}
	if err := g.check(); err != nil {
		return "", nil, err
	}
	b := groupJSON{
		Name: g.Metadata.Name, Description: g.Metadata.Description, Mode: g.Spec.Mode, Labels: g.Spec.Labels,
		Policies: g.Spec.Policies, OnNoPolicy: g.Spec.OnNoPolicy, Learning: g.Spec.Learning,
		Registries: append([]string{}, g.Spec.Registries...), Required: g.Spec.Required,
	}
	if b.Labels == nil {
		b.Labels = map[string]string{}
	}
	if b.Required == nil {
		b.Required = map[string]string{}
	}
	normal, err := write(g)
	return normal, b, err
}

func textOfGroup(raw json.RawMessage) (string, error) {
	var g groupJSON
	if err := json.Unmarshal(raw, &g); err != nil {
		return "", err
	}
	doc := &Group{
		APIVersion: policy.APIVersion, Kind: KindGroup, Metadata: Meta{g.Name, g.Description},
		Spec: GroupSpec{Mode: g.Mode, OnNoPolicy: g.OnNoPolicy, Learning: g.Learning, Labels: g.Labels, Registries: g.Registries, Required: g.Required, Policies: g.Policies},
	}
	if err := doc.check(); err != nil {
		return "", err
	}
	return write(doc)
}

// check fills in what may be left out.
func (g *Group) check() error {
	if g.Spec.Mode == "" {
		g.Spec.Mode = "audit"
	}
	if g.Spec.OnNoPolicy == "" {
		g.Spec.OnNoPolicy = "audit"
	}
	if g.Spec.Policies == nil {
		g.Spec.Policies = []string{}
	}
	return checkHead(g.APIVersion, g.Metadata.Name)
}
