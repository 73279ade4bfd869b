package client

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
	"github.com/limpet-security/limpet/internal/policy"
)

// KindRegistry is the kind of a registry's document.
const KindRegistry = "Registry"

// Registry is a registry as a document. The server never gives the
// credentials back: a document that was got has none.
type Registry struct {
	APIVersion  string            `yaml:"apiVersion"`
	Kind        string            `yaml:"kind"`
	Metadata    Meta              `yaml:"metadata"`
	Spec        spec.Spec         `yaml:"spec"`
	Credentials map[string]Source `yaml:"credentials,omitempty"`
}

// Source says where a secret is to be read, so that it stands in no document.
type Source struct {
	Env  string `yaml:"env,omitempty"`
	File string `yaml:"file,omitempty"`
}

// RegistryBody is a registry as it is sent.
type RegistryBody struct {
	Name        string       `json:"name,omitempty"`
	Description string       `json:"description,omitempty"`
	Spec        spec.Spec    `json:"spec"`
	Credentials spec.Secrets `json:"credentials,omitempty"`
}

// Read gives the secret, of that name, for messages.
func (s Source) Read(name string) (string, error) {
	switch {
	case s.Env != "" && s.File == "":
		v, ok := os.LookupEnv(s.Env)
		if !ok || v == "" {
			return "", fmt.Errorf("credentials.%s: the environment has no %s", name, s.Env)
		}
		return v, nil
	case s.File != "" && s.Env == "":
		st, err := os.Stat(s.File)
		if err == nil && st.Size() > spec.MaxSecret {
			err = fmt.Errorf("%s has more than %d bytes", s.File, spec.MaxSecret)
		}
		if err != nil {
			return "", fmt.Errorf("credentials.%s: %w", name, err)
		}
		b, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("credentials.%s: %w", name, err)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	return "", fmt.Errorf("credentials.%s: want env or file", name)
}

func parseRegistry(text string) (string, any, error) {
	r := &Registry{}
	if err := strict(text, r); err != nil {
		return "", nil, err
	}
	if err := checkHead(r.APIVersion, r.Metadata.Name); err != nil {
		return "", nil, err
	}
	if err := spec.CheckName(r.Metadata.Name); err != nil {
		return "", nil, err
	}
	b := RegistryBody{Name: r.Metadata.Name, Description: r.Metadata.Description, Spec: r.Spec}
	for name, s := range r.Credentials {
		v, err := s.Read(name)
		if err != nil {
			return "", nil, err
		}
		if b.Credentials == nil {
			b.Credentials = spec.Secrets{}
		}
		b.Credentials[name] = v
	}
	// What the document leaves out the server may have already.
	if err := r.Spec.Check(b.Credentials, r.Spec.SecretNames()...); err != nil {
		return "", nil, err
	}
	r.Credentials = nil
	normal, err := write(r)
	return normal, b, err
}

func textOfRegistry(raw json.RawMessage) (string, error) {
	var b struct {
		Name        string
		Description string
		Spec        spec.Spec
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return "", err
	}
	return write(&Registry{APIVersion: policy.APIVersion, Kind: KindRegistry, Metadata: Meta{b.Name, b.Description}, Spec: b.Spec})
}

// brings says whether a document has secrets: only the server can tell whether
// they are the ones that it has.
func (d Document) brings() bool {
	b, ok := d.body.(RegistryBody)
	return ok && len(b.Credentials) > 0
}
