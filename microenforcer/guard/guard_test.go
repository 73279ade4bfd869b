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
	if len(os.Args) > 1 && os.Args[1] == "role-above" {
		// This process is the init; its child wipes it.
		cmd := exec.Command(os.Args[0], "role-below", "argv-secret")
		out, err := cmd.CombinedOutput()
		environ, _ := os.ReadFile("/proc/self/environ")
		cmdline, _ := os.ReadFile("/proc/self/cmdline")
		fmt.Printf("%s%v %v %v %q\n", out, err, strings.Contains(string(environ), "hunter2"), strings.Contains(string(environ), "HOME=/h"), cmdline[strings.IndexByte(string(cmdline), 0):])
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == "role-below" {
		fmt.Println("below:", change(os.Getppid(), "environ", 49, 50, func(b []byte) { wipeEntries(b, []byte(Prefix)) }),
			change(os.Getppid(), "cmdline", 47, 48, func(b []byte) { crossOut(b, []byte(os.Args[2])) }))
		os.Exit(0)
	}
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

// An init above the enforcer keeps no token.
func TestWipeInit(t *testing.T) {
	cmd := exec.Command(os.Args[0], "role-above", "--", "--token", "argv-secret", "--token=argv-secret")
	cmd.Env = []string{"HOME=/h", "LIMPET_JOIN_TOKEN=hunter2", "B=2"}
	out, err := cmd.CombinedOutput()
	if want := "below: <nil> <nil>\n<nil> false true \"\\x00role-above\\x00--\\x00--token\\x00xxxxxxxxxxx\\x00--token=xxxxxxxxxxx\\x00\"\n"; err != nil || string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}
