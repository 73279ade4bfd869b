// Package early starts the helper that becomes the application (package
// stage) in its init function, which runs before most others of the
// enforcer's binary have: the import path comes early in the order in which
// Go initialises packages. Only the command of the enforcer may link it.
//
// It takes the program's arguments and gives nothing; package stage owns the
// helper, which ends by itself if nobody takes it.
package early

import (
	"os"

	"github.com/limpet-security/limpet/internal/kernel/stage"
)

func init() {
	if len(os.Args) > 2 && starts[os.Args[1]] {
		stage.Early()
	}
}

// starts are the enforcer's words that start a command.
var starts = map[string]bool{"run": true, "healthcheck": true}
