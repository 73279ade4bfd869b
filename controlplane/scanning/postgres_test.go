//go:build postgres

package scanning_test

import (
	"testing"

	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

func TestQueuePostgres(t *testing.T) {
	pg := storetest.StartPostgres(t)
	for name, f := range queueCases {
		t.Run(name, func(t *testing.T) { f(t, pg.Database(t)) })
	}
}
