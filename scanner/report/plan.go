package report

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
)

// Step is one thing to do, with what is gone afterwards and how to do it.
type Step struct {
	Base      bool         `json:"base" doc:"Build on a newer base image"`
	Name      string       `json:"name" doc:"Of the package; of the base image, where its labels tell it"`
	Type      finding.Type `json:"type,omitempty"`
	From      string       `json:"from,omitempty"`
	To        string       `json:"to,omitempty"`
	Path      string       `json:"path,omitempty"`
	Closes    int          `json:"closes" doc:"Findings that are gone afterwards"`
	Critical  int          `json:"critical"`
	High      int          `json:"high"`
	Exploited int          `json:"exploited" doc:"Of these, known to be exploited"`
	EPSS      float64      `json:"epss" doc:"The highest of these"`
	IDs       []string     `json:"ids" nullable:"false" doc:"The worst of these"`
	Packages  []Upgrade    `json:"packages,omitempty" doc:"Of a base image: what has to become newer in it"`
	Commands  []Command    `json:"commands" nullable:"false"`
}

// Upgrade is a package and the version that mends it.
type Upgrade struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}

// Command is a text to be copied, and where it goes.
type Command struct {
	Where string `json:"where" enum:"shell,dockerfile" doc:"shell: beside the sources; dockerfile: a line of it"`
	Text  string `json:"text"`
}

// Bounds of a plan.
const (
	maxStepIDs      = 20
	maxBasePackages = 50
	maxNamed        = 12 // packages in one command
)

// Plan says what to fix first: one step for the base image where vulnerabilities
// with a fix belong to its layers, and one for each package above it. What is
// exploited comes first, then the most severe, the most likely and the most at
// once; the base image comes before its equals.
func Plan(r *finding.Report, most int) []Step {
	inBase := map[string]bool{}
	for _, l := range r.Artifact.Layers {
		inBase[l.DiffID] = l.Base && l.DiffID != ""
	}
	var below, above []finding.Vulnerability
	for _, v := range r.Vulnerabilities {
		if inBase[v.Place.Layer] {
			below = append(below, v)
		} else {
			above = append(above, v)
		}
	}
	direct := map[string]*bool{}
	for _, p := range r.Packages {
		direct[string(p.Type)+"\x00"+p.Name+"\x00"+p.Version] = p.Direct
	}
	steps := []Step{}
	for _, s := range fixFirst(above, most) {
		step := stepOf(s)
		step.Type = s.Type
		step.Commands = commands(s.Type, direct[s.key()], []Upgrade{{s.Name, s.From, s.To}})
		step.IDs = ids(above, s.closes)
		steps = append(steps, step)
	}
	if base := basePlan(r, fixFirst(below, len(below)), below); base != nil {
		at := slices.IndexFunc(steps, func(s Step) bool { return base.before(&s) })
		if at < 0 {
			at = len(steps)
		}
		steps = slices.Insert(steps, at, *base)
	}
	return steps[:min(most, len(steps))]
}

func stepOf(s step) Step {
	return Step{
		Name: s.Name, From: s.From, To: s.To, Path: s.Path, Closes: s.Vulnerable, Critical: s.By[finding.Critical], High: s.By[finding.High],
		Exploited: s.Exploited, EPSS: s.EPSS,
	}
}

// before says that the base image's step comes before one of a package.
func (s *Step) before(b *Step) bool {
	return cmp.Or(cmp.Compare(s.Exploited, b.Exploited), cmp.Compare(s.Critical, b.Critical), cmp.Compare(s.High, b.High), cmp.Compare(s.Closes, b.Closes)) >= 0
}

// basePlan is the step of the base image, nil where nothing in it can be fixed.
func basePlan(r *finding.Report, upgrades []step, below []finding.Vulnerability) *Step {
	if len(upgrades) == 0 {
		return nil
	}
	base := Step{Base: true}
	byType := map[finding.Type][]Upgrade{}
	for _, u := range upgrades {
		one := stepOf(u)
		base.Closes, base.Critical, base.High = base.Closes+one.Closes, base.Critical+one.Critical, base.High+one.High
		base.Exploited, base.EPSS = base.Exploited+one.Exploited, max(base.EPSS, one.EPSS)
		up := Upgrade{u.Name, u.From, u.To}
		if len(base.Packages) < maxBasePackages {
			base.Packages = append(base.Packages, up)
		}
		if u.Type.OS() && len(byType[u.Type]) < maxNamed {
			byType[u.Type] = append(byType[u.Type], up)
		}
	}
	base.IDs = ids(below, func(v finding.Vulnerability) bool { return v.FixedVersion != "" })
	if c := r.Artifact.Image; c != nil {
		if name := c.Labels["org.opencontainers.image.base.name"]; plain.MatchString(name) {
			base.Name = name
			base.Commands = append(base.Commands, Command{"dockerfile", "FROM " + name})
		}
	}
	base.Commands = append(base.Commands, Command{"shell", "docker build --pull --no-cache ."})
	for _, t := range []finding.Type{finding.Deb, finding.RPM, finding.APK} {
		if len(byType[t]) > 0 {
			base.Commands = append(base.Commands, commands(t, nil, byType[t])...)
		}
	}
	return &base
}

func ids(vs []finding.Vulnerability, of func(finding.Vulnerability) bool) []string {
	out := []string{}
	for _, v := range vs {
		if len(out) < maxStepIDs && of(v) && !slices.Contains(out, v.ID) {
			out = append(out, v.ID)
		}
	}
	return out
}

// plain is what is copied into a shell as it is: names and versions come from
// images, which nobody has to trust. Anything else gives no command.
var plain = regexp.MustCompile(`^[A-Za-z0-9@_][A-Za-z0-9@._+:/~^-]{0,255}$`)

// commands gives what installs packages of one type in the versions that mend them.
func commands(t finding.Type, direct *bool, ups []Upgrade) []Command {
	out := []Command{}
	var named []string
	for _, u := range ups {
		if !plain.MatchString(u.Name) || !plain.MatchString(u.To) {
			continue
		}
		switch t {
		case finding.Deb:
			named = append(named, u.Name+"="+u.To)
		case finding.RPM:
			named = append(named, u.Name+"-"+u.To[strings.IndexByte(u.To, ':')+1:])
		case finding.APK:
			named = append(named, "'"+u.Name+">="+u.To+"'")
		default:
			if text := ecosystemCommand(t, direct, u); text != "" {
				out = append(out, Command{"shell", text})
			}
		}
	}
	if len(named) == 0 {
		return out
	}
	list := strings.Join(named, " ")
	switch t {
	case finding.Deb:
		out = append(out, Command{"dockerfile", "RUN apt-get update && apt-get install -y --only-upgrade " + list + " && rm -rf /var/lib/apt/lists/*"})
	case finding.RPM:
		out = append(out, Command{"dockerfile", "RUN dnf upgrade -y " + list + " && dnf clean all"})
	case finding.APK:
		out = append(out, Command{"dockerfile", "RUN apk add --no-cache --upgrade " + list})
	}
	return out
}

// ecosystemCommand is the package manager's own way, "" where there is none.
func ecosystemCommand(t finding.Type, direct *bool, u Upgrade) string {
	switch t {
	case finding.NPM:
		if direct != nil && !*direct {
			return "npm pkg set 'overrides." + u.Name + "=" + u.To + "' && npm install"
		}
		return "npm install " + u.Name + "@" + u.To
	case finding.PyPI:
		return "pip install --upgrade '" + u.Name + ">=" + u.To + "'"
	case finding.Go:
		version := strings.TrimPrefix(u.To, "v")
		if u.Name == "stdlib" {
			return "go get go@" + version
		}
		return "go get " + u.Name + "@v" + version + " && go mod tidy"
	case finding.Maven:
		return "mvn versions:use-dep-version -Dincludes=" + u.Name + " -DdepVersion=" + u.To + " -DforceVersion=true"
	case finding.Gem:
		return "bundle update --conservative " + u.Name
	case finding.Cargo:
		return "cargo update -p " + u.Name + " --precise " + u.To
	case finding.Composer:
		return "composer require '" + u.Name + ":^" + u.To + "' --with-dependencies"
	case finding.NuGet:
		return "dotnet add package " + u.Name + " --version " + u.To
	}
	return ""
}
