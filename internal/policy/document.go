package policy

import "encoding/json"

// Validate checks a policy that was not read by Parse. The error is of type
// Errors; lines are those of YAML's canonical text.
func (p *RuntimePolicy) Validate() error {
	data, err := p.YAML()
	if err != nil {
		return err
	}
	_, err = Parse(data)
	return err
}

// YAML gives the canonical text of the policy.
func (p *RuntimePolicy) YAML() ([]byte, error) { return json.MarshalIndent(p, "", "  ") }
