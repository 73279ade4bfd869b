package wrap

import "slices"

// Health gives the test of a health check, in Docker's form, as it runs under
// the enforcer; shell is the image's (nil: /bin/sh -c).
func Health(test, shell []string) []string { return wrapHealth(test, shell) }

// BareHealth takes the enforcer out of a test that Health made of a CMD. Of a
// CMD-SHELL it gives the CMD that the shell was made into.
func BareHealth(test []string) []string {
	n := 1 + len(healthcheckPrefix)
	if len(test) > n && test[0] == "CMD" && slices.Equal(test[1:n], healthcheckPrefix) {
		return append([]string{"CMD"}, test[n:]...)
	}
	return test
}
