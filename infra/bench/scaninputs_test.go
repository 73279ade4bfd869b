//go:build kernel && docker

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/limpet-security/limpet/infra/debian"
)

// scanned names Debian's packages of the image that scanners read: npm, composer
// and Maven bring some hundred packages of their languages.
const scanned = "python3-requests,python3-yaml,python3-setuptools,python3-django,python3-numpy,ruby,ruby-rack,ruby-nokogiri,ruby-rails," +
	"npm,node-lodash,node-yargs,composer,default-jre-headless,maven,libcommons-lang3-java,gosu,rclone,docker-registry,busybox-static,nginx-light,postgresql,g++"

// application makes what a team puts on top: modules, wheels, gems, jars and a Go
// program that no package of the distribution owns.
const application = `set -e
mkdir -p rootfs/new/srv/app
cat > rootfs/new/make <<'END'
set -e
cd /new/srv/app
mkdir lib bin vendor venv
cp -rL /usr/share/nodejs node_modules || true
cp -rL /usr/lib/python3/dist-packages venv/site-packages || true
cp -rL /usr/share/rubygems-integration/all vendor/bundle || true
cp -L /usr/share/maven/lib/*.jar lib
cp /usr/bin/rclone bin/tool
END
chroot rootfs /bin/bash /new/make
rm rootfs/new/make
mv rootfs/new app
test "$(ls app/srv/app/node_modules | wc -l)" -gt 50
test -d app/srv/app/venv/site-packages/django
printf 'aws_access_key_id = AKIA%s\naws_secret_access_key = %s\n' 2E5A6F3B7C4D3E5F 'wJ7rXUtnFEMI/K7MDENG/bPxRfiCYzq1hT8sLd2V' > app/srv/app/.env
tar -C app --sort=name --mtime=@0 -cf app.tar .`

// inputs are the artefacts that scanners read, all of the same content.
type inputs struct{ archive, layout, folder string }

// scanInputs makes them once, below .build: about 5 GB.
func scanInputs(b *testing.B) inputs {
	b.Helper()
	dir, err := filepath.Abs("../../.build/bench-scan")
	if err != nil {
		b.Fatal(err)
	}
	in := inputs{filepath.Join(dir, "image.tar"), filepath.Join(dir, "layout"), filepath.Join(dir, "folder")}
	if _, err := os.Stat(filepath.Join(dir, "whole")); err != nil {
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
		if err := debian.Tar(b.Context(), dir+"-rootfs.tar", debian.Bookworm, scanned); err != nil {
			b.Fatal(err)
		}
		sh := func(script string) {
			b.Helper()
			c := exec.CommandContext(b.Context(), "/bin/bash", "-c", script)
			c.Dir = dir
			if out, err := c.CombinedOutput(); err != nil {
				b.Fatalf("%s: %v\n%s", script, err, out)
			}
		}
		const image = "limpet-bench-scan"
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		sh("mkdir rootfs && tar -C rootfs --exclude=./dev -xf ../bench-scan-rootfs.tar")
		sh(application)
		sh("mv rootfs folder && tar -C folder -xf app.tar && rm -r app")
		sh(`mkdir context && mv ../bench-scan-rootfs.tar context/rootfs.tar && mv app.tar context && printf 'FROM scratch\nADD rootfs.tar /\nADD app.tar /\nUSER 1000\n' > context/Dockerfile &&
docker build -q -t ` + image + ` context && docker save -o image.tar ` + image + ` && docker image rm -f ` + image + ` && rm -r context`)
		if err := writeLayout(in.layout, in.archive); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "whole"), nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, path := range []string{in.archive, in.layout, in.folder} {
		copied(b, path)
	}
	return in
}

// writeLayout writes an archive's image as an OCI layout, its layers with gzip.
func writeLayout(dir, archive string) error {
	img, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", archive, err)
	}
	p, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = p.AppendImage(img)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", dir, err)
	}
	return nil
}
