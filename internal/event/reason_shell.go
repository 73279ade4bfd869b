package event

import (
	"fmt"
	"strings"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
)

// shell tells of a program on a connection, or of a shell whose commands
// others carry from the network.
func shell(e *eventpb.Event, control policy.ControlID, rule, object string) string {
	a := e.GetAttributes()
	streams, from := strings.ReplaceAll(orElse(rule, "standard input"), "+", ", "), Text(a["peer"], 200)
	switch {
	case rule == "relayed":
		by := orElse(Text(a["relay"], 200), "a process")
		if out := a["relay_out"]; out != "" && out != a["relay"] {
			by += " and " + Text(out, 200)
		}
		kind := "reverse"
		if control == policy.BindShell {
			kind = "bind"
		}
		return fmt.Sprintf("%s reads its commands from a %s that %s connects with %s, as a relayed %s shell does.", object,
			orElse(Text(a["via"], 40), "pipe"), by, orElse(from, "the network"), kind)
	case control == policy.BindShell:
		return fmt.Sprintf("%s was started with a connection that %s opened as its %s, as a bind shell is.", object, orElse(from, "somebody"), streams)
	case from != "":
		streams += " (peer " + from + ")"
	}
	return fmt.Sprintf("%s was started with a network connection as its %s, as a reverse shell is.", object, streams)
}
