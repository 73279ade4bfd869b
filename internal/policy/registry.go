package policy

// ControlInfo describes a control for forms and documents.
type ControlInfo struct {
	ID          ControlID   `json:"id"`
	Title       string      `json:"title"`
	Category    Category    `json:"category"`
	Description string      `json:"description"`
	Technique   string      `json:"technique,omitempty"` // MITRE ATT&CK
	Available   bool        `json:"available"`           // judged and enforced by the MicroEnforcer today
	Fixed       bool        `json:"fixed,omitempty"`     // always enforced, no policy sets it
	Needs       []Need      `json:"needs,omitempty"`
	Fields      []FieldInfo `json:"fields"`
}

// FieldInfo describes one key of a control or of a rule.
type FieldInfo struct {
	Name        string      `json:"name"`
	Type        string      `json:"type"`             // string, boolean, integer, list, object
	Items       string      `json:"items,omitempty"`  // type of a list's entries
	Format      string      `json:"format,omitempty"` // glob, name, digest, user, cidr, ports, dnsName, syscall, time ...
	Enum        []string    `json:"enum,omitempty"`
	Description string      `json:"description,omitempty"`
	Required    bool        `json:"required,omitempty"`
	Available   bool        `json:"available"`
	Minimum     *int        `json:"minimum,omitempty"`
	Maximum     int         `json:"maximum,omitempty"` // of a number, or entries of a list
	Fields      []FieldInfo `json:"fields,omitempty"`  // keys of an object or of a list's objects
}

// Registry describes every control in the order of forms.
func Registry() []ControlInfo {
	out := make([]ControlInfo, 0, len(catalogue))
	for _, e := range catalogue {
		out = append(out, ControlInfo{ID: e.id, Title: e.title, Category: e.category, Description: e.about,
			Technique: e.technique, Available: e.available, Fixed: e.id == SelfProtection, Needs: e.needs})
	}
	return out
}

// JSONSchema gives the JSON Schema (draft 2020-12) of the document.
func JSONSchema() []byte { return nil }
