package scanner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/scanner/extract"
	"github.com/limpet-security/limpet/scanner/inspect"
	"github.com/limpet-security/limpet/scanner/misconfig"
)

// Options say what to scan and how.
type Options struct {
	Signatures bool         // look in an image's registry for signatures of it
	Kind       finding.Kind // "": an image
	// Source is what to scan: of an image a place (image.Syntax), of a root file
	// system its folder, of a function its zip, of a virtual machine its
	// disk, of configuration files their folder; not used for the host.
	Source string
	// Layers are the zips of a function's layers, in the order they are laid
	// over one another.
	Layers []string
	// Permissions are the files of the policies of a function's role (AWS IAM, JSON).
	Permissions []string

	Platform string // "linux/arm64/v8": which image of an index; "": linux on this machine's processor
	Insecure bool   // registries over plain HTTP
	Image    image.Options

	Inspectors []inspect.Inspector
	CacheDir   string // where layers are kept between scans; "": nowhere
	Limits     extract.Limits
	TempDir    string // "": the system's
	Workers    int    // layers at a time; 0: by the number of processors

	Progress func(Progress)
}

// Progress tells how far a scan is.
type Progress struct {
	Done, Of int // layers
}

// What can be wrong with the request itself. Match with errors.Is.
var (
	ErrKind     = errors.New("this kind of artefact cannot be scanned")
	ErrPlatform = errors.New("no image for this platform")
)

// Scan reads the artefact and reports what is in it. An error means that there
// is nothing to report on; what could be read in part gives a report that says so.
func Scan(ctx context.Context, o Options) (*finding.Report, error) {
	reader := &extract.Reader{Inspectors: o.Inspectors, Limits: o.Limits, TempDir: o.TempDir, Workers: o.Workers}
	if o.CacheDir != "" {
		reader.Cache = &extract.Cache{Dir: o.CacheDir}
	}
	if o.Progress != nil {
		reader.Progress = func(done, of int) { o.Progress(Progress{done, of}) }
	}
	r := &finding.Report{Schema: finding.SchemaVersion, Scanner: version.Version}
	var err error
	switch o.Kind {
	case "", finding.KindImage:
		err = scanImage(ctx, o, reader, r)
	case finding.KindRootfs, finding.KindHost:
		err = scanFolder(ctx, o, reader, r)
	case finding.KindFunction:
		err = scanFunction(ctx, o, reader, r)
	case finding.KindVM:
		err = scanDisk(ctx, o, reader, r)
	case finding.KindConfig:
		r.Artifact = finding.Artifact{Kind: o.Kind, Name: o.Source}
		if err = misconfig.Scan(ctx, o.Source, r); err != nil {
			err = fmt.Errorf("cannot scan configuration files: %w", err)
		}
	default:
		err = fmt.Errorf("%q: %w", o.Kind, ErrKind)
	}
	if err != nil {
		return nil, err
	}
	if o.Kind != finding.KindConfig {
		r.Inspectors = []string{}
		for _, i := range o.Inspectors {
			r.Inspectors = append(r.Inspectors, i.Name())
		}
		slices.Sort(r.Inspectors)
		r.Inspectors = slices.Compact(r.Inspectors)
	}
	return r, nil
}

func scanImage(ctx context.Context, o Options, reader *extract.Reader, r *finding.Report) error {
	place, err := image.ParsePlace(o.Source, o.Insecure)
	if err != nil {
		return err
	}
	if o.Image.TempDir == "" {
		o.Image.TempDir = o.TempDir
	}
	source, err := image.Open(ctx, place, o.Image)
	if err != nil {
		return err
	}
	defer source.Close()
	img, err := pick(source, o.Platform)
	if err != nil {
		return err
	}
	if o.Signatures {
		r.Signatures = signaturesOf(ctx, place, source, img, o.Image)
	}
	return ScanImage(ctx, img, o.Source, source.Ref, reader, r)
}

// ScanImage reads an image that is at hand into a report.
func ScanImage(ctx context.Context, img *image.Image, name, tag string, reader *extract.Reader, r *finding.Report) error {
	layers, err := reader.Layers(ctx, img)
	if err != nil {
		return fmt.Errorf("cannot scan %s: %w", name, err)
	}
	r.Artifact = describe(img, name, tag, layers)
	extract.Fill(r, layers)
	inspectConfig(img.Config, tag, reader.Inspectors, r)
	return nil
}

// pick gives the image for the platform.
func pick(s *image.Source, platform string) (*image.Image, error) {
	want := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	if platform != "" {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			return nil, fmt.Errorf("cannot read the platform %.100q: %w: %w", platform, ErrPlatform, err)
		}
		want = *p
	}
	if s.Image != nil {
		if have := s.Image.Platform(); platform != "" && !have.Satisfies(want) {
			return nil, fmt.Errorf("the image is for %s, not %s: %w", have.String(), want.String(), ErrPlatform)
		}
		return s.Image, nil
	}
	var have []string
	for _, c := range s.Index.Children {
		if c.Image == nil || c.Attestation() || c.Desc.Platform == nil {
			continue
		}
		if c.Desc.Platform.Satisfies(want) {
			return c.Image, nil
		}
		have = append(have, c.Desc.Platform.String())
	}
	return nil, fmt.Errorf("no image for %s (there are %.300s): %w", want.String(), strings.Join(have, ", "), ErrPlatform)
}

// describe says what the image is, by its configuration.
func describe(img *image.Image, name, tag string, layers []*extract.Layer) finding.Artifact {
	a := finding.Artifact{Kind: finding.KindImage, Name: name, ID: img.ID().String()}
	if d := img.Digest(); d.Hex != "" {
		a.Digest = d.String()
	}
	if tag != "" {
		a.Tags = []string{tag}
	}
	var c config
	// What does not fit stays empty: the configuration's form was checked where it matters.
	_ = json.Unmarshal(img.Config, &c)
	p := img.Platform()
	a.Platform, a.Created = p.String(), c.Created
	a.Image = c.words()
	commands := c.commands(len(layers))
	for i, l := range layers {
		layer := finding.Layer{Index: i, DiffID: l.DiffID, Size: l.Size, CreatedBy: commands[i]}
		if d := img.Layers[i].Digest; d.Hex != "" {
			layer.Digest = d.String()
		}
		a.Size += l.Size
		a.Layers = append(a.Layers, layer)
	}
	c.base(a.Layers)
	return a
}
