package verdict

import "github.com/limpet-security/limpet/internal/policy"

// others lists the controls that no engine judges yet, so that Effective
// shows them with what policies ask and that they are not available.
func (c *compiler) others(k *policy.Controls) {
	for _, id := range policy.ControlIDs() {
		if id.Available() {
			continue
		}
		s, ok := k.Setting(id)
		if !ok {
			continue
		}
		if src := c.source(id, s); src != nil {
			c.note(src, "the control is not available yet; it is not looked at")
		}
	}
}
