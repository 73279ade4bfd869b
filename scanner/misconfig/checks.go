package misconfig

import (
	"slices"

	"github.com/limpet-security/limpet/internal/finding"
)

// Check is one kind of misconfiguration.
type Check struct {
	ID         string
	Title      string
	Severity   finding.Severity
	Resolution string
	References []string
}

const docker = "https://docs.docker.com/reference/dockerfile/"

// Ids of the checks.
const (
	rootUser       = "LMP-IMAGE-0001"
	noHealthcheck  = "LMP-IMAGE-0002"
	sshPort        = "LMP-IMAGE-0003"
	privilegedPort = "LMP-IMAGE-0004"
	addUsed        = "LMP-IMAGE-0005"
	addURL         = "LMP-IMAGE-0006"
	latestTag      = "LMP-IMAGE-0007"
	updateAlone    = "LMP-IMAGE-0008"
	secretEnv      = "LMP-IMAGE-0009"
	pipedToShell   = "LMP-IMAGE-0010"
	unverified     = "LMP-IMAGE-0011"
	openMode       = "LMP-IMAGE-0012"
	onBuild        = "LMP-IMAGE-0013"
	socketVolume   = "LMP-IMAGE-0014"
	sudoUsed       = "LMP-IMAGE-0015"
	setIDProgram   = "LMP-FILE-0001"
	worldWritable  = "LMP-FILE-0002"
	packageCache   = "LMP-FILE-0003"
	sudoProgram    = "LMP-FILE-0004"
	emptyPassword  = "LMP-FILE-0005"
	secondRoot     = "LMP-FILE-0006"
	sudoNoPassword = "LMP-FILE-0007"
	sshdProgram    = "LMP-FILE-0008"
	sshdSettings   = "LMP-FILE-0009"
	deviceNode     = "LMP-FILE-0010"
)

var checks = []Check{
	{rootUser, "the image runs as root", finding.High, "Add a user and a USER instruction with its name or number.", []string{"CIS Docker 1.6 4.1", docker + "#user"}},
	{noHealthcheck, "no HEALTHCHECK", finding.Low, "Add a HEALTHCHECK instruction, or let the orchestrator probe the container.", []string{"CIS Docker 1.6 4.6", docker + "#healthcheck"}},
	{sshPort, "the port of SSH is exposed", finding.Medium, "Take the SSH server out; use docker exec or kubectl exec.", []string{"CIS Docker 1.6 5.7"}},
	{privilegedPort, "ports below 1024 are exposed", finding.Low, "Listen on a port from 1024 and map it.", []string{"CIS Docker 1.6 5.8"}},
	{addUsed, "ADD was used", finding.Low, "Use COPY, which neither unpacks nor downloads.", []string{"CIS Docker 1.6 4.9", docker + "#add"}},
	{addURL, "ADD downloads", finding.Medium, "Download with a tool that verifies a checksum, or use ADD --checksum.", []string{"CIS Docker 1.6 4.9", docker + "#add---checksum"}},
	{latestTag, "the tag is latest", finding.Low, "Use a tag of a version, or a digest.", []string{"CIS Docker 1.6 5.27"}},
	{updateAlone, "package lists are updated in a step of their own", finding.Low, "Update and install in one RUN instruction; a cached layer keeps old lists.", []string{"CIS Docker 1.6 4.7"}},
	{secretEnv, "a variable's name speaks of a secret", finding.High, "Give secrets when the container starts, or with RUN --mount=type=secret.", []string{"CIS Docker 1.6 4.10", docker + "#run---mounttypesecret"}},
	{pipedToShell, "a download is piped into a shell", finding.Medium, "Download to a file, verify its checksum or signature, then run it.", []string{"CIS Docker 1.6 4.11"}},
	{unverified, "verification is switched off", finding.Medium, "Take out the option; add the key or certificate that is missing.", []string{"CIS Docker 1.6 4.11"}},
	{openMode, "files are made writable for everybody", finding.Medium, "Give them to the user that needs them, with chown or COPY --chown.", []string{"CIS Docker 1.6 4.8"}},
	{onBuild, "ONBUILD instructions", finding.Low, "Write them into the images that build on this one.", []string{docker + "#onbuild"}},
	{socketVolume, "a volume for the container engine's socket or the host's root", finding.High, "Take the volume out: who has that socket is root on the host.", []string{"CIS Docker 1.6 5.32"}},
	{sudoUsed, "sudo was used in the build", finding.Low, "Build steps run as root until USER; put USER after them.", []string{docker + "#user"}},
	{setIDProgram, "set-user-ID or set-group-ID program", finding.Low, "Take the bits off (chmod a-s) or the program out.", []string{"CIS Docker 1.6 4.8"}},
	{worldWritable, "writable for everybody", finding.Medium, "Take the permission off (chmod o-w), or set the sticky bit of a folder.", []string{"CIS Docker 1.6 4.8"}},
	{packageCache, "package lists or caches are left", finding.Negligible, "Remove them in the RUN instruction that made them.", []string{"https://docs.docker.com/build/building/best-practices/#apt-get"}},
	{sudoProgram, "sudo is installed", finding.Low, "Take it out; a container has one user.", []string{"CIS Docker 1.6 4.3"}},
	{emptyPassword, "a user without a password", finding.High, "Lock the password (passwd -l).", []string{"CIS Debian Linux 12 7.2.2"}},
	{secondRoot, "another user with id 0", finding.High, "Give the user another id.", []string{"CIS Debian Linux 12 7.2.3"}},
	{sudoNoPassword, "sudo for everything without a password", finding.High, "Name the commands, or take the line out.", []string{"CIS Debian Linux 12 5.2.4"}},
	{sshdProgram, "an SSH server is installed", finding.Low, "Take it out; use docker exec or kubectl exec.", []string{"CIS Docker 1.6 5.7"}},
	{sshdSettings, "the SSH server lets in what it should not", finding.High, "Set PermitRootLogin and PermitEmptyPasswords to no.", []string{"CIS Debian Linux 12 5.1.20"}},
	{deviceNode, "a device file", finding.Medium, "Take it out; devices are given when a container starts.", []string{"CIS Docker 1.6 5.18"}},
}

// Checks gives all checks, by id.
func Checks() []Check { return slices.Clone(checks) }

// failed gives the finding of a check.
func failed(id, message string, place finding.Place) finding.Misconfiguration {
	i := slices.IndexFunc(checks, func(c Check) bool { return c.ID == id })
	c := checks[i]
	return finding.Misconfiguration{ID: c.ID, Title: c.Title, Severity: c.Severity, Message: message, Resolution: c.Resolution, References: c.References, Place: place}
}
