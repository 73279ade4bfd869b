package extract

import (
	"path"
	"slices"
	"strings"
)

// node is one name of the merged tree. The tree holds only what matters: files
// that something was found in, links, and the folders above them.
type node struct {
	children map[string]*node
	link     string // target of a symbolic link
	symlink  bool
	file     *placed
}

// placed is a file of some layer as the merged tree shows it.
type placed struct {
	*File
	path  string // where it is now
	layer int
}

// tree is what a container would see of the layers.
type tree struct {
	root   *node
	layers []*Layer
	// versions are, for each name, all files that ever stood there, lowest
	// first; used to tell which layer brought a package.
	versions map[string][]placed
}

// maxHops is how many links one name may lead through, as in Linux.
const maxHops = 40

// merge lays the layers over one another, lowest first.
func merge(layers []*Layer) *tree {
	t := &tree{root: &node{}, layers: layers, versions: map[string][]placed{}}
	for n, l := range layers {
		files := make(map[string]*File, len(l.Files))
		for i := range l.Files {
			files[l.Files[i].Path] = &l.Files[i]
		}
		// Whiteouts speak of the layers below: they go first.
		for _, e := range l.Entries {
			switch e.Kind {
			case Whiteout:
				t.remove(e.Path)
			case Opaque:
				if d := t.dir(e.Path, false); d != nil {
					d.children = nil
				}
			}
		}
		for _, e := range l.Entries {
			if e.Kind != Whiteout && e.Kind != Opaque {
				t.put(n, e, files[e.Path])
			}
		}
	}
	return t
}

// put lets an entry take its place, as unpacking it over the lower layers would.
func (t *tree) put(n int, e Entry, f *File) {
	if e.Path == "/" {
		return
	}
	keep := e.Kind == Symlink || f != nil
	var target *node
	if e.Kind == Hardlink {
		if target = t.find(e.Link, false); target != nil && (target.file != nil || target.symlink) {
			keep = true
		}
	}
	dir := t.dir(path.Dir(e.Path), keep)
	if dir == nil {
		return // nothing that matters is there, and this does not matter either
	}
	base := path.Base(e.Path)
	old := dir.children[base]
	if e.Kind == Dir {
		if old != nil && (old.symlink || old.file != nil) {
			// A folder replaces a file; over a link to a folder, unpacking keeps the
			// link only when it is no folder entry: it is replaced.
			delete(dir.children, base)
			old = nil
		}
		if f != nil { // a folder with something to say of its mode
			if old == nil {
				old = &node{}
				dir.add(base, old)
			}
			old.file = &placed{f, e.Path, n}
		}
		return
	}
	if !keep {
		delete(dir.children, base)
		return
	}
	now := &node{}
	switch {
	case e.Kind == Symlink:
		now.symlink, now.link = true, e.Link
	case target != nil:
		now.symlink, now.link = target.symlink, target.link
		if target.file != nil {
			now.file = &placed{target.file.File, e.Path, n}
		}
	}
	if f != nil {
		now.file = &placed{f, e.Path, n}
	}
	dir.add(base, now)
	if now.file != nil {
		t.versions[e.Path] = append(t.versions[e.Path], *now.file)
	}
}

func (d *node) add(name string, n *node) {
	if d.children == nil {
		d.children = map[string]*node{}
	}
	d.children[name] = n
}

func (t *tree) remove(p string) {
	if p == "/" {
		t.root.children = nil
		return
	}
	if d := t.dir(path.Dir(p), false); d != nil {
		delete(d.children, path.Base(p))
	}
}

// dir walks to a folder through links, and makes it where asked to. nil:
// there is none that matters.
func (t *tree) dir(p string, create bool) *node {
	return t.walk(p, create, maxHops)
}

// find gives the node of a name; follow says whether a link at its end is followed.
func (t *tree) find(p string, follow bool) *node {
	if p == "/" {
		return t.root
	}
	d := t.dir(path.Dir(p), false)
	if d == nil {
		return nil
	}
	n := d.children[path.Base(p)]
	if n != nil && n.symlink && follow {
		return t.walk(join(path.Dir(p), n.link), false, maxHops)
	}
	return n
}

// join gives where a link in dir leads, never out of the root.
func join(dir, link string) string {
	if strings.HasPrefix(link, "/") {
		return path.Clean(link)
	}
	return path.Clean("/" + dir + "/" + link)
}

func (t *tree) walk(p string, create bool, hops int) *node {
	n := t.root
	rest := strings.TrimPrefix(p, "/")
	for at := ""; rest != ""; {
		name, tail, _ := strings.Cut(rest, "/")
		next := n.children[name]
		switch {
		case next == nil && !create:
			return nil
		case next == nil:
			next = &node{}
			n.add(name, next)
		case next.symlink:
			if hops--; hops < 0 {
				return nil
			}
			to := join(at, next.link)
			if len(to)+len(tail) > maxName {
				return nil
			}
			rest = strings.TrimPrefix(path.Join(to, tail), "/")
			n, at = t.root, ""
			continue
		}
		n, at, rest = next, at+"/"+name, tail
	}
	return n
}

// visible calls f for each file of the merged tree, in order of its name.
func (t *tree) visible(f func(*placed)) {
	var down func(n *node)
	down = func(n *node) {
		if n.file != nil {
			f(n.file)
		}
		for _, name := range sortedKeys(n.children) {
			down(n.children[name])
		}
	}
	down(t.root)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
