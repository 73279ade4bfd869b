package notify

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	ChildMain()
	if run, ok := helpers[os.Getenv("LIMPET_TEST_HELPER")]; ok {
		run()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// helpers are programs that tests run under supervision, by the name in
// LIMPET_TEST_HELPER: this test binary started again.
var helpers = map[string]func(){
	"hello": func() { fmt.Println("hello") },
}
