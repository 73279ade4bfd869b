package misconfig

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/workload"
	"github.com/limpet-security/limpet/scanner/misconfig/dockerfile"
)

// checker gathers what is wrong with one file.
type checker struct {
	file string
	list []finding.Misconfiguration
}

func (c *checker) report(id string, line int, format string, a ...any) {
	c.list = append(c.list, failed(id, fmt.Sprintf(format, a...), finding.Place{Path: c.file, Line: line}))
}

// stage is a FROM with what follows.
type stage struct {
	from   dockerfile.Instruction
	name   string
	parent *stage // the stage it begins with; nil: an image
	steps  []dockerfile.Instruction
}

// last gives the last instruction of one of these names, also of the stages
// that this one begins with.
func (s *stage) last(names ...string) (dockerfile.Instruction, bool) {
	for ; s != nil; s = s.parent {
		for i := len(s.steps) - 1; i >= 0; i-- {
			for _, n := range names {
				if s.steps[i].Name == n {
					return s.steps[i], true
				}
			}
		}
	}
	return dockerfile.Instruction{}, false
}

// Dockerfile checks a Dockerfile. ignored says that a .dockerignore lies beside it.
func Dockerfile(file string, f *dockerfile.File, ignored bool) []finding.Misconfiguration {
	c := &checker{file: file}
	args := map[string]string{} // before the first FROM: the only ones that it may use
	var stages []*stage
	for _, in := range f.Instructions {
		switch {
		case in.Name == "FROM":
			s := c.from(in, stages, args)
			stages = append(stages, s)
		case len(stages) == 0:
			if name, value, _ := strings.Cut(strings.Trim(in.Args, `"'`), "="); in.Name == "ARG" {
				args[name] = strings.Trim(value, `"'`)
				c.arg(in)
			}
		default:
			s := stages[len(stages)-1]
			s.steps = append(s.steps, in)
			c.step(in, ignored)
		}
	}
	for _, s := range stages {
		c.repeated(s)
	}
	if len(stages) > 0 {
		c.whole(stages[len(stages)-1])
	}
	return c.list
}

var variable = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)(?::[-+]([^}]*))?\}?`)

func (c *checker) from(in dockerfile.Instruction, before []*stage, args map[string]string) *stage {
	words := in.Words()
	s := &stage{from: in}
	if len(words) == 0 {
		return s
	}
	if len(words) == 3 && strings.EqualFold(words[1], "as") {
		s.name = words[2]
	}
	unknown := false
	base := variable.ReplaceAllStringFunc(words[0], func(v string) string {
		m := variable.FindStringSubmatch(v)
		value := args[m[1]]
		if value == "" {
			value = m[2]
		}
		unknown = unknown || value == ""
		return value
	})
	for _, b := range before {
		if b.name != "" && strings.EqualFold(b.name, base) {
			s.parent = b
			return s
		}
	}
	if !unknown && base != "scratch" && untagged(base) {
		c.report("LMP-DOCKER-0003", in.Line, "FROM %s", base)
	}
	return s
}

// untagged says that an image is named without a version.
func untagged(image string) bool {
	if image == "" || strings.Contains(image, "@") {
		return false
	}
	_, tag, ok := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
	return !ok || tag == "latest"
}

var (
	aptInstall  = regexp.MustCompile(`\b(?:apt-get|apt)\b[^;&|]*\binstall\b([^;&|]*)`)
	apkAdd      = regexp.MustCompile(`\bapk\b[^;&|]*\badd\b([^;&|]*)`)
	dnfInstall  = regexp.MustCompile(`\b(?:dnf|yum|microdnf|zypper)\b[^;&|]*\b(?:install|in)\b`)
	aptClean    = regexp.MustCompile(`/var/lib/apt/lists`)
	dnfClean    = regexp.MustCompile(`\b(?:dnf|yum|microdnf|zypper)\b[^;&|]*\bclean\b|/var/cache/(?:dnf|yum|zypp)`)
	apkClean    = regexp.MustCompile(`--no-cache\b|/var/cache/apk`)
	aptYes      = regexp.MustCompile(`\s(?:-\w*y\w*|--yes|--assume-yes|-q?q=2|-qq)\b|DEBIAN_FRONTEND`)
	secretShell = regexp.MustCompile(`(?i)(?:^|[\s;&|])(?:export\s+)?(\w*(?:password|passwd|secret|token|api_?key|access_?key|private_?key))=(["']?)([^\s"'$;&|][^\s"';&|]*)`)
	keyFile     = regexp.MustCompile(`(?i)(?:^|/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|[^/]*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk)|\.env(?:\.\w+)?|\.npmrc|\.pypirc|\.netrc|\.pgpass|\.git-credentials|\.htpasswd|\.ssh|\.aws|\.kube|\.docker/config\.json|credentials(?:\.json)?|kubeconfig)/?$`)
	publicKey   = regexp.MustCompile(`(?i)(?:^|/)(?:[^/]*(?:\.pub|public|cert|chain|ca[-_.]|ca-bundle|cacert|root)[^/]*|\.env\.(?:example|sample|template|dist))$`)
	archives    = regexp.MustCompile(`(?i)\.(?:tar|tgz|tbz2?|txz|tar\.\w+)$`)
)

func (c *checker) step(in dockerfile.Instruction, ignored bool) {
	switch in.Name {
	case "RUN":
		c.run(in)
	case "ADD", "COPY":
		c.copies(in, ignored)
	case "ENV":
		c.env(in)
	case "ARG":
		c.arg(in)
	case "EXPOSE":
		c.expose(in)
	case "MAINTAINER":
		c.report("LMP-DOCKER-0022", in.Line, "MAINTAINER")
	case "WORKDIR":
		if dir := strings.Trim(in.Args, `"'`); dir != "" && !strings.ContainsAny(dir[:1], `/$`) && !regexp.MustCompile(`^[A-Za-z]:[\\/]`).MatchString(dir) {
			c.report("LMP-DOCKER-0021", in.Line, "WORKDIR %.100s", dir)
		}
	case "ENTRYPOINT", "CMD":
		if in.List == nil && in.Args != "" {
			c.report("LMP-DOCKER-0025", in.Line, "%s is run by a shell", in.Name)
		}
	}
}

func (c *checker) run(in dockerfile.Instruction) {
	text := in.Text()
	if in.List != nil {
		text = strings.Join(in.List, " ")
	}
	mounts := strings.Join(in.Flags, " ")
	for _, s := range []struct {
		id   string
		re   *regexp.Regexp
		said string
	}{
		{"LMP-DOCKER-0009", sudoRun, "sudo"}, {"LMP-DOCKER-0014", piped, "what is downloaded is run"}, {"LMP-DOCKER-0015", unsafe, "what is downloaded is not verified"}, {"LMP-DOCKER-0018", chmod777, "chmod"},
	} {
		if s.re.MatchString(text) {
			c.report(s.id, in.At(s.re), "%s", s.said)
		}
	}
	if m := secretShell.FindStringSubmatch(text); m != nil {
		c.report("LMP-DOCKER-0026", in.At(secretShell), "%s is given a value", m[1]) // the value stays unsaid
	}
	if v, _ := in.Flag("security"); v == "insecure" {
		c.report("LMP-DOCKER-0024", in.Line, "RUN --security=insecure")
	}
	if update.MatchString(text) && !install.MatchString(text) {
		c.report("LMP-DOCKER-0012", in.At(update), "it updates and installs nothing")
	}
	cached := strings.Contains(mounts, "type=cache") || strings.Contains(mounts, "type=tmpfs")
	if m := aptInstall.FindStringSubmatch(text); m != nil {
		if !aptYes.MatchString(text) {
			c.report("LMP-DOCKER-0013", in.At(aptInstall), "apt-get install")
		}
		if !aptClean.MatchString(text) && !cached {
			c.report("LMP-DOCKER-0011", in.At(aptInstall), "/var/lib/apt/lists is left")
		}
		c.unpinned(in, aptInstall, m[1])
	}
	if m := apkAdd.FindStringSubmatch(text); m != nil {
		if !apkClean.MatchString(text) && !cached {
			c.report("LMP-DOCKER-0011", in.At(apkAdd), "/var/cache/apk is left")
		}
		c.unpinned(in, apkAdd, m[1])
	}
	if dnfInstall.MatchString(text) && !dnfClean.MatchString(text) && !cached {
		c.report("LMP-DOCKER-0011", in.At(dnfInstall), "the package manager's cache is left")
	}
}

// unpinned reports the first package that is installed without a version.
func (c *checker) unpinned(in dockerfile.Instruction, at *regexp.Regexp, list string) {
	skip := false
	for _, w := range strings.Fields(list) {
		option := strings.HasPrefix(w, "-")
		if !option && !skip && !strings.ContainsAny(w, "=<>~$./\\\"'*") {
			c.report("LMP-DOCKER-0010", in.At(at), "%.60s has no version", w)
			return
		}
		skip = w == "-t" || w == "--virtual" || w == "--repository" || w == "-X" || w == "-o"
	}
}

func (c *checker) copies(in dockerfile.Instruction, ignored bool) {
	words := in.Words()
	if len(words) < 2 {
		return
	}
	sources := words[:len(words)-1]
	_, other := in.Flag("from")
	sum, _ := in.Flag("checksum")
	remote, packed := false, false
	for _, s := range sources {
		if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
			remote = true
			if in.Name == "ADD" && sum == "" && !strings.HasSuffix(s, ".git") {
				c.report("LMP-DOCKER-0004", in.Line, "ADD from an address")
			}
			continue
		}
		remote = remote || strings.HasPrefix(s, "git@")
		packed = packed || archives.MatchString(s)
		if !other && keyFile.MatchString(s) && !publicKey.MatchString(s) {
			c.report("LMP-DOCKER-0017", in.Line, "%s of %.100s", in.Name, s)
		}
		if clean := path.Clean(s); !other && !ignored && (clean == "." || clean == "/") {
			c.report("LMP-DOCKER-0019", in.Line, "%s of %s", in.Name, s)
		}
	}
	if in.Name == "ADD" && !remote && !packed && len(in.Heredocs) == 0 {
		c.report("LMP-DOCKER-0005", in.Line, "ADD of %.100s", sources[0])
	}
}

func (c *checker) env(in dockerfile.Instruction) {
	words := in.Words()
	if len(words) > 0 && !strings.Contains(words[0], "=") { // ENV NAME the rest
		words = []string{words[0] + "=" + strings.Join(words[1:], " ")}
	}
	for _, w := range words {
		if name, value, _ := strings.Cut(w, "="); secretName.MatchString(name) && value != "" && !strings.HasPrefix(value, "/") {
			c.report("LMP-DOCKER-0006", in.At(regexp.MustCompile(regexp.QuoteMeta(name))), "ENV %.60s has a value", name)
		}
	}
}

func (c *checker) arg(in dockerfile.Instruction) {
	for _, w := range in.Words() {
		if name, _, _ := strings.Cut(w, "="); secretName.MatchString(name) {
			c.report("LMP-DOCKER-0007", in.Line, "ARG %.60s", name)
		}
	}
}

func (c *checker) expose(in dockerfile.Instruction) {
	for _, w := range in.Words() {
		port, _, _ := strings.Cut(w, "/")
		port, _, _ = strings.Cut(port, "-")
		switch n, err := strconv.Atoi(port); {
		case err != nil:
		case n == 22:
			c.report("LMP-DOCKER-0016", in.Line, "EXPOSE %.40s", w)
		case n < 1024:
			c.report("LMP-DOCKER-0023", in.Line, "EXPOSE %.40s", w)
		}
	}
}

// repeated reports instructions of which only the last counts.
func (c *checker) repeated(s *stage) {
	first := map[string]bool{}
	for _, in := range s.steps {
		if in.Name != "CMD" && in.Name != "ENTRYPOINT" {
			continue
		}
		if first[in.Name] {
			c.report("LMP-DOCKER-0020", in.Line, "another %s", in.Name)
		}
		first[in.Name] = true
	}
}

// whole judges what the last stage comes to.
func (c *checker) whole(s *stage) {
	user, ok := s.last("USER")
	name, _, _ := strings.Cut(strings.Trim(user.Args, `"'`), ":")
	switch {
	case !ok:
		c.report("LMP-DOCKER-0002", s.from.Line, "the last stage has no USER, so it is the base image's, most often root")
	case name == "root" || name == "0":
		c.report("LMP-DOCKER-0001", user.Line, "USER %s", name)
	}
	if _, ok := s.last("HEALTHCHECK"); !ok {
		c.report("LMP-DOCKER-0008", s.from.Line, "the last stage has none")
	}
	for at := s; at != nil; at = at.parent {
		for _, in := range at.steps {
			if (in.Name == "COPY" || in.Name == "ENTRYPOINT") && strings.Contains(in.Args, workload.Dir) {
				return
			}
		}
	}
	c.report("LMP-DOCKER-0027", s.from.Line, "no line brings %s", workload.Dir)
}
