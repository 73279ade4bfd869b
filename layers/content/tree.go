package content

import (
	"archive/tar"
	"fmt"
	"path"
	"strings"
)

// node is one name of the flattened image.
type node struct {
	children map[string]*node // a folder when not nil
	link     string           // a symlink when not empty
	file     *file            // a regular file when not nil; hard links share it
}

func folder() *node { return &node{children: map[string]*node{}} }

// tree is the flattened image so far.
type tree struct {
	root *node
	// aliases are files written through a symlinked folder that the same
	// layer does not name as a folder. Docker keeps them at the written
	// path, containerd at the resolved one: the manifest has both.
	aliases map[string]*file
	ours    bool // /.limpet is allowed and left out
}

func newTree(ours bool) *tree {
	return &tree{root: folder(), aliases: map[string]*file{}, ours: ours}
}

// apply puts one layer over what lies below it.
func (t *tree) apply(l *listing) error {
	for _, w := range l.whiteouts {
		t.remove(w)
	}
	for _, o := range l.opaques {
		if n := t.find(o); n != nil && n.children != nil {
			clear(n.children)
		}
	}
	for i := range l.entries {
		if err := t.add(&l.entries[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) add(e *entry) error {
	n := &node{}
	switch e.typ {
	case tar.TypeDir:
		n = folder()
	case tar.TypeSymlink:
		n.link = e.link
	case tar.TypeLink:
		target := t.find(e.link)
		if target == nil || target.children != nil {
			return fmt.Errorf("%.200q links to %.200q: %w", e.path, e.link, ErrLink)
		}
		n.link, n.file = target.link, target.file
	default:
		n.file = e.file // nil for devices and pipes: a name, nothing to run
	}
	at, err := t.place(e.path, n)
	if err != nil {
		return err
	}
	if (reserved(e.path) || reserved(at)) && !t.ours {
		return fmt.Errorf("%.200q: %w", e.path, ErrReserved)
	}
	if at != e.path && n.file != nil {
		t.aliases[e.path] = n.file
	}
	return nil
}

// place puts n at p, making missing folders and following symlinked ones,
// and says where it ended up.
func (t *tree) place(p string, n *node) (string, error) {
	dir, base := path.Split(p)
	parent, at, err := t.folder(strings.TrimSuffix(dir, "/"))
	if err != nil {
		return "", err
	}
	if len(at)+1+len(base) >= MaxPath {
		return "", fmt.Errorf("a path of more than %d bytes: %w", MaxPath, ErrTooLarge)
	}
	old := parent.children[base]
	if n.children == nil || old == nil || old.children == nil {
		parent.children[base] = n // a folder over a folder keeps its content
	}
	return path.Join(at, base), nil
}

// folder walks to p, resolving symlinks inside the image and replacing
// whatever is no folder.
func (t *tree) folder(p string) (*node, string, error) {
	at, here := "", t.root
	rest := p
	hops := 0
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			at = parentOf(at)
			here = t.exact(at)
			continue
		}
		next := here.children[name]
		if next != nil && next.link != "" {
			if hops++; hops > MaxLinks {
				return nil, "", fmt.Errorf("%.200q: more than %d symlinks: %w", p, MaxLinks, ErrTooLarge)
			}
			if len(next.link)+len(rest) > 2*MaxPath {
				return nil, "", fmt.Errorf("a path of more than %d bytes: %w", 2*MaxPath, ErrTooLarge)
			}
			rest = next.link + "/" + rest
			if strings.HasPrefix(next.link, "/") {
				at, here = "", t.root
			}
			continue
		}
		if next == nil || next.children == nil {
			next = folder()
			here.children[name] = next
		}
		at, here = path.Join(at, name), next
		if strings.Count(at, "/") > MaxDepth {
			return nil, "", fmt.Errorf("a path of more than %d folders: %w", MaxDepth, ErrTooLarge)
		}
	}
	return here, at, nil
}

func parentOf(at string) string {
	if i := strings.LastIndexByte(at, '/'); i >= 0 {
		return at[:i]
	}
	return ""
}

// exact is the folder at a path that holds no links.
func (t *tree) exact(at string) *node {
	n := t.root
	for name := range strings.SplitSeq(at, "/") {
		if name != "" {
			n = n.children[name]
		}
	}
	return n
}

// find looks p up, following symlinked folders but not a symlink at its end.
// It changes nothing; nil when there is nothing.
func (t *tree) find(p string) *node {
	if p == "" {
		return t.root
	}
	dir, base := path.Split(p)
	if parent := t.lookup(strings.TrimSuffix(dir, "/")); parent != nil {
		return parent.children[base]
	}
	return nil
}

// lookup is folder without making anything.
func (t *tree) lookup(p string) *node {
	stack := []*node{t.root}
	hops := 0
	for rest := p; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
			continue
		}
		next := stack[len(stack)-1].children[name]
		switch {
		case next == nil:
			return nil
		case next.link != "":
			if hops++; hops > MaxLinks || len(next.link)+len(rest) > 2*MaxPath {
				return nil
			}
			rest = next.link + "/" + rest
			if strings.HasPrefix(next.link, "/") {
				stack = stack[:1]
			}
		case next.children == nil:
			return nil
		default:
			stack = append(stack, next)
		}
	}
	return stack[len(stack)-1]
}

func (t *tree) remove(p string) {
	if p == "" {
		return
	}
	dir, base := path.Split(p)
	if parent := t.lookup(strings.TrimSuffix(dir, "/")); parent != nil {
		delete(parent.children, base)
	}
	delete(t.aliases, p)
}

// walk calls visit for every regular file, at its absolute path; an alias
// may come a second time.
func (t *tree) walk(visit func(path string, f *file)) {
	var down func(prefix string, n *node)
	down = func(prefix string, n *node) {
		for name, c := range n.children {
			p := prefix + "/" + name
			switch {
			case prefix == "" && name == reservedName:
			case c.children != nil:
				down(p, c)
			case c.file != nil:
				visit(p, c.file)
			}
		}
	}
	down("", t.root)
	for p, f := range t.aliases {
		visit("/"+p, f)
	}
}
