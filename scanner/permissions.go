package scanner

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/limpet-security/limpet/internal/finding"
)

// Limits of the policies of a role.
const (
	MaxPolicyBytes = 1 << 20 // of one file; AWS allows 6,144 characters
	maxStatements  = 1_000   // of all files
	maxWords       = 20_000  // actions and resources of all files
)

// ErrPolicy says that a file is no policy of AWS IAM.
var ErrPolicy = errors.New("not an IAM policy (JSON with Statement)")

// permissions reads the policies of the role that a function runs under: AWS IAM
// policy documents, by themselves or as get-role-policy and get-policy-version
// print them. What it cannot read is an error: a policy that was left out would
// look like a role that may do less.
func permissions(files []string) (*finding.Permissions, error) {
	out := &finding.Permissions{Statements: []finding.Statement{}}
	words := 0
	for _, file := range files {
		data, err := readSmall(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the permissions: %w", err)
		}
		list, err := readPolicy(data, filepath.Base(file))
		if err != nil {
			return nil, fmt.Errorf("cannot read the permissions in %s: %w", file, err)
		}
		out.Statements = append(out.Statements, list...)
		for _, s := range list {
			words += len(s.Actions) + len(s.NotActions) + len(s.Resources) + len(s.NotResources)
		}
		if len(out.Statements) > maxStatements || words > maxWords {
			return nil, fmt.Errorf("cannot read the permissions: more than %d statements, or than %d actions and resources", maxStatements, maxWords)
		}
	}
	return out, nil
}

func readSmall(file string) ([]byte, error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > MaxPolicyBytes {
		return nil, fmt.Errorf("%s: not a file of at most %d bytes", file, MaxPolicyBytes)
	}
	return os.ReadFile(file)
}

// oneOrMore is a text or a list of texts, as IAM writes them.
type oneOrMore []string

// UnmarshalJSON reads either form.
func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(o))
}

type iamStatement struct {
	Effect                                   string
	Action, NotAction, Resource, NotResource oneOrMore
	Condition                                map[string]any
}

func readPolicy(data []byte, name string) (out []finding.Statement, err error) {
	var file struct {
		Statement      json.RawMessage
		PolicyDocument struct{ Statement json.RawMessage }
		PolicyVersion  struct {
			Document struct{ Statement json.RawMessage }
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	var text json.RawMessage
	for _, t := range []json.RawMessage{file.Statement, file.PolicyDocument.Statement, file.PolicyVersion.Document.Statement} {
		if len(t) > 0 {
			text = t
		}
	}
	if len(text) == 0 {
		return nil, ErrPolicy
	}
	var list []iamStatement
	if err := json.Unmarshal(text, &list); err != nil {
		var one iamStatement
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
		}
		list = []iamStatement{one}
	}
	for i, s := range list {
		switch {
		case s.Effect != "Allow" && s.Effect != "Deny":
			return nil, fmt.Errorf("%w: statement %d has the effect %q", ErrPolicy, i+1, s.Effect)
		case (len(s.Action) == 0) == (len(s.NotAction) == 0):
			return nil, fmt.Errorf("%w: statement %d has neither or both of Action and NotAction", ErrPolicy, i+1)
		}
		out = append(out, finding.Statement{
			Source: fmt.Sprintf("%s, statement %d", name, i+1), Deny: s.Effect == "Deny", Actions: s.Action, NotActions: s.NotAction,
			Resources: s.Resource, NotResources: s.NotResource, Conditional: len(s.Condition) > 0,
		})
	}
	return out, nil
}
