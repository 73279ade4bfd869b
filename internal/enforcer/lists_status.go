package enforcer

import (
	"strings"

	"github.com/limpet-security/limpet/internal/verdict"
)

// undelivered takes back what a control says when a reputation list that it
// names is not there: a part of the control is not done, so the whole is not.
func undelivered(st *ControlStatus, e *verdict.Engine) {
	missing := e.MissingLists(st.Control)
	if len(missing) == 0 || st.State != Enforced && st.State != Audited {
		return
	}
	st.State = Unavailable
	st.Reason = "the control plane has not delivered reputation list " + strings.Join(missing, ", ") + "; what else the control names is judged"
}
