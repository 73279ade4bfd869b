package guard

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "role-take" {
		ours, app, err := TakeEnv()
		args, err2 := TakeArgs("token", "secret")
		environ, _ := os.ReadFile("/proc/self/environ")
		cmdline, _ := os.ReadFile("/proc/self/cmdline")
		fmt.Printf("%q %q %v %v\n", ours, app, err, err2)
		fmt.Printf("%q\n", args[2:])
		fmt.Printf("%q\n", strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")[2:])
		fmt.Println(strings.Contains(string(environ), "hunter2"), strings.Contains(string(environ), "HOME=/h"), os.Getenv("LIMPET_JOIN_TOKEN") == "")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestTake(t *testing.T) {
	cmd := exec.Command(os.Args[0], "role-take", "--token", "abc", "-secret=def", "--", "--token", "app")
	cmd.Env = []string{"HOME=/h", "LIMPET_JOIN_TOKEN=hunter2", "A=LIMPET_X", "LIMPET_GATEWAY=g"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := `map["GATEWAY":"g" "JOIN_TOKEN":"hunter2"] ["HOME=/h" "A=LIMPET_X"] <nil> <nil>
["--token" "abc" "-secret=def" "--" "--token" "app"]
["--token" "xxx" "-secret=xxx" "--" "--token" "app"]
false true true
`
	if d := cmp.Diff(want, string(out)); d != "" {
		t.Error(d)
	}
}

func TestWipeFlagsOfGarbage(t *testing.T) {
	for _, in := range []string{"", "\x00", "--token", "--token\x00", "--token=\x00\x00", "a\x00--token\x00v"} {
		b := []byte(in)
		wipeFlags(b, []string{"token"})
		wipeEntries(b, []byte("a"))
	}
}
