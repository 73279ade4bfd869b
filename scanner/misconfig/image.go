package misconfig

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

var (
	secretName = regexp.MustCompile(`(?i)(?:^|_)(?:password|passwd|pwd|secret|token|api_?key|access_?key|private_?key|secret_?key|credentials?|passphrase)$`)
	fromStart  = regexp.MustCompile(`^(?:/bin/sh -c #\(nop\)\s+)?(?i:ADD)\s+(.+)$`)
	rootfs     = regexp.MustCompile(`^(?:file|multi):[0-9a-f]+ in /\s*$|^rootfs\S* /\s*|^\S+\.tar(?:\.\w+)? /\s*(?:# buildkit)?\s*$`)
	piped      = regexp.MustCompile(`(?:curl|wget)\b[^|;&]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b`)
	unsafe     = regexp.MustCompile(`--allow-unauthenticated|--force-yes|--allow-untrusted|--nogpgcheck|--no-gpg-checks?|--no-check-certificate|\bcurl\b[^|;&]*\s(?:-k|--insecure)\b|--trusted-host\b|strict-ssl\s+false|GIT_SSL_NO_VERIFY`)
	chmod777   = regexp.MustCompile(`\bchmod\b(?:\s+-\w+)*\s+(?:0?777|a\+w|a\+rwx|o\+w|ugo\+w)\b`)
	sudoRun    = regexp.MustCompile(`(?:^|[;&|]|-c)\s*sudo\s`)
	update     = regexp.MustCompile(`\b(?:apt-get|apt|apk|yum|dnf)\b[^;&|]*\bupdate\b`)
	install    = regexp.MustCompile(`\b(?:install|add|upgrade|dist-upgrade)\b`)
)

// InspectConfig looks at what an image says of itself.
func InspectConfig(c inspect.Config) []finding.Misconfiguration {
	var list []finding.Misconfiguration
	report := func(id, inside, format string, a ...any) {
		list = append(list, failed(id, fmt.Sprintf(format, a...), finding.Place{Path: inspect.ConfigPath, Inside: inside}))
	}
	switch user, _, _ := strings.Cut(c.User, ":"); user {
	case "":
		report(rootUser, "user", "no USER is set, so it is root")
	case "root", "0":
		report(rootUser, "user", "USER is %s", c.User)
	}
	if !c.Healthcheck {
		report(noHealthcheck, "healthcheck", "the image has none, or NONE")
	}
	for _, p := range c.Ports {
		port, _, _ := strings.Cut(p, "/")
		switch n, err := strconv.Atoi(port); {
		case err != nil:
		case n == 22:
			report(sshPort, "port "+p, "EXPOSE %s", p)
		case n < 1024:
			report(privilegedPort, "port "+p, "EXPOSE %s", p)
		}
	}
	for _, v := range c.Volumes {
		if v == "/" || strings.HasSuffix(v, "docker.sock") || strings.HasSuffix(v, "containerd.sock") || strings.HasSuffix(v, "crio.sock") {
			report(socketVolume, "volume "+v, "VOLUME %s", v)
		}
	}
	for _, n := range c.Names {
		last := n[strings.LastIndexByte(n, '/')+1:]
		if strings.Contains(last, "@") {
			continue
		}
		if _, tag, ok := strings.Cut(last, ":"); !ok || tag == "latest" {
			report(latestTag, "name "+n, "it goes by %s", n)
		}
	}
	for _, e := range c.Env {
		name, value, _ := strings.Cut(e, "=")
		if secretName.MatchString(name) && value != "" && !strings.HasPrefix(value, "/") {
			report(secretEnv, "env "+name, "ENV %s has a value", name) // the value stays unsaid
		}
	}
	for i, o := range c.OnBuild {
		report(onBuild, fmt.Sprintf("onbuild %d", i), "ONBUILD %s", short(o))
	}
	for i, h := range c.History {
		for _, id := range step(h.CreatedBy, i == 0) {
			report(id, fmt.Sprintf("history %d", i), "%s", said[id])
		}
	}
	return list
}

// said is the message of a check of the history: the line itself may hold secrets.
var said = map[string]string{
	addUsed: "a step is ADD", addURL: "a step is ADD with an address", pipedToShell: "a step pipes what it downloads into a shell",
	unverified: "a step switches off the verification of what it downloads", openMode: "a step gives everybody leave to write", sudoUsed: "a step uses sudo",
	updateAlone: "a step updates package lists and installs nothing",
}

// step gives the ids of the checks that a line of the history fails.
func step(line string, first bool) []string {
	var ids []string
	if m := fromStart.FindStringSubmatch(line); m != nil {
		switch {
		case strings.Contains(m[1], "http://"), strings.Contains(m[1], "https://"):
			if !strings.Contains(m[1], "--checksum") {
				ids = append(ids, addURL)
			}
		case first, rootfs.MatchString(m[1]): // the base itself: FROM scratch, ADD rootfs.tar /
		default:
			ids = append(ids, addUsed)
		}
		return ids
	}
	if strings.Contains(line, "#(nop)") {
		return nil
	}
	for id, re := range map[string]*regexp.Regexp{pipedToShell: piped, unverified: unsafe, openMode: chmod777, sudoUsed: sudoRun} {
		if re.MatchString(line) {
			ids = append(ids, id)
		}
	}
	if update.MatchString(line) && !install.MatchString(line) {
		ids = append(ids, updateAlone)
	}
	return sorted(ids)
}

func short(s string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	return word[:min(len(word), 20)]
}
