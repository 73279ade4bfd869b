package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/limpet-security/limpet/internal/image"
)

// placeFlags are what wrap and unwrap share: where to, which platforms, and
// how to tell about it.
type placeFlags struct {
	output    string
	platforms []string
	insecure  bool
	json      bool
	quiet     bool

	parsed []v1.Platform
}

func (f *placeFlags) add(cmd *cobra.Command, output string) {
	fl := cmd.Flags()
	fl.StringVarP(&f.output, "output", "o", "", output)
	fl.StringArrayVar(&f.platforms, "platform", nil, "`OS/ARCH` to take of an index, e.g. linux/amd64 (repeatable; default: all that are supported)")
	choices(cmd, "platform", "linux/amd64", "linux/arm64")
	fl.BoolVar(&f.insecure, "insecure-registry", false, "speak plain HTTP to registries; for tests")
	fl.BoolVar(&f.json, "json", false, "print a JSON summary")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing but errors and warnings")
}

// check parses what can be parsed without touching anything.
func (f *placeFlags) check(args []string) error {
	f.parsed = nil
	for _, s := range f.platforms {
		p, err := parseWrapPlatform(s)
		if err != nil {
			return &UsageError{err}
		}
		f.parsed = append(f.parsed, p)
	}
	if len(args) == 1 && f.output != "" {
		_, _, err := f.places(args[0])
		return err
	}
	return nil
}

func (f *placeFlags) places(source string) (src, dst image.Place, err error) {
	if src, err = image.ParsePlace(source, f.insecure); err != nil {
		return src, dst, &UsageError{err}
	}
	if dst, err = image.ParsePlace(f.output, f.insecure); err != nil {
		return src, dst, &UsageError{err}
	}
	return src, dst, nil
}

func (f *placeFlags) imageOptions() image.Options {
	quietLogs()
	return image.Options{UserAgent: imageUserAgent()}
}

// report prints the result: JSON or text on stdout, warnings on stderr.
func (f *placeFlags) report(cmd *cobra.Command, result any, warnings []string, text func(io.Writer)) error {
	if f.json {
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(result)
	}
	for _, w := range warnings {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
	}
	if !f.quiet {
		text(cmd.OutOrStdout())
	}
	return nil
}

// layerBar shows progress on a terminal and nothing elsewhere. The zero value
// shows nothing.
type layerBar struct {
	mu  sync.Mutex
	bar *progressbar.ProgressBar
}

func (f *placeFlags) progress(cmd *cobra.Command, what string) *layerBar {
	out, ok := cmd.ErrOrStderr().(*os.File)
	if f.quiet || f.json || !ok || !term.IsTerminal(int(out.Fd())) {
		return &layerBar{}
	}
	return &layerBar{bar: progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth(),
	)}
}

func (b *layerBar) report(total, read int64) {
	if b.bar == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar.GetMax64() != total {
		b.bar.ChangeMax64(total)
	}
	_ = b.bar.Set64(min(read, total)) // a bar that cannot be drawn harms nobody
}

func (b *layerBar) finish() {
	if b.bar != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		_ = b.bar.Finish()
	}
}
