package finding

// Permissions are the statements of the policies (AWS IAM) of a role.
type Permissions struct {
	Statements []Statement `json:"statements"`
}

// Statement allows or denies actions. Of Actions and NotActions one is set, and
// so it is of Resources and NotResources.
type Statement struct {
	Source       string   `json:"source"` // the file it stands in, and which one it is there
	Deny         bool     `json:"deny,omitempty"`
	Actions      []string `json:"actions,omitempty"`    // s3:GetObject, s3:*, *
	NotActions   []string `json:"notActions,omitempty"` // everything but these
	Resources    []string `json:"resources,omitempty"`
	NotResources []string `json:"notResources,omitempty"`
	Conditional  bool     `json:"conditional,omitempty"` // holds under a condition, which is not judged
}
