package assurance

import (
	"cmp"
	"fmt"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/policy"
)

type digest = policy.Digest

// Compiled is a policy that is ready to judge. It never changes and may be used
// by several goroutines.
type Compiled struct {
	policy      *Policy
	digest      string // of its canonical text
	scope       patterns
	exceptScope patterns
	tags        map[string]tag
	ignore      patterns
	severities  map[string]finding.Severity
	exceptions  []exception
	controls    []control
}

// control is one control that is on.
type control struct {
	id    ControlID
	mode  Mode
	judge func(r *run, id ControlID, mode Mode)
}

// Policy gives the document.
func (c *Compiled) Policy() *Policy { return c.policy }

// Compile makes a policy ready to judge.
func Compile(p *Policy) (*Compiled, error) {
	c := &Compiled{policy: p, severities: map[string]finding.Severity{}}
	var err error
	if c.digest, err = p.digest(); err != nil {
		return nil, fmt.Errorf("cannot compile policy %q: %w", p.Metadata.Name, err)
	}
	if c.scope, err = compile(p.Spec.Scope.Images); err != nil {
		return nil, fmt.Errorf("cannot compile policy %q: %w", p.Metadata.Name, err)
	}
	if c.ignore, err = compile(p.Spec.Ignore.Paths); err != nil {
		return nil, fmt.Errorf("cannot compile policy %q: %w", p.Metadata.Name, err)
	}
	if c.exceptScope, err = compile(p.Spec.Scope.ExceptImages); err != nil {
		return nil, fmt.Errorf("cannot compile policy %q: %w", p.Metadata.Name, err)
	}
	if c.tags, err = compileTags(p.Spec.Tags); err != nil {
		return nil, fmt.Errorf("cannot compile policy %q: %w", p.Metadata.Name, err)
	}
	for _, s := range p.Spec.Severities {
		c.severities[s.ID] = finding.Severity(s.Severity)
	}
	for i, x := range p.Spec.Exceptions {
		e, err := compileException(cmp.Or(x.Name, fmt.Sprintf("exceptions[%d]", i)), x.Accept)
		if err != nil {
			return nil, fmt.Errorf("cannot compile policy %q: exception %d: %w", p.Metadata.Name, i, err)
		}
		c.exceptions = append(c.exceptions, e)
	}
	for _, id := range ControlIDs() {
		if err := c.add(id); err != nil {
			return nil, fmt.Errorf("cannot compile policy %q: %s: %w", p.Metadata.Name, id, err)
		}
	}
	return c, nil
}

// add compiles one control, if it is set and on.
func (c *Compiled) add(id ControlID) error {
	k := &c.policy.Spec.Controls
	on := func(s Setting, judge func(*run, ControlID, Mode), err error) error {
		if err == nil && s.Mode != Off {
			c.controls = append(c.controls, control{id, s.Mode, judge})
		}
		return err
	}
	plain := func(p *Plain, judge func(*run, ControlID, Mode)) error {
		if p == nil {
			return nil
		}
		return on(p.Setting, judge, nil)
	}
	switch id {
	case ControlIntegrity:
		return plain(k.Integrity, judgeIntegrity)
	case ControlCoverage:
		return plain(k.Coverage, judgeCoverage)
	case ControlRootUser:
		return plain(k.RootUser, judgeRootUser)
	case ControlMicroEnforcer:
		return plain(k.MicroEnforcer, judgeMicroEnforcer)
	case ControlCode:
		return plain(k.Code, judgeCode)
	}
	var made maker
	switch id {
	case ControlMalware:
		made = pointer(k.Malware)
	case ControlSecrets:
		made = pointer(k.Secrets)
	case ControlVulnerabilities:
		made = pointer(k.Vulnerabilities)
	case ControlPackages:
		made = pointer(k.Packages)
	case ControlLicences:
		made = pointer(k.Licences)
	case ControlMisconfigurations:
		made = pointer(k.Misconfigurations)
	case ControlBaseImages:
		made = pointer(k.BaseImages)
	case ControlLabels:
		made = pointer(k.Labels)
	case ControlEnvironment:
		made = pointer(k.Environment)
	case ControlPorts:
		made = pointer(k.Ports)
	case ControlInstructions:
		made = pointer(k.Instructions)
	case ControlOperatingSystems:
		made = pointer(k.OperatingSystems)
	case ControlRegistries:
		made = pointer(k.Registries)
	case ControlSignatures:
		made = pointer(k.Signatures)
	case ControlPermissions:
		made = pointer(k.Permissions)
	case ControlAge:
		made = pointer(k.Age)
	case ControlCustom:
		made = pointer(k.Custom)
	}
	if made == nil {
		return nil
	}
	judge, err := made.compile()
	return on(made.setting(), judge, err)
}

// maker is a control that has something to compile.
type maker interface {
	setting() Setting
	compile() (func(*run, ControlID, Mode), error)
}

func (s Setting) setting() Setting { return s }

// pointer gives nil for a nil control, not an interface that holds one.
func pointer[T any, P interface {
	*T
	maker
}](p P) maker {
	if p == nil {
		return nil
	}
	return p
}
