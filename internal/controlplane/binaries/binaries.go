// SPDX-License-Identifier: Apache-2.0

// Package binaries provides the programs of a Kubernetes control plane: etcd, kube-apiserver, kube-controller-manager
// and kubectl. It builds them from source through the Go module proxy, once per version and machine, into the
// user's cache folder. It starts none of them: that is package controlplane.
//
// It imports the standard library only, so that the first line of progress appears at once on a fresh machine.
package binaries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// AssetsVariable names the environment variable that points to ready-made programs. When it is set nothing is built.
const AssetsVariable = "KUBEBUILDER_ASSETS"

// Names are the programs, in the order in which they are built: the quickest first, so that a missing compiler or
// proxy shows early.
func Names() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"}
}

// Ensure returns the folder that holds all programs. What is missing is built, with a line to progress at least every
// five seconds; two callers at once, from any checkout, build it once. The working directory must be inside the repository.
//
// When AssetsVariable is set, that folder is returned, or an error that names what it lacks.
func Ensure(ctx context.Context, progress io.Writer) (string, error) {
	if assets := os.Getenv(AssetsVariable); assets != "" {
		return given(assets)
	}
	b, err := newBuilder(progress)
	if err != nil {
		return "", err
	}
	return b.dir, b.ensure(ctx)
}

// given checks a folder that the user chose.
func given(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("%s: %w", AssetsVariable, err)
	}
	if lacks := missing(dir, Names()); len(lacks) > 0 {
		return "", fmt.Errorf("%s is set to %s, which lacks %s: put them there, or unset it to have all of them built",
			AssetsVariable, dir, strings.Join(lacks, ", "))
	}
	return dir, nil
}

// missing returns those of the programs that dir does not hold as executable files.
func missing(dir string, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
	})
}

// newBuilder finds the modules to build from, their versions, and the folder that is named by them.
func newBuilder(progress io.Writer) (*builder, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return nil, err
	}
	modules := filepath.Join(root, "hack", "controlplane")
	kubernetes, err := version(filepath.Join(modules, "kubernetes"), "k8s.io/kubernetes")
	if err != nil {
		return nil, err
	}
	etcd, err := version(filepath.Join(modules, "etcd"), "go.etcd.io/etcd/server/v3")
	if err != nil {
		return nil, err
	}
	b := &builder{what: "controlplane", names: Names(), sources: sourcesOf(modules, kubernetes), progress: progress, interval: interval, now: time.Now}
	b.dir, err = cached("controlplane", "kubernetes-"+kubernetes, "etcd-"+etcd)
	return b, err
}

// sourcesOf says what each program of the control plane is built from.
func sourcesOf(modules, kubernetes string) map[string]source {
	sources := map[string]source{"etcd": {folder: filepath.Join(modules, "etcd"), pkg: "."}}
	for _, name := range Names()[1:] {
		sources[name] = source{folder: filepath.Join(modules, "kubernetes"), pkg: "k8s.io/kubernetes/cmd/" + name, flags: stamps(kubernetes)}
	}
	return sources
}

// cached is the folder of the user's cache for what has these versions.
func cached(what string, versions ...string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder (set XDG_CACHE_HOME or HOME): %w", err)
	}
	return filepath.Join(cache, "gatehouse", what, strings.Join(append(versions, runtime.GOOS, runtime.GOARCH), "_")), nil
}

// RepositoryRoot is the repository's root folder, found upwards from the working directory. Modules inside the repository
// have a go.mod of their own, so the module's name is compared as well.
func RepositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/gatehouse-dev/gatehouse\n") {
			return dir, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", errors.New("the working directory is not inside the gatehouse repository")
	}
}

// version reads from the go.mod in folder which version of module is built.
func version(folder, module string) (string, error) {
	path := filepath.Join(folder, "go.mod")
	mod, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the version of %s: %w", module, err)
	}
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) >= 2 && fields[0] == module {
			return fields[1], nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", path, module)
}
