package assurance

import (
	"time"

	"github.com/limpet-security/limpet/internal/policy"
)

// Kind is what an assurance policy's document says it is.
const Kind = "AssurancePolicy"

// Policy is one document: what an artefact must be like to run.
type Policy struct {
	APIVersion string      `json:"apiVersion" req:"true" doc:"Version of the document format: limpet.dev/v1."`
	Kind       string      `json:"kind" req:"true" doc:"AssurancePolicy."`
	Metadata   policy.Meta `json:"metadata" req:"true" doc:"Name and description."`
	Spec       Spec        `json:"spec" req:"true" doc:"What the policy says."`
}

// Spec is what the policy says.
type Spec struct {
	Scope            Scope              `json:"scope,omitzero" doc:"Which artefacts the policy is for; empty means all."`
	Message          string             `json:"message,omitempty" doc:"Shown to whoever is warned or stopped."`
	EnforceAfterDays int                `json:"enforceAfterDays,omitempty" min:"0" max:"3650" doc:"Days after assignment during which every control of this policy only audits."`
	RescanHours      int                `json:"rescanHours,omitempty" min:"0" max:"8760" doc:"Hours after which the server scans artefacts in scope again; 0 leaves it to the registry's schedule."`
	Severities       []SeverityOverride `json:"severities,omitempty" max:"10000" doc:"Severities of your own for single vulnerabilities; every control of this policy uses them."`
	Tags             []Tag              `json:"tags,omitempty" max:"1000" doc:"Names for sets of vulnerabilities, for rules to speak of."`
	Ignore           Ignore             `json:"ignore,omitzero" doc:"What no control of this policy looks at."`
	Controls         Controls           `json:"controls" req:"true" doc:"The controls, each off, audit, warn or block on its own."`
	Exceptions       []Exception        `json:"exceptions,omitempty" max:"10000" doc:"Findings that are accepted, by whom, why and until when."`
}

// Scope narrows a policy. Every selector that is set must match.
type Scope struct {
	Kinds  []ArtifactKind     `json:"kinds,omitempty" max:"10" doc:"Kinds of artefacts; empty means all."`
	Images []policy.ImageGlob `json:"images,omitempty" max:"1000" doc:"Image references, * within a path part and ** across; without a tag or digest any tag or digest matches."`
	Labels map[string]string  `json:"labels,omitempty" doc:"Labels that the image must all carry."`
	Stages []Stage            `json:"stages,omitempty" max:"10" doc:"Where the policy is asked; empty means everywhere. Where nobody says which stage it is, it is asked."`

	ExceptImages []policy.ImageGlob `json:"exceptImages,omitempty" max:"1000" doc:"Not these image references."`
	ExceptLabels map[string]string  `json:"exceptLabels,omitempty" doc:"Not images that carry one of these labels."`
}

// Tag names a set of vulnerabilities. Every selector that is set must match.
type Tag struct {
	Name     string     `json:"name" req:"true" doc:"What rules call it."`
	IDs      []string   `json:"ids,omitempty" max:"10000" doc:"These vulnerabilities; * matches any run of characters."`
	Packages []string   `json:"packages,omitempty" max:"1000" doc:"In packages of these names; * matches any run of characters but /."`
	Until    *time.Time `json:"until,omitempty" doc:"RFC 3339 time or date after which nothing carries the tag."`
	Reason   string     `json:"reason,omitempty" doc:"Why."`
}

// SeverityOverride gives a vulnerability another severity.
type SeverityOverride struct {
	ID       string   `json:"id" req:"true" doc:"The vulnerability, such as CVE-2024-3094."`
	Severity Severity `json:"severity" req:"true" doc:"Its severity here."`
	Reason   string   `json:"reason,omitempty" doc:"Why."`
}

// Ignore is what a policy does not look at.
type Ignore struct {
	BaseImage bool          `json:"baseImage,omitempty" doc:"Leave out vulnerabilities that the base image brings."`
	Paths     []policy.Glob `json:"paths,omitempty" max:"1000" doc:"Leave out everything found below these paths."`
}

// Controls holds every control; nil means that the policy does not set it.
type Controls struct {
	Vulnerabilities   *Vulnerabilities   `json:"vulnerabilities,omitempty" doc:"Known vulnerabilities that one of the rules selects."`
	Packages          *Packages          `json:"packages,omitempty" doc:"Packages that are forbidden, or are not among those allowed."`
	Licences          *Licences          `json:"licences,omitempty" doc:"Licences that are forbidden, or are not among those allowed."`
	Malware           *Malware           `json:"malware,omitempty" doc:"Files that match a malware signature."`
	Secrets           *Secrets           `json:"secrets,omitempty" doc:"Credentials and files that should not be in an artefact."`
	Misconfigurations *Misconfigurations `json:"misconfigurations,omitempty" doc:"Checks of the configuration that failed."`
	RootUser          *Plain             `json:"rootUser,omitempty" doc:"The image runs as root, or names no user."`
	BaseImages        *BaseImages        `json:"baseImages,omitempty" doc:"The base image is not one of those approved, or is not known."`
	Labels            *Labels            `json:"labels,omitempty" doc:"A required label is missing, or a forbidden one is there."`
	Environment       *Environment       `json:"environment,omitempty" doc:"A forbidden variable is set in the image."`
	Ports             *Ports             `json:"ports,omitempty" doc:"The image exposes a forbidden port."`
	Instructions      *Instructions      `json:"instructions,omitempty" doc:"A line of the image's history matches."`
	OperatingSystems  *OperatingSystems  `json:"operatingSystems,omitempty" doc:"The operating system is forbidden, not among those allowed, or past its end of life."`
	Registries        *Registries        `json:"registries,omitempty" doc:"The image comes from another registry than those allowed."`
	MicroEnforcer     *Plain             `json:"microEnforcer,omitempty" doc:"The image is not wrapped: no MicroEnforcer is in it."`
	Signatures        *Signatures        `json:"signatures,omitempty" doc:"No signature of an accepted signer was verified."`
	Age               *Age               `json:"age,omitempty" doc:"The image, or its scan, is too old."`
	Integrity         *Plain             `json:"integrity,omitempty" doc:"The scan is partial, or the artefact's bytes are not those that were promised."`
	Coverage          *Plain             `json:"coverage,omitempty" doc:"There is no vulnerability data for some packages: no data is not the same as clean."`
	Permissions       *Permissions       `json:"functionPermissions,omitempty" doc:"The role of a function allows what is forbidden, or more than it should, or nobody gave its permissions to the scan."`
	Code              *Plain             `json:"functionIntegrity,omitempty" doc:"A function's code is no longer what was scanned, or nobody says what it is now."`
	Custom            *Custom            `json:"custom,omitempty" doc:"Expressions (CEL) and modules (Rego) over the whole report."`
}

// Setting is what every control has.
type Setting struct {
	Mode Mode `json:"mode" req:"true" doc:"off: not looked at. audit: recorded. warn: recorded and said. block: the artefact fails."`
}

// Plain is a control without anything to set.
type Plain struct{ Setting }

// Exception accepts findings, in the policy in which it stands.
type Exception struct {
	Name string `json:"name,omitempty" doc:"Name shown in verdicts."`
	Accept
}

// Accept says which findings are accepted, by whom, why and until when. Every
// selector that is set must match, and at least one must be set.
type Accept struct {
	Controls    []ControlID        `json:"controls,omitempty" max:"100" doc:"Controls the exception is for; empty means every control."`
	IDs         []string           `json:"ids,omitempty" max:"1000" doc:"Vulnerabilities, rules or checks: CVE-2024-3094, LMP-IMAGE-0001; * matches any run of characters."`
	Packages    []string           `json:"packages,omitempty" max:"1000" doc:"Package names; * matches any run of characters but /."`
	Paths       []policy.Glob      `json:"paths,omitempty" max:"1000" doc:"Where it was found."`
	Images      []policy.ImageGlob `json:"images,omitempty" max:"1000" doc:"Image references."`
	Digests     []policy.Digest    `json:"digests,omitempty" max:"1000" doc:"Image digests."`
	Stages      []Stage            `json:"stages,omitempty" max:"10" doc:"Where it is accepted; empty means everywhere. Where nobody says which stage it is, it is not."`
	Reason      string             `json:"reason" req:"true" doc:"Why it is accepted."`
	ReasonClass ReasonClass        `json:"reasonClass,omitempty" doc:"What kind of reason it is."`
	Owner       string             `json:"owner" req:"true" doc:"Who answers for it."`
	Expires     *time.Time         `json:"expires,omitempty" doc:"RFC 3339 time or date after which it no longer holds."`
}
