package main

import (
	"fmt"
	"io"
)

const examples = `
Examples:
  # Hold one command to a policy, without any control plane; events on stderr.
  microenforcer run --policy p.yaml -- nginx -g 'daemon off;'

  # Only look: report what the policy would have stopped.
  microenforcer run --policy p.yaml --mode audit --events /tmp/events.jsonl -- ./server

  # As the ENTRYPOINT of a wrapped image (limpet wrap writes this).
  ENTRYPOINT ["/.limpet/microenforcer", "run", "--", "/docker-entrypoint.sh"]

  # What is enforced in this container, and what this kernel does not allow?
  docker exec CONTAINER /.limpet/microenforcer status

Variables, taken out of the application's environment:
  LIMPET_JOIN_TOKEN  token with which the enforcer enrols
  LIMPET_GATEWAY     gateway's address, host:port
  LIMPET_LABELS      labels of this workload, k=v,k=v

Exit codes: the command's own, or 128+n when signal n ended it; 125 when the
enforcer could not do its work, 126 when the command cannot be executed or is
denied, 127 when it was not found.
`

func helpCommand(args []string, out, errs io.Writer) int {
	if len(args) > 0 && args[0] != "help" {
		return dispatch([]string{args[0], "-h"}, out, errs)
	}
	fmt.Fprint(out, "microenforcer stands in front of a container's entrypoint and holds everything\nthat runs in the container to a policy.\n\nCommands:\n")
	for _, c := range commands() {
		fmt.Fprintf(out, "  %-12s %s\n", c.name, c.help)
	}
	fmt.Fprint(out, examples)
	return 0
}
