package wrap

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/workload"
	"github.com/limpet-security/limpet/layers/content"
	"github.com/limpet-security/limpet/layers/payload"
)

// Options of one wrapping.
type Options struct {
	Source, Destination image.Place
	Image               image.Options
	Identity            Identity
	OwnKey              bool                              // Identity was signed by a key the user keeps
	Platforms           []v1.Platform                     // of an index, those to take; none: every supported one
	Enforcer            func(arch string) ([]byte, error) // nil: the embedded ones
	Version             string                            // written into the image
	Progress            func(total, read int64)           // bytes of layers to read and read so far; from several goroutines
	TempDir             string                            // "": the system's

	// Verdicts gives signed verdicts about the image with that manifest digest
	// ("" where it has none) to carry along; nil: only those it carries already.
	// What is about another image is left out.
	Verdicts func(ctx context.Context, digest string) ([][]byte, error)
}

// Result says what was made.
type Result struct {
	Source       string     `json:"source"`
	SourceDigest string     `json:"sourceDigest,omitempty"`
	Destination  string     `json:"destination"`
	Digest       string     `json:"digest,omitempty"` // of the manifest or index; empty for a Docker daemon and a tarball
	Unchanged    bool       `json:"unchanged"`        // the source was wrapped already, and nothing is different
	Platforms    []Platform `json:"platforms"`
	Warnings     []string   `json:"warnings"`
	Seconds      float64    `json:"seconds"`
}

// Platform is one image that was wrapped.
type Platform struct {
	Platform    string               `json:"platform"`
	Digest      string               `json:"digest,omitempty"`
	ImageID     string               `json:"imageID"`
	Layer       string               `json:"layer"` // digest of the added layer
	LayerBytes  int64                `json:"layerBytes"`
	Files       int                  `json:"files"`       // regular files in the image
	Executables int                  `json:"executables"` // entries of the drift manifest, by kind
	Scripts     int                  `json:"scripts"`
	Libraries   int                  `json:"libraries"`
	Others      int                  `json:"others"`   // execute bit, but none of the above
	Verdicts    int                  `json:"verdicts"` // signed, about the source
	Privileged  []content.Privileged `json:"privileged"`
}

// job is one wrapping under way.
type job struct {
	Options
	ctx    context.Context
	tmp    string
	src    *image.Source
	result *Result
	meter  *meter
}

// Run wraps. On error nothing is left at the destination.
func Run(ctx context.Context, o Options) (*Result, error) {
	started := time.Now()
	if o.Enforcer == nil {
		o.Enforcer = payload.MicroEnforcer
	}
	if err := o.Identity.validate(); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(o.TempDir, "limpet-wrap-*")
	if err != nil {
		return nil, fmt.Errorf("cannot make a temporary folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	o.Image.TempDir = tmp
	src, err := image.Open(ctx, o.Source, o.Image)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	src.Spool(o.Destination, tmp)
	j := &job{Options: o, ctx: ctx, tmp: tmp, src: src, result: &Result{
		Source: src.Name, Destination: o.Destination.String(), Platforms: []Platform{}, Warnings: []string{},
	}}
	if d := src.Digest(); d.Hex != "" {
		j.result.SourceDigest = d.String()
	}
	img, index, err := j.make()
	if err != nil {
		return nil, fmt.Errorf("cannot wrap %s: %w", o.Source, err)
	}
	if err := image.Write(ctx, o.Destination, img, index, o.Image); err != nil {
		return nil, err
	}
	j.result.Seconds = time.Since(started).Seconds()
	return j.result, nil
}

func (j *job) warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	if !slices.Contains(j.result.Warnings, w) {
		j.result.Warnings = append(j.result.Warnings, w)
	}
}

// make gives what is to be written: an image or an index.
func (j *job) make() (*image.Image, *image.Index, error) {
	if j.src.Image != nil {
		img, err := j.single(j.src.Image, nil)
		return img, nil, err
	}
	picked, err := j.pick()
	if err != nil {
		return nil, nil, err
	}
	if len(picked) == 1 && (len(j.Platforms) == 1 || !j.Destination.Holds()) {
		img, err := j.single(picked[0].Image, nil)
		return img, nil, err
	}
	if !j.Destination.Holds() {
		return nil, nil, fmt.Errorf("a %s holds one platform; choose with --platform (%s): %w", j.Destination.Kind, platformNames(picked), ErrPlatform)
	}
	x, err := j.index(picked)
	return nil, x, err
}

// single wraps one image for the destination.
func (j *job) single(img *image.Image, index []byte) (*image.Image, error) {
	if j.meter == nil {
		j.meter = newMeter(j.Progress, img)
	}
	w, err := j.one(img, index)
	if err != nil {
		return nil, err
	}
	if j.Destination.Holds() {
		if w.img, err = image.Seal(j.ctx, w.img, j.tmp); err != nil {
			return nil, err
		}
		w.report.Digest = w.img.Digest().String()
		if index == nil {
			j.result.Digest = w.report.Digest
		}
	}
	if index == nil {
		j.result.Unchanged = w.img.ID() == img.ID() && (w.img.Manifest == nil || img.Manifest == nil || w.img.Digest() == img.Digest())
	}
	j.result.Platforms = append(j.result.Platforms, w.report)
	return w.img, nil
}

// wrapped is one finished image.
type wrapped struct {
	img    *image.Image
	report Platform
}

// one wraps one image: recognise, scan, build the layer, edit configuration
// and manifest.
func (j *job) one(img *image.Image, index []byte) (*wrapped, error) {
	c, err := parseConfig(img.Config)
	if err != nil {
		return nil, err
	}
	p := img.Platform()
	if p.OS != "linux" || !payload.Supported(p.Architecture) {
		return nil, fmt.Errorf("the image is for %s; the enforcer exists for linux/%s: %w", p, strings.Join(payload.Arches, ", linux/"), ErrPlatform)
	}
	orig, err := recognise(j.ctx, img, c)
	if err != nil {
		return nil, err
	}
	facts := sourceFacts{name: j.src.Ref}
	base, id := img, j.Identity
	if orig != nil {
		base, id = orig.img, id.settle(&orig.identity, j.OwnKey, time.Now())
		facts.name = orig.identity.Embedded.SourceImage
		if index == nil && j.src.Image != nil {
			index = orig.index // one platform of a wrapped index, by itself
		}
		if c, err = parseConfig(base.Config); err != nil {
			return nil, err
		}
	}
	manifest := base.Manifest
	if orig != nil {
		manifest = orig.manifest
	}
	if manifest != nil {
		facts.digest = image.Digest(manifest).String()
	}
	facts.id = base.ID().String()
	found, err := content.Scan(j.ctx, base.Layers, content.Options{Ours: c.claims(), Progress: j.meter.read})
	if err != nil {
		return nil, err
	}
	files, err := j.files(p.Architecture, id, facts, c, found)
	if err != nil {
		return nil, err
	}
	var prior []byte
	if orig != nil {
		prior = orig.verdicts
	}
	verdicts, err := j.verdicts(facts, prior)
	if err != nil {
		return nil, err
	}
	if len(verdicts) > 0 {
		files[workload.VerdictPath] = verdicts
	}
	if err := j.foresee(id, facts, verdicts); err != nil {
		return nil, err
	}
	files[originalConfig] = base.Config
	if manifest != nil {
		files[originalManifest] = manifest
	}
	if index != nil {
		files[originalIndex] = index
	}
	layer, err := files.build(layerType(base.MediaType), c.claims())
	if err != nil {
		return nil, err
	}
	out, err := j.assemble(base, c, layer, facts)
	if err != nil {
		return nil, err
	}
	j.warnPrivileged(p, found.Privileged)
	report := Platform{
		Platform: p.String(), ImageID: out.ID().String(), Layer: layer.Digest.String(), LayerBytes: layer.Size,
		Files: found.Files, Privileged: found.Privileged,
	}
	if report.Privileged == nil {
		report.Privileged = []content.Privileged{}
	}
	report.count(found.Entries)
	report.Verdicts = len(attest.Split(verdicts))
	return &wrapped{img: out, report: report}, nil
}

func (r *Platform) count(entries []drift.Entry) {
	for _, e := range entries {
		switch e.Kind {
		case drift.ELF:
			r.Executables++
		case drift.Script:
			r.Scripts++
		case drift.Library:
			r.Libraries++
		default:
			r.Others++
		}
	}
}

// files are those of the layer, but for the original's.
func (j *job) files(arch string, id Identity, facts sourceFacts, c *config, found *content.Content) (layerFiles, error) {
	enforcer, err := j.Enforcer(arch)
	if err != nil {
		return nil, err
	}
	if err := id.admits(facts); err != nil {
		return nil, err
	}
	embedded, err := encode(id.embedded(facts, c))
	if err != nil {
		return nil, err
	}
	var manifest bytes.Buffer
	if err := drift.Write(&manifest, found.Entries); err != nil {
		return nil, fmt.Errorf("cannot write the drift manifest: %w", err)
	}
	files := layerFiles{
		workload.BinaryPath:   enforcer,
		workload.ConfigPath:   embedded,
		workload.ManifestPath: manifest.Bytes(),
	}
	if len(id.Bundle) > 0 {
		files[workload.BundlePath] = id.Bundle
	}
	return files, nil
}

// assemble makes the wrapped image of its parts.
func (j *job) assemble(base *image.Image, c *config, layer image.Layer, facts sourceFacts) (*image.Image, error) {
	labels := map[string]string{LabelSourceID: facts.id}
	notes := map[string]string{LabelWrapped: j.Version}
	if facts.digest != "" {
		labels[LabelSourceDigest] = facts.digest
		notes[LabelSourceDigest], notes[baseDigest] = facts.digest, facts.digest
	}
	if facts.name != "" {
		notes[baseName] = facts.name
	}
	if _, has := c.Labels[baseDigest]; !has && facts.digest != "" && base.MediaType != types.OCIManifestSchema1 {
		labels[baseDigest] = facts.digest // such manifests have no annotations
	}
	cfg, err := c.wrapped(layer.DiffID, j.Version, labels)
	if err != nil {
		return nil, err
	}
	out := &image.Image{MediaType: base.MediaType, Config: cfg, Layers: append(slices.Clone(base.Layers), layer)}
	if base.Manifest != nil {
		if out.Manifest, err = wrapManifest(base.Manifest, base.MediaType, cfg, layer, notes); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (j *job) warnPrivileged(p v1.Platform, all []content.Privileged) {
	for _, x := range all {
		hint := "it will run without that privilege (no_new_privs)"
		switch {
		case slices.Contains(x.Capabilities, "cap_net_bind_service"):
			hint += "; to bind low ports, run with --cap-add NET_BIND_SERVICE or set the sysctl net.ipv4.ip_unprivileged_port_start"
		case strings.HasSuffix(x.Path, "/ping"):
			hint += "; ping works without it where net.ipv4.ping_group_range allows"
		}
		j.warn("%s: %s: %s", p, x, hint)
	}
}

// defaultPlatform is what a destination for one platform gets.
func defaultPlatform() v1.Platform {
	return v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
}
