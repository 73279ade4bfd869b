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
	Why        string // what comes of it
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
	{rootUser, "the image runs as root", finding.High, "Add a user and a USER instruction with its name or number.", []string{"CIS Docker 1.6 4.1", docker + "#user"}, "Whoever takes over a process in the container is root there, and one hole in the kernel away from root on the host."},
	{noHealthcheck, "no HEALTHCHECK", finding.Low, "Add a HEALTHCHECK instruction, or let the orchestrator probe the container.", []string{"CIS Docker 1.6 4.6", docker + "#healthcheck"}, "A service that hangs counts as running."},
	{sshPort, "the port of SSH is exposed", finding.Medium, "Take the SSH server out; use docker exec or kubectl exec.", []string{"CIS Docker 1.6 5.7"}, "A login service in a container is a second way in, with keys and patches of its own."},
	{privilegedPort, "ports below 1024 are exposed", finding.Low, "Listen on a port from 1024 and map it.", []string{"CIS Docker 1.6 5.8"}, "It makes the service ask for root or a capability."},
	{addUsed, "ADD was used", finding.Low, "Use COPY, which neither unpacks nor downloads.", []string{"CIS Docker 1.6 4.9", docker + "#add"}, "ADD unpacks archives and downloads, which COPY cannot be made to do."},
	{addURL, "ADD downloads", finding.Medium, "Download with a tool that verifies a checksum, or use ADD --checksum.", []string{"CIS Docker 1.6 4.9", docker + "#add---checksum"}, "What the address gives is not verified, and may be another thing tomorrow."},
	{latestTag, "the tag is latest", finding.Low, "Use a tag of a version, or a digest.", []string{"CIS Docker 1.6 5.27"}, "Which bytes run depends on the day, and a rollback has no name."},
	{updateAlone, "package lists are updated in a step of their own", finding.Low, "Update and install in one RUN instruction; a cached layer keeps old lists.", []string{"CIS Docker 1.6 4.7"}, "A cached layer brings old lists, so old versions are installed."},
	{secretEnv, "a variable's name speaks of a secret", finding.High, "Give secrets when the container starts, or with RUN --mount=type=secret.", []string{"CIS Docker 1.6 4.10", docker + "#run---mounttypesecret"}, "Who has the image, or may inspect the container, reads the value."},
	{pipedToShell, "a download is piped into a shell", finding.Medium, "Download to a file, verify its checksum or signature, then run it.", []string{"CIS Docker 1.6 4.11"}, "Whoever holds the server, or the line to it, runs commands in the build."},
	{unverified, "verification is switched off", finding.Medium, "Take out the option; add the key or certificate that is missing.", []string{"CIS Docker 1.6 4.11"}, "What is installed may be another thing than was meant."},
	{openMode, "files are made writable for everybody", finding.Medium, "Give them to the user that needs them, with chown or COPY --chown.", []string{"CIS Docker 1.6 4.8"}, "Any user in the container changes what others run."},
	{onBuild, "ONBUILD instructions", finding.Low, "Write them into the images that build on this one.", []string{docker + "#onbuild"}, "Who builds upon the image runs lines that are not to be seen in that Dockerfile."},
	{socketVolume, "a volume for the container engine's socket or the host's root", finding.High, "Take the volume out: who has that socket is root on the host.", []string{"CIS Docker 1.6 5.32"}, "The container engine carries out what it is told, as root on the host."},
	{sudoUsed, "sudo was used in the build", finding.Low, "Build steps run as root until USER; put USER after them.", []string{docker + "#user"}, "It does nothing for root and stays in the image as a way to become root."},
	{setIDProgram, "set-user-ID or set-group-ID program", finding.Low, "Take the bits off (chmod a-s) or the program out.", []string{"CIS Docker 1.6 4.8"}, "It runs with the rights of its owner, whoever starts it."},
	{worldWritable, "writable for everybody", finding.Medium, "Take the permission off (chmod o-w), or set the sticky bit of a folder.", []string{"CIS Docker 1.6 4.8"}, "Any user in the container changes what others read or run."},
	{packageCache, "package lists or caches are left", finding.Negligible, "Remove them in the RUN instruction that made them.", []string{"https://docs.docker.com/build/building/best-practices/#apt-get"}, "It makes the image larger and tells what is outdated."},
	{sudoProgram, "sudo is installed", finding.Low, "Take it out; a container has one user.", []string{"CIS Docker 1.6 4.3"}, "A way to become root that a service does not need."},
	{emptyPassword, "a user without a password", finding.High, "Lock the password (passwd -l).", []string{"CIS Debian Linux 12 7.2.2"}, "Anybody can log in as that user."},
	{secondRoot, "another user with id 0", finding.High, "Give the user another id.", []string{"CIS Debian Linux 12 7.2.3"}, "An account that is root and does not look like it."},
	{sudoNoPassword, "sudo for everything without a password", finding.High, "Name the commands, or take the line out.", []string{"CIS Debian Linux 12 5.2.4"}, "Whoever has that user has root."},
	{sshdProgram, "an SSH server is installed", finding.Low, "Take it out; use docker exec or kubectl exec.", []string{"CIS Docker 1.6 5.7"}, "A login service in a container is a second way in, with keys and patches of its own."},
	{sshdSettings, "the SSH server lets in what it should not", finding.High, "Set PermitRootLogin and PermitEmptyPasswords to no.", []string{"CIS Debian Linux 12 5.1.20"}, "Guessing one password gives root."},
	{deviceNode, "a device file", finding.Medium, "Take it out; devices are given when a container starts.", []string{"CIS Docker 1.6 5.18"}, "Where the runtime lets it be opened it reaches the hardware past all file permissions."},
}

// Checks gives all checks, by id.
func Checks() []Check { return slices.Concat(checks, configChecks) }

var byID = func() map[string]Check {
	m := map[string]Check{}
	for _, c := range Checks() {
		m[c.ID] = c
	}
	return m
}()

// failed gives the finding of a check.
func failed(id, message string, place finding.Place) finding.Misconfiguration {
	c := byID[id]
	return finding.Misconfiguration{ID: c.ID, Title: c.Title, Severity: c.Severity, Message: message, Why: c.Why, Resolution: c.Resolution, References: c.References, Place: place}
}
