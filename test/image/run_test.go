// SPDX-License-Identifier: Apache-2.0

package image

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

// nonroot is the user of the image.
const nonroot = 65532

// container runs the programs of an image as a container engine would: they see the image alone, cannot write it, and
// are not root. The folder is mounted in it, under its own path, as volumes are.
type container struct {
	t      *testing.T
	image  string
	volume string
}

func newContainer(t *testing.T, volume string) *container {
	t.Helper()
	folder := sharedImage(t).folder
	c := &container{t: t, image: t.TempDir(), volume: volume}
	settings := openArchive(t, filepath.Join(folder, "image.tar")).unpack(t, runtime.GOARCH, c.image)
	if settings.User != "65532:65532" {
		t.Fatalf("the image runs as %q", settings.User)
	}
	inside := filepath.Join(c.image, volume)
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(c.image, 0o755); err != nil { // a temporary folder is its owner's alone
		t.Fatal(err)
	}
	c.mount(c.image, c.image, syscall.MS_BIND)
	c.mount("", c.image, syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY|syscall.MS_NOSUID|syscall.MS_NODEV)
	c.mount(volume, inside, syscall.MS_BIND)
	return c
}

func (c *container) mount(source, target string, flags uintptr) {
	c.t.Helper()
	if err := syscall.Mount(source, target, "", flags, ""); err != nil {
		c.t.Fatalf("mount %s: %v", target, err)
	}
	if flags&syscall.MS_REMOUNT == 0 {
		c.t.Cleanup(func() {
			if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
				c.t.Errorf("unmount %s: %v", target, err)
			}
		})
	}
}

// command gives the user of the image everything in the volume that is not the cluster's, and runs a program.
func (c *container) command(name string, args ...string) *exec.Cmd {
	err := filepath.WalkDir(c.volume, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == "cluster" {
			return filepath.SkipDir
		}
		return os.Chown(path, nonroot, nonroot)
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return exec.Command("chroot", append([]string{"--userspec=65532:65532", c.image, "/" + name}, args...)...)
}

func TestBothProgramsRunFromTheImage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := newContainer(t, dir)
	ctx, fail := context.WithCancelCause(t.Context())
	defer fail(nil)
	i, err := installation.New(ctx, installation.Options{Dir: dir, Say: t.Logf, Fail: fail, Command: c.command})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := i.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := os.WriteFile(i.UsersFile(), []byte("users: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := i.StartOperator(ctx); err != nil {
		t.Fatal(err)
	}
	server, err := i.StartAuthserver(ctx, "authserver", map[string]any{"plainHTTP": true, "store": "sqlite:" + filepath.Join(dir, "gatehouse.db")})
	if err != nil {
		t.Fatal(err)
	}
	app := &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "app"},
		Spec:       v1alpha1.OAuthClientSpec{DisplayName: "App", CallbackURLs: []v1alpha1.CallbackURL{"https://app.example.com/callback"}, GrantDurationDays: 1},
	}
	if err := i.API.Create(ctx, app); err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "app-oauth"}}
	err = i.Eventually(ctx, "the operator of the image makes a Secret", func() (bool, error) {
		err := i.API.Get(ctx, client.ObjectKeyFromObject(secret), secret)
		return err == nil, client.IgnoreNotFound(err)
	})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get("http://" + server.Address + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("the authserver of the image answers %s", answer.Status)
	}
}
