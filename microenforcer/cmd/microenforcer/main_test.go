package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestDispatch(t *testing.T) {
	for _, tt := range []struct {
		args      []string
		code      int
		out, errs string
	}{
		{nil, 2, "", "Commands:"},
		{[]string{"help"}, 0, "Examples:", ""},
		{[]string{"--help"}, 0, "Examples:", ""},
		{[]string{"--version"}, 0, "microenforcer ", ""},
		{[]string{"help", "run"}, 0, "", "-policy file"},
		{[]string{"run", "-h"}, 0, "", "Usage: microenforcer run"},
		{[]string{"status", "-h"}, 0, "", "Usage: microenforcer status"},
		{[]string{"version"}, 0, "microenforcer ", ""},
		{[]string{"stauts"}, 2, "", `unknown command "stauts"`},
		{[]string{"run", "--nonsense"}, 125, "", "nonsense"},
		{[]string{"run", "--log", "loud", "--", "true"}, 125, "", "cannot use log level"},
		{[]string{"healthcheck", "--flush", "x"}, 125, "", "flush"},
	} {
		var out, errs bytes.Buffer
		code := dispatch(tt.args, &out, &errs)
		if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.errs) {
			t.Errorf("%q: code %d\nout: %s\nerr: %s", tt.args, code, out.String(), errs.String())
		}
	}
}
