package assurance

import (
	"fmt"
	"regexp"

	"github.com/limpet-security/limpet/internal/finding"
)

// Words with a fixed set of values.
type (
	Mode            string
	Severity        string
	FixState        string
	Exploit         string
	VectorFact      string
	LicenceCategory string
	ReasonClass     string
	ArtifactKind    string
	ControlID       string
	Stage           string
	Pattern         string // a regular expression (RE2)
)

// Modes, weakest first.
const (
	Off   Mode = "off"
	Audit Mode = "audit"
	Warn  Mode = "warn"
	Block Mode = "block"
)

// Facts of a CVSS vector.
const (
	VectorNetwork       VectorFact = "network"
	VectorNoPrivileges  VectorFact = "noPrivileges"
	VectorNoInteraction VectorFact = "noInteraction"
	VectorLowComplexity VectorFact = "lowComplexity"
)

// Exploits.
const (
	ExploitPoC    Exploit = "poc"
	ExploitActive Exploit = "active"
)

// Stages: where a policy is asked.
const (
	StagePipeline  Stage = "pipeline"  // a build, a command line
	StageRegistry  Stage = "registry"  // what is kept in the inventory
	StageAdmission Stage = "admission" // before it is deployed
	StageRuntime   Stage = "runtime"   // when it starts, and while it runs
)

// The controls.
const (
	ControlVulnerabilities   ControlID = "vulnerabilities"
	ControlPackages          ControlID = "packages"
	ControlLicences          ControlID = "licences"
	ControlMalware           ControlID = "malware"
	ControlSecrets           ControlID = "secrets"
	ControlMisconfigurations ControlID = "misconfigurations"
	ControlRootUser          ControlID = "rootUser"
	ControlBaseImages        ControlID = "baseImages"
	ControlLabels            ControlID = "labels"
	ControlEnvironment       ControlID = "environment"
	ControlPorts             ControlID = "ports"
	ControlInstructions      ControlID = "instructions"
	ControlOperatingSystems  ControlID = "operatingSystems"
	ControlRegistries        ControlID = "registries"
	ControlMicroEnforcer     ControlID = "microEnforcer"
	ControlSignatures        ControlID = "signatures"
	ControlAge               ControlID = "age"
	ControlIntegrity         ControlID = "integrity"
	ControlCoverage          ControlID = "coverage"
	ControlPermissions       ControlID = "functionPermissions"
	ControlCode              ControlID = "functionIntegrity"
	ControlCustom            ControlID = "custom"
)

// ControlIDs are all controls, in the order in which verdicts list them.
func ControlIDs() []ControlID {
	return []ControlID{
		ControlIntegrity, ControlCoverage, ControlMalware, ControlSecrets, ControlVulnerabilities, ControlPackages, ControlLicences,
		ControlMisconfigurations, ControlRootUser, ControlBaseImages, ControlLabels, ControlEnvironment, ControlPorts, ControlInstructions,
		ControlOperatingSystems, ControlRegistries, ControlMicroEnforcer, ControlSignatures, ControlPermissions, ControlCode, ControlAge, ControlCustom,
	}
}

// Values lists the modes.
func (Mode) Values() []string { return []string{"off", "audit", "warn", "block"} }

// Values lists the severities.
func (Severity) Values() []string {
	return []string{"critical", "high", "medium", "low", "negligible", "unknown"}
}

// Values lists the states of a fix.
func (FixState) Values() []string {
	return words(finding.Fixed, finding.NotFixed, finding.WontFix, finding.Deferred, finding.UnknownFix, finding.EndOfLifeOS)
}

// Values lists the kinds of exploits.
func (Exploit) Values() []string { return words(ExploitPoC, ExploitActive) }

// Values lists the facts of a vector.
func (VectorFact) Values() []string {
	return words(VectorNetwork, VectorNoPrivileges, VectorNoInteraction, VectorLowComplexity)
}

// Values lists the categories of licences.
func (LicenceCategory) Values() []string {
	return []string{"permissive", "weak-copyleft", "copyleft", "network-copyleft", "restricted", "unknown"}
}

// Values lists the kinds of reasons.
func (ReasonClass) Values() []string {
	return []string{"riskOwned", "riskMitigated", "riskTransferred", "riskAvoided", "notRelevant", "falsePositive"}
}

// Values lists the kinds of artefacts.
func (ArtifactKind) Values() []string {
	return words(finding.KindImage, finding.KindRootfs, finding.KindHost, finding.KindFunction, finding.KindVM, finding.KindSBOM, finding.KindConfig)
}

// Values lists the stages.
func (Stage) Values() []string {
	return words(StagePipeline, StageRegistry, StageAdmission, StageRuntime)
}

// Values lists the controls.
func (ControlID) Values() []string { return words(ControlIDs()...) }

func words[T ~string](list ...T) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}

// Check says what is wrong with a pattern.
func (p Pattern) Check() error {
	if _, err := regexp.Compile(string(p)); err != nil {
		return fmt.Errorf("not a regular expression: %w", err)
	}
	return nil
}
