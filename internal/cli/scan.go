package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/scanner/report"
)

// Files that are read where they are, if nothing else is said.
const scanConfig = "limpet.yaml"

var ignoreFiles = []string{".limpetignore.yaml", ".limpetignore"}

// scanFlags are the same for every kind of artefact, so that one settings file
// serves all.
type scanFlags struct {
	config      string
	format      string
	output      string
	template    string
	severities  []string
	unfixed     bool
	guesses     bool
	exitCode    int
	exitOnEOL   bool
	ignoreFile  string
	vex         []string
	scanners    []string
	platform    string
	insecure    bool
	signatures  bool
	layers      []string
	permissions []string // of a function
	db          string
	maxAge      string
	offline     bool
	explain     string
	suppressed  bool
	cacheDir    string
	noCache     bool
	quiet       bool
	conn        connection
	remote      bool // --server: its database and policies

	age time.Duration // of maxAge; 0: not given
}

// ScanCommand is `limpet scan`.
func ScanCommand() *cobra.Command {
	cmd := scanOf(finding.KindImage, "scan IMAGE", "Find vulnerabilities, secrets, malware and faults of configuration in what you run")
	cmd.Long = `Scan an image, a root file system, this host, a function, the disk of a virtual
machine, a bill of materials, or the files that build and run images.
'limpet scan IMAGE' is 'limpet scan image IMAGE'.

The packages are matched with the vulnerability database that 'limpet db pull'
fetches; the scan itself asks no service. Layers that were read before come from
the cache. The report begins with how far it can be trusted: complete, partial
(something could not be read), or untrusted (bytes are not those that were
promised).

Every flag has an environment variable (--ignore-unfixed: LIMPET_IGNORE_UNFIXED)
and a key in ` + scanConfig + ` of the working directory or --config (ignoreUnfixed). Flags go
before variables, variables before the file.

With --server the artefact is read here, and the control plane matches it with
its database, judges it by its policies and keeps the report in its inventory.

Exit codes: 0 done (with findings too, unless --exit-code says otherwise), N of
--exit-code where something was found, 1 the work failed, 2 usage, 3 the artefact
could not be scanned, or not all of it, or is not what it claims to be, or its
packages could not be matched, 5 the operating system gets no more security fixes
(with --exit-on-eol), and with --server 1 where its policies refuse, 4 where it
cannot be reached. Whether something may run is what 'limpet check' says.`
	cmd.Example = `  limpet scan registry.example.com/shop/web:1.4
  limpet scan web.tar --severity critical,high --ignore-unfixed --exit-code 1
  limpet scan oci:web --format sarif --output web.sarif
  limpet scan rootfs /mnt/image --scanners vuln,secret
  limpet scan host --scanners vuln --severity critical
  limpet scan function web.zip --layer base.zip
  limpet scan vm disk.qcow2 --format json
  limpet scan sbom web.cdx.json --vex vendor.openvex.json
  limpet scan config . --severity critical,high --exit-code 1
  limpet scan docker://web:1.4 --explain CVE-2024-3094
  limpet scan web.tar --server https://limpet.example.com:8443`
	cmd.Args = nil
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		if len(args) > 1 {
			return &UsageError{fmt.Errorf("want one image, have %d arguments", len(args))}
		}
		return run(cmd, args)
	}
	cmd.AddCommand(
		scanOf(finding.KindImage, "image IMAGE", "Scan an image: registry, Docker daemon, archive or OCI layout"),
		scanOf(finding.KindRootfs, "rootfs FOLDER", "Scan a folder that holds a root file system"),
		scanOf(finding.KindHost, "host", "Scan this machine"),
		scanOf(finding.KindFunction, "function ZIP", "Scan the zip of a Lambda function, with its layers"),
		scanOf(finding.KindVM, "vm DISK", "Scan the disk of a virtual machine: raw, QCOW2 or VMDK"),
		scanOf(finding.KindSBOM, "sbom FILE", "Match the packages of a bill of materials (CycloneDX or SPDX, JSON)"),
		scanOf(finding.KindConfig, "config PATH", "Check Dockerfiles, Compose files and Kubernetes manifests"),
	)
	return cmd
}

// scanOf makes the command for one kind of artefact.
func scanOf(kind finding.Kind, use, short string) *cobra.Command {
	f := &scanFlags{}
	cmd := &cobra.Command{
		Use: use, Short: short,
		Example: "  limpet scan " + strings.NewReplacer("IMAGE", "registry.example.com/shop/web:1.4", "FOLDER", "/mnt/image", "ZIP", "function.zip --layer base.zip", "FILE", "web.cdx.json", "PATH", "deploy/", "DISK", "disk.qcow2").Replace(use) + " --format json --output report.json",
		Args: func(cmd *cobra.Command, args []string) error {
			if kind == finding.KindHost {
				if len(args) > 0 {
					return &UsageError{errors.New("the host needs no name")}
				}
				return nil
			}
			return oneArg(strings.ToLower(strings.Fields(use)[1]))(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.settle(cmd); err != nil {
				return err
			}
			return f.run(cmd, kind, strings.Join(args, ""))
		},
	}
	if kind == finding.KindImage {
		cmd.Long = short + ".\n\nIMAGE is one of\n" + image.Syntax
	}
	if kind == finding.KindVM {
		cmd.Long = short + `.

The disk is read as it lies in the file, without mounting it: partitions (GPT, MBR),
on them ext2, ext3, ext4 and XFS. The other partitions are put where /etc/fstab of
the root mounts them. What cannot be read makes the report partial: LVM, encrypted
and other file systems, a journal that waits to be replayed (shut the machine down
before), QCOW2 and VMDK that stand upon another image.`
	}
	if kind == finding.KindConfig {
		cmd.Long = short + ` below a folder, or one such file.

Dockerfiles, Containerfiles, Compose files and manifests (YAML and JSON) are checked
where they lie: neither templates nor variables are carried out. A comment sets
findings aside, with a reason, in the line it stands in or before, or in the file:

  # limpet:ignore LMP-DOCKER-0008 the orchestrator probes it
  # limpet:ignore-file LMP-KUBE-0023,LMP-KUBE-0024 a tool that runs once`
	}
	f.add(cmd, kind)
	return cmd
}

func (f *scanFlags) add(cmd *cobra.Command, kind finding.Kind) {
	fl := cmd.Flags()
	fl.StringVar(&f.config, "config", "", "settings `FILE` (default: "+scanConfig+", where there is one)")
	fl.StringVarP(&f.format, "format", "f", "table", strings.Join(report.Formats(), ", "))
	fl.StringVarP(&f.output, "output", "o", "", "write the report to this `FILE`")
	fl.StringVar(&f.template, "template", "", "with --format template: the Go template, or @`FILE`")
	fl.StringSliceVar(&f.severities, "severity", nil, "only findings of these `SEVERITIES` (critical,high,medium,low,negligible,unknown)")
	fl.BoolVar(&f.unfixed, "ignore-unfixed", false, "only vulnerabilities that have a fix")
	fl.BoolVar(&f.guesses, "match-guesses", false, "match also Java archives that are told by their file name or manifest only")
	fl.IntVar(&f.exitCode, "exit-code", 0, "exit with this `CODE` if anything was found")
	fl.BoolVar(&f.exitOnEOL, "exit-on-eol", false, "exit with 5 if the operating system gets no more security fixes")
	fl.StringVar(&f.ignoreFile, "ignorefile", "", "`FILE` of findings to set aside (default: "+strings.Join(ignoreFiles, " or ")+", where there is one)")
	fl.StringArrayVar(&f.vex, "vex", nil, "VEX document `FILE`: OpenVEX, CSAF or CycloneDX (repeatable)")
	fl.StringSliceVar(&f.scanners, "scanners", []string{vuln, "secret"}, "what to look for: "+strings.Join(scannerNames(), ",")+", or all (default: vuln,secret; with --server all)")
	fl.StringVar(&f.platform, "platform", "", "`OS/ARCH` to take of an index (default: linux on this machine's processor)")
	fl.BoolVar(&f.signatures, "signatures", false, "put what may be signatures of the image (cosign's) into the report, for policies with the control signatures")
	fl.BoolVar(&f.insecure, "insecure-registry", false, "speak plain HTTP to registries; for tests")
	fl.StringArrayVar(&f.layers, "layer", nil, "`ZIP` of a layer of the function, lowest first (repeatable)")
	fl.StringArrayVar(&f.permissions, "permissions", nil, "IAM policy `FILE` (JSON) of the function's role, for policies with the control functionPermissions (repeatable)")
	fl.StringVar(&f.db, "db", "", "vulnerability database `FILE` (default: the one that 'limpet db pull' fetched)")
	fl.StringVar(&f.maxAge, "max-db-age", "", "fail if the database was built longer ago, such as 7d (default: warn after "+fmt.Sprint(int(warnAge.Hours()/24))+" days)")
	fl.BoolVar(&f.offline, "offline", false, "refuse to scan what a network would have to bring")
	fl.StringVar(&f.explain, "explain", "", "instead of the report, say why this `CVE` is found or not")
	fl.BoolVar(&f.suppressed, "show-suppressed", false, "table: list what was set aside, with the reasons")
	fl.StringVar(&f.cacheDir, "cache-dir", "", "`FOLDER` for layers that were read (default: in the user's cache)")
	fl.BoolVar(&f.noCache, "no-cache", false, "read every layer anew and keep nothing")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no warnings")
	f.conn.flags(cmd)
	fl.Lookup("server").Usage = "let this control plane `URL` match, judge and keep: exit code 1 where its policies refuse"
	hide := map[string]bool{"signatures": kind != finding.KindImage, "platform": kind != finding.KindImage, "insecure-registry": kind != finding.KindImage, "layer": kind != finding.KindFunction, "permissions": kind != finding.KindFunction}
	if kind == finding.KindConfig {
		for _, name := range []string{"match-guesses", "ignore-unfixed", "exit-on-eol", "vex", "scanners", "db", "max-db-age", "offline", "explain", "cache-dir", "no-cache"} {
			hide[name] = true
		}
	}
	fl.VisitAll(func(flag *pflag.Flag) { flag.Hidden = hide[flag.Name] })
	choices(cmd, "format", report.Formats()...)
	choices(cmd, "severity", "critical", "high", "medium", "low", "negligible", "unknown")
	choices(cmd, "scanners", append(scannerNames(), "all")...)
	choices(cmd, "platform", "linux/amd64", "linux/arm64")
}

// settle takes settings from the environment and the file, and refuses what
// cannot mean anything.
func (f *scanFlags) settle(cmd *cobra.Command) error {
	f.remote = cmd.Flags().Changed("server") // LIMPET_SERVER alone is for other commands
	if f.config == "" && os.Getenv(envName("config")) == "" {
		if _, err := os.Stat(scanConfig); err == nil {
			f.config = scanConfig
		}
	}
	if err := fillFlags(cmd, f.config); err != nil {
		return &UsageError{err}
	}
	if f.remote && (f.explain != "" || f.ignoreFile != "" || len(f.vex) > 0 || f.offline || f.maxAge != "") {
		return &UsageError{errors.New("--server brings its own database, policies and exceptions: leave out --explain, --ignorefile, --vex, --max-db-age and --offline")}
	}
	usage := func(format string, a ...any) error { return &UsageError{fmt.Errorf(format, a...)} }
	switch {
	case !slices.Contains(report.Formats(), f.format):
		return usage("--format %.40q: want one of %s", f.format, strings.Join(report.Formats(), ", "))
	case (f.format == "template") != (f.template != ""):
		return usage("--format template and --template go together")
	case f.exitCode < 0 || f.exitCode > 125:
		return usage("--exit-code %d: want 0 to 125", f.exitCode)
	}
	for i, s := range f.severities {
		f.severities[i] = strings.ToLower(strings.TrimSpace(s))
		if finding.Severity(f.severities[i]).Rank() == 0 && f.severities[i] != string(finding.Unknown) {
			return usage("--severity %.40q is none of critical, high, medium, low, negligible, unknown", s)
		}
	}
	if slices.Contains(f.scanners, "all") || f.remote && !cmd.Flags().Changed("scanners") {
		f.scanners = scannerNames() // what a worker looks for: the same artefact gets the same verdict
	}
	for _, s := range f.scanners {
		if !slices.Contains(scannerNames(), s) {
			return usage("--scanners %.40q: want one of %s", s, strings.Join(scannerNames(), ", "))
		}
	}
	if f.maxAge != "" {
		age, err := parseAge(f.maxAge)
		if err != nil || age <= 0 {
			return usage("--max-db-age: %.40q is not a time such as 7d or 12h", f.maxAge)
		}
		f.age = age
	}
	if name, ok := strings.CutPrefix(f.template, "@"); ok {
		text, err := readBounded(name, maxTemplate)
		if err != nil {
			return usage("cannot read the template: %w", err)
		}
		f.template = string(text)
	}
	return nil
}

// maxTemplate bounds a template's file, in bytes.
const maxTemplate = 1 << 20
