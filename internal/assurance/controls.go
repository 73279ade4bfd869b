package assurance

import (
	"time"

	"github.com/limpet-security/limpet/internal/policy"
)

// Vulnerabilities fails where a rule selects at least Count vulnerabilities.
type Vulnerabilities struct {
	Setting
	Rules []VulnerabilityRule `json:"rules" req:"true" max:"200" doc:"Each stands for itself; one that selects is enough."`
}

// VulnerabilityRule selects vulnerabilities. Every selector that is set must match.
type VulnerabilityRule struct {
	Name           string       `json:"name,omitempty" doc:"Name shown in verdicts."`
	AtLeast        Severity     `json:"atLeast,omitempty" doc:"This severity or a worse one; vulnerabilities of unknown severity do not match."`
	Severities     []Severity   `json:"severities,omitempty" max:"6" doc:"One of these severities."`
	ScoreAtLeast   *float64     `json:"scoreAtLeast,omitempty" min:"0" max:"10" doc:"Highest CVSS base score, at least."`
	ScoreBelow     *float64     `json:"scoreBelow,omitempty" min:"0" max:"10" doc:"Highest CVSS base score, below: with scoreAtLeast a range."`
	ScoreSource    string       `json:"scoreSource,omitempty" doc:"Whose scores count, such as nvd; empty means anybody's."`
	Fixable        *bool        `json:"fixable,omitempty" doc:"true: only those with a fixed version; false: only those without."`
	FixStates      []FixState   `json:"fixStates,omitempty" max:"10" doc:"What the publisher says about a fix."`
	EPSSAtLeast    *float64     `json:"epssAtLeast,omitempty" min:"0" max:"1" doc:"EPSS probability, at least."`
	EPSSPercentile *float64     `json:"epssPercentile,omitempty" min:"0" max:"1" doc:"EPSS percentile, at least."`
	KEV            *bool        `json:"kev,omitempty" doc:"In CISA's catalogue of known exploited vulnerabilities, or not in it."`
	KEVAddedDays   *int         `json:"kevAddedDays,omitempty" min:"0" max:"36500" doc:"In that catalogue for at least so many days."`
	KEVDueDays     *int         `json:"kevDueDays,omitempty" min:"0" max:"36500" doc:"Due, by that catalogue, within so many days, or overdue."`
	Ransomware     *bool        `json:"ransomware,omitempty" doc:"Known to be used in ransomware campaigns."`
	Exploits       []Exploit    `json:"exploits,omitempty" max:"4" doc:"poc: a public exploit exists; active: it is used. Either catalogue's word counts."`
	Vector         []VectorFact `json:"vector,omitempty" max:"10" doc:"Facts of the CVSS vector that must all hold."`
	PublishedDays  int          `json:"publishedDays,omitempty" min:"0" max:"36500" doc:"Published at least so many days ago: a grace for new vulnerabilities. Without a date it counts as old."`
	FixedDays      int          `json:"fixedDays,omitempty" min:"0" max:"36500" doc:"Fixed at least so many days ago, published where the fix has no date: a grace for new fixes."`
	SeenDays       int          `json:"seenDays,omitempty" min:"0" max:"36500" doc:"First seen in this artefact at least so many days ago; where nobody knows, it counts."`
	PublishedFrom  *time.Time   `json:"publishedFrom,omitempty" doc:"Published on or after this date."`
	PublishedUntil *time.Time   `json:"publishedUntil,omitempty" doc:"Published before this date."`
	Grace          *Grace       `json:"grace,omitempty" doc:"Days of grace by severity, from the day of the fix, of publication where the fix has no date. Without a date it counts as old."`
	SeenAnyDays    int          `json:"seenAnyDays,omitempty" min:"0" max:"36500" doc:"First seen in any artefact at least so many days ago; where nobody knows, it counts."`
	Tags           []string     `json:"tags,omitempty" max:"100" doc:"Carrying one of these tags of the policy."`
	ExceptTags     []string     `json:"exceptTags,omitempty" max:"100" doc:"Carrying none of these."`
	IDs            []string     `json:"ids,omitempty" max:"10000" doc:"These vulnerabilities; * matches any run of characters."`
	ExceptIDs      []string     `json:"exceptIds,omitempty" max:"10000" doc:"Not these."`
	Packages       []string     `json:"packages,omitempty" max:"1000" doc:"In packages of these names; * matches any run of characters but /."`
	Types          []string     `json:"types,omitempty" max:"50" doc:"In packages of these types: deb, npm, golang, ..."`
	OSPackages     *bool        `json:"osPackages,omitempty" doc:"true: only in the distribution's packages; false: only in others."`
	Direct         *bool        `json:"direct,omitempty" doc:"true: only in direct dependencies; what is not known to be transitive counts as direct."`
	InUse          *bool        `json:"inUse,omitempty" doc:"true: only in packages that a running workload has loaded; where nobody knows, it counts."`
	Count          int          `json:"count,omitempty" min:"0" max:"1000000" doc:"So many must be selected before the rule fails; 0 and 1 mean any."`
	When           string       `json:"when,omitempty" doc:"A CEL expression over v, the vulnerability, and artifact, that must be true."`
	Mode           Mode         `json:"mode,omitempty" doc:"Another mode for this rule than the control's, such as warn beside a control that blocks."`
	Until          *time.Time   `json:"until,omitempty" doc:"RFC 3339 time or date after which the rule no longer holds."`
}

// Grace is days of grace by severity. What is not set has none.
type Grace struct {
	Critical   int `json:"critical,omitempty" min:"0" max:"36500" doc:"Days for critical ones."`
	High       int `json:"high,omitempty" min:"0" max:"36500" doc:"Days for high ones."`
	Medium     int `json:"medium,omitempty" min:"0" max:"36500" doc:"Days for medium ones."`
	Low        int `json:"low,omitempty" min:"0" max:"36500" doc:"Days for low ones."`
	Negligible int `json:"negligible,omitempty" min:"0" max:"36500" doc:"Days for negligible ones."`
	Unknown    int `json:"unknown,omitempty" min:"0" max:"36500" doc:"Days for those of unknown severity."`
}

// Packages forbids packages, or allows some alone.
type Packages struct {
	Setting
	Deny  []PackageRule `json:"deny,omitempty" max:"1000" doc:"Packages that fail."`
	Allow []PackageRule `json:"allow,omitempty" max:"10000" doc:"If set, every package that none of these selects fails."`
}

// PackageRule selects packages. Every selector that is set must match.
type PackageRule struct {
	Name     string   `json:"name,omitempty" doc:"Name; * matches any run of characters but /."`
	Types    []string `json:"types,omitempty" max:"50" doc:"Types: deb, rpm, npm, golang, ..."`
	From     string   `json:"from,omitempty" doc:"This version or a later one, by the type's own order."`
	Below    string   `json:"below,omitempty" doc:"Earlier than this version."`
	Version  string   `json:"version,omitempty" doc:"This version exactly."`
	Arch     string   `json:"arch,omitempty" doc:"This architecture."`
	Licences []string `json:"licences,omitempty" max:"1000" doc:"Under one of these licences."`
}

// Licences forbids licences, or allows some alone.
type Licences struct {
	Setting
	Deny           []string          `json:"deny,omitempty" max:"1000" doc:"SPDX identifiers; * matches any run of characters."`
	DenyCategories []LicenceCategory `json:"denyCategories,omitempty" max:"10" doc:"Categories."`
	Allow          []string          `json:"allow,omitempty" max:"1000" doc:"If set, every other licence fails."`
}

// Malware fails for every match outside Except.
type Malware struct {
	Setting
	Paths  []policy.Glob `json:"paths,omitempty" max:"1000" doc:"If set, only what lies below these paths is looked at."`
	Except []policy.Glob `json:"except,omitempty" max:"1000" doc:"Paths that are not looked at."`
}

// Secrets fails for every credential found.
type Secrets struct {
	Setting
	AtLeast Severity      `json:"atLeast,omitempty" doc:"This severity or a worse one; empty means any."`
	Except  []policy.Glob `json:"except,omitempty" max:"1000" doc:"Paths that are not looked at."`
}

// Misconfigurations fails for checks that failed.
type Misconfigurations struct {
	Setting
	AtLeast Severity    `json:"atLeast,omitempty" doc:"This severity or a worse one; empty means any."`
	IDs     []string    `json:"ids,omitempty" max:"1000" doc:"Only these checks; * matches any run of characters."`
	Rules   []CheckRule `json:"rules,omitempty" max:"200" doc:"Checks with a mode of their own. The first rule that selects a check decides; atLeast and ids are for those that none selects."`
}

// CheckRule selects failed checks. Every selector that is set must match.
type CheckRule struct {
	Name       string        `json:"name,omitempty" doc:"Name shown in verdicts."`
	IDs        []string      `json:"ids,omitempty" max:"1000" doc:"These checks, such as LMP-KUBE-*; * matches any run of characters."`
	Benchmarks []string      `json:"benchmarks,omitempty" max:"100" doc:"Checks that one of these asks for, such as 'CIS Docker*' or 'Pod Security*'; * matches any run of characters."`
	AtLeast    Severity      `json:"atLeast,omitempty" doc:"This severity or a worse one."`
	Paths      []policy.Glob `json:"paths,omitempty" max:"1000" doc:"Found below these paths."`
	Mode       Mode          `json:"mode,omitempty" doc:"Another mode for these checks than the control's."`
}

// BaseImages names the approved base images.
type BaseImages struct {
	Setting
	Allow   []policy.ImageGlob `json:"allow,omitempty" max:"1000" doc:"References that the image names as its base (label org.opencontainers.image.base.name)."`
	DiffIDs []policy.Digest    `json:"diffIDs,omitempty" max:"10000" doc:"Diff IDs: the lowest layers of the image must be one of these."`
}

// Labels asks for labels and forbids others. A value of * means any value.
type Labels struct {
	Setting
	Required  map[string]string `json:"required,omitempty" doc:"Each must be there; * stands for any value."`
	Forbidden map[string]string `json:"forbidden,omitempty" doc:"None may be there; * stands for any value."`
}

// Environment forbids variables by name.
type Environment struct {
	Setting
	Deny []string `json:"deny" req:"true" max:"1000" doc:"Names; * matches any run of characters."`
}

// Ports forbids exposed ports.
type Ports struct {
	Setting
	Deny []policy.Ports `json:"deny" req:"true" max:"1000" doc:"Ports and ranges."`
}

// Instructions forbids lines of the history.
type Instructions struct {
	Setting
	Deny []Pattern `json:"deny" req:"true" max:"200" doc:"Regular expressions (RE2) over each line of the history."`
}

// OperatingSystems forbids operating systems.
type OperatingSystems struct {
	Setting
	Allow     []string `json:"allow,omitempty" max:"1000" doc:"ID or ID:VERSION as in os-release, such as debian:12; if set, everything else fails."`
	Deny      []string `json:"deny,omitempty" max:"1000" doc:"ID or ID:VERSION."`
	EndOfLife bool     `json:"endOfLife,omitempty" doc:"Fail where the publisher no longer gives security fixes."`
}

// Registries names the registries that images may come from.
type Registries struct {
	Setting
	Allow []policy.ImageGlob `json:"allow" req:"true" max:"1000" doc:"Image references, such as registry.example.com/**."`
}

// Signatures names accepted signers.
type Signatures struct {
	Setting
	AnyOf []Signer `json:"anyOf" req:"true" max:"200" doc:"One of these must have signed the image."`
}

// Signer is a key, or an identity with its issuer.
type Signer struct {
	Key      string `json:"key,omitempty" doc:"Public key in PEM, or its base64: ECDSA P-256, Ed25519 or RSA; or an identifier of one that somebody else verified."`
	Identity string `json:"identity,omitempty" doc:"Identity in the certificate; * matches any run of characters but /."`
	Issuer   string `json:"issuer,omitempty" doc:"Issuer of that identity."`
}

// Permissions judges what the role of a function may do, by the policies that
// were given to the scan. Conditions are not judged: what is allowed under one
// counts as allowed.
type Permissions struct {
	Setting
	Deny      []string `json:"deny,omitempty" max:"1000" doc:"Actions that may not be allowed, such as iam:* or s3:DeleteBucket; whoever allows s3:* allows it."`
	Excessive bool     `json:"excessive,omitempty" doc:"Fail for all actions of a service or of all, for everything but a list (NotAction), and for writing to every resource without a condition."`
}

// Age bounds the age of an image and of its scan.
type Age struct {
	Setting
	ImageDays int `json:"imageDays,omitempty" min:"0" max:"36500" doc:"The image was built at most so many days ago."`
	ScanDays  int `json:"scanDays,omitempty" min:"0" max:"36500" doc:"It was scanned at most so many days ago."`
	DataDays  int `json:"dataDays,omitempty" min:"0" max:"36500" doc:"The vulnerability data it was matched with is at most so many days old."`
}

// Custom judges the whole report by expressions and modules.
type Custom struct {
	Setting
	Rules []CustomRule `json:"rules" req:"true" max:"200" doc:"Each stands for itself, and says when it fails: with when or with rego."`
}

// CustomRule fails where When is true, or where the module's deny holds something.
type CustomRule struct {
	Name    string `json:"name" req:"true" doc:"Name shown in verdicts."`
	When    string `json:"when,omitempty" doc:"A CEL expression over artifact, os, packages, vulnerabilities, secrets, malware, licences, misconfigurations and integrity; it fails where it is true."`
	Rego    string `json:"rego,omitempty" doc:"A module in Rego v1, package limpet, over the same as input; it fails for each member of deny, a text or an object with msg, id, package and path."`
	Message string `json:"message,omitempty" doc:"What to tell whoever is stopped."`
	Mode    Mode   `json:"mode,omitempty" doc:"Another mode for this rule than the control's, such as warn beside a control that blocks."`
}
