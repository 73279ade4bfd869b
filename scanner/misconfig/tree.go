package misconfig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/misconfig/dockerfile"
)

// Limits of a tree of configuration files.
const (
	maxFileBytes = dockerfile.MaxBytes
	maxEntries   = 500_000
	maxFindings  = 100_000
)

// ErrNothing is a tree without any file that is checked: that is not clean.
var ErrNothing = errors.New("there is no Dockerfile, Compose file or Kubernetes manifest")

// otherTrees are folders that hold other people's files.
var otherTrees = map[string]bool{".git": true, "node_modules": true, "vendor": true, ".terraform": true, ".venv": true}

// Scan checks the files below a folder, or one file, into a report. Links are
// not followed.
func Scan(ctx context.Context, name string, r *finding.Report) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	t := &tree{report: r, single: !st.IsDir()}
	if r.Integrity.Verdict == "" {
		r.Integrity.Verdict = finding.Complete
	}
	dir, entry := name, "."
	if t.single {
		dir, entry = filepath.Split(name)
		if dir == "" {
			dir = "."
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	t.root = root
	if t.single {
		t.file(entry)
	} else if err := fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error { return t.entry(ctx, p, d, err) }); err != nil && !errors.Is(err, fs.SkipAll) {
		return err
	}
	r.Sort()
	if t.files == 0 {
		return fmt.Errorf("%s: %w", name, ErrNothing)
	}
	return nil
}

type tree struct {
	root    *os.Root
	report  *finding.Report
	single  bool // one file was named
	entries int
	files   int // that were checked, or were to be
}

func (t *tree) note(code, file string, effect finding.Verdict, format string, a ...any) {
	t.report.Integrity.Note(finding.Anomaly{Code: code, Effect: effect, Path: file, Detail: fmt.Sprintf(format, a...)})
}

func (t *tree) entry(ctx context.Context, p string, d fs.DirEntry, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if t.entries++; t.entries > maxEntries || len(t.report.Misconfigurations) > maxFindings {
		t.note("limit", p, finding.Partial, "there is more than is looked at (%d files, %d findings)", maxEntries, maxFindings)
		return fs.SkipAll
	}
	switch {
	case err != nil:
		t.note("file-unreadable", p, finding.Partial, "%v", errors.Unwrap(err))
		if d != nil && d.IsDir() {
			return fs.SkipDir
		}
	case d.IsDir() && otherTrees[d.Name()]:
		return fs.SkipDir
	case d.Type().IsRegular() && kindOf(p) != none:
		t.file(p)
	}
	return nil
}

type kind int

const (
	none kind = iota
	dockerText
	yamlFile
	jsonFile
)

func kindOf(p string) kind {
	base := strings.ToLower(path.Base(p))
	switch {
	case strings.HasSuffix(base, ".dockerignore"):
		return none
	case base == "dockerfile", base == "containerfile", strings.HasPrefix(base, "dockerfile."), strings.HasPrefix(base, "containerfile."), strings.HasSuffix(base, ".dockerfile"), strings.HasSuffix(base, ".containerfile"):
		return dockerText
	case strings.HasSuffix(base, ".yaml"), strings.HasSuffix(base, ".yml"):
		return yamlFile
	case strings.HasSuffix(base, ".json"):
		return jsonFile
	}
	return none
}

func (t *tree) exists(name string) bool {
	_, err := t.root.Lstat(name)
	return err == nil
}

func (t *tree) read(p string) ([]byte, error) {
	f, err := t.root.OpenFile(p, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(b) > maxFileBytes {
		err = fmt.Errorf("it has more than %d bytes", maxFileBytes)
	}
	return b, err
}

// manifestWord is in every manifest and Compose file.
var manifestWord = regexp.MustCompile(`\b(?:apiVersion|services)["']?\s*:`)

func (t *tree) file(p string) {
	k := kindOf(p)
	text, err := t.read(p)
	if err != nil {
		if k == jsonFile && !t.single {
			return // data, most likely
		}
		t.files++
		t.note("file-unreadable", p, finding.Partial, "%v", err)
		return
	}
	if k == none && t.single {
		k = yamlFile
		if f, err := dockerfile.Parse(text); err == nil && f.Instructions[0].Name != "" {
			k = dockerText
		}
	}
	if k != dockerText && !manifestWord.Match(text) {
		return
	}
	t.report.Artifact.Size += int64(len(text))
	found, remarks, err := t.check(p, k, text)
	switch {
	case errors.Is(err, errTemplate):
		t.files++
		t.note("config-template", p, finding.Partial, "a template is not carried out: check what it becomes (helm template)")
	case err != nil:
		t.files++
		t.note("config-unreadable", p, finding.Partial, "%v", err)
	}
	if found == nil && err == nil {
		return
	}
	t.files++
	t.setAside(p, found, remarks)
}

// check gives what is wrong with one file, never nil where it is one that is
// checked, and its comments.
func (t *tree) check(p string, k kind, text []byte) (found []finding.Misconfiguration, remarks []remark, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading it went wrong: %v", r)
		}
	}()
	if k == dockerText {
		f, err := dockerfile.Parse(text)
		if err != nil {
			return nil, nil, err
		}
		ignored := t.exists(path.Join(path.Dir(p), ".dockerignore")) || t.exists(p+".dockerignore")
		return append([]finding.Misconfiguration{}, Dockerfile(p, f, ignored)...), dockerRemarks(f), nil
	}
	docs, err := documents(text)
	c := &checker{file: p}
	known := false
	for _, d := range docs {
		switch {
		case isKube(d):
			c.kube(d, 0)
		case isCompose(d):
			c.compose(d)
		default:
			continue
		}
		known = true
	}
	switch {
	case len(docs) > 0 && *docs[0].spent > maxNodes:
		err = fmt.Errorf("it has more than %d values", maxNodes)
	case err == nil && !known:
		return nil, nil, nil
	case err != nil && !known && k == jsonFile:
		return nil, nil, nil
	}
	return append([]finding.Misconfiguration{}, c.list...), yamlRemarks(text), err
}
