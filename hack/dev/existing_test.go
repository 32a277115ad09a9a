// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
)

// own is a cluster of somebody's own, and a demo that is to use it.
type own struct {
	t       *testing.T
	cluster *controlplane.Cluster
	kubectl string
	dev     string
	dir     string // DEV_DIR: one for all runs, so that each program is linked once
}

func newOwn(t *testing.T) *own {
	t.Helper()
	assets, err := binaries.Ensure(t.Context(), io.Discard)
	must(t, err)
	o := &own{t: t, kubectl: filepath.Join(assets, "kubectl"), dev: filepath.Join(t.TempDir(), "dev"), dir: t.TempDir()}
	o.cluster, err = controlplane.Start(t.Context(), controlplane.Options{Dir: t.TempDir(), Binaries: assets, ControllerManager: true})
	must(t, err)
	t.Cleanup(func() { must(t, o.cluster.Stop()) })
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", o.dev, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return o
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (o *own) ask(arguments ...string) string {
	o.t.Helper()
	cmd := exec.CommandContext(o.t.Context(), o.kubectl, append([]string{"--kubeconfig=" + o.cluster.Kubeconfig(), "--cache-dir=" + o.t.TempDir()}, arguments...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("kubectl %v: %v\n%s", arguments, err, out)
	}
	return string(out)
}

// has lists what of the cluster a demo adds to.
func (o *own) has() []string {
	o.t.Helper()
	found := strings.Fields(o.ask("get", "--output=name",
		"namespaces,crds,clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"))
	slices.Sort(found)
	return found
}

// command is hack/dev in this cluster.
func (o *own) command(what string) *exec.Cmd {
	cmd := exec.Command(o.dev, what)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "DEMO_KUBECONFIG="+o.cluster.Kubeconfig(), "KUBECTL="+o.kubectl, "DEV_DIR="+o.dir, "DEV_PORT=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return cmd
}

// serve starts `make run` and returns once it serves. rest is what it says afterwards.
func (o *own) serve() (cmd *exec.Cmd, rest func() string) {
	o.t.Helper()
	cmd = o.command("run")
	out, err := cmd.StdoutPipe()
	must(o.t, err)
	cmd.Stderr = cmd.Stdout
	must(o.t, cmd.Start())
	o.t.Cleanup(func() { _ = cmd.Process.Kill() }) // if it has not ended
	var said bytes.Buffer
	for buffer := make([]byte, 4096); !strings.Contains(said.String(), "Everything serves."); {
		n, err := out.Read(buffer)
		said.Write(buffer[:n])
		if err != nil {
			o.t.Fatalf("it ended before it served:\n%s", said.String())
		}
	}
	return cmd, func() string {
		text, _ := io.ReadAll(out)
		return string(text)
	}
}

// ends returns what hack/dev says until it ends. One that takes the cluster is asked to end.
func (o *own) ends(what string) (string, error) {
	o.t.Helper()
	cmd := o.command(what)
	out, err := cmd.StdoutPipe()
	must(o.t, err)
	cmd.Stderr = cmd.Stdout
	must(o.t, cmd.Start())
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "what is made there is removed at the end") {
			must(o.t, cmd.Process.Signal(syscall.SIGINT))
		}
	}
	return said.String(), cmd.Wait()
}

// failing returns a kubectl that fails where its arguments begin with these.
func (o *own) failing(arguments string) string {
	o.t.Helper()
	path := filepath.Join(o.t.TempDir(), "kubectl")
	script := "#!/bin/sh\ncase \"$*\" in \"" + arguments + "\"*) echo 'it fails' >&2; exit 1;; esac\nexec '" + o.kubectl + "' \"$@\"\n"
	must(o.t, os.WriteFile(path, []byte(script), 0o700)) //nolint:gosec // a program
	return path
}

// somebodysCRD has the name of one of Gatehouse's.
const somebodysCRD = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: oauthclients.gatehouse.dev
spec:
  group: gatehouse.dev
  names: {kind: OAuthClient, plural: oauthclients}
  scope: Namespaced
  versions:
  - name: v0
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
`

func TestARunInAClusterOfSomebodysOwnRemovesWhatItMade(t *testing.T) {
	o := newOwn(t)
	before := o.has()

	cmd, rest := o.serve()
	if during := o.has(); len(during) <= len(before) || !slices.Contains(during, "namespace/photos") {
		t.Errorf("nothing was made in the cluster: %v", during)
	}
	if text := o.ask("get", "oauthclients", "--namespace=photos", "--output=name"); !strings.Contains(text, "/photoprint") {
		t.Errorf("the clients are %q", text)
	}
	must(t, cmd.Process.Signal(syscall.SIGINT))
	said := rest()
	must(t, cmd.Wait())
	if after := o.has(); !slices.Equal(after, before) {
		t.Errorf("the cluster has\n%v\nand had before\n%v\n%s", after, before, said)
	}

	t.Run("N398: what is there already is not touched", func(t *testing.T) {
		crd := filepath.Join(t.TempDir(), "crd.yaml")
		must(t, os.WriteFile(crd, []byte(somebodysCRD), 0o600))
		for _, c := range []struct {
			object string // as kubectl names it in what it prints
			make   []string
		}{
			{"namespace/gatehouse-system", []string{"create", "namespace", "gatehouse-system"}},
			{"namespace/photos", []string{"create", "namespace", "photos"}},
			{"customresourcedefinition.apiextensions.k8s.io/oauthclients.gatehouse.dev", []string{"create", "--filename", crd}},
			{"clusterrole.rbac.authorization.k8s.io/gatehouse-operator", []string{"create", "clusterrole", "gatehouse-operator", "--verb=get", "--resource=pods"}},
			{"clusterrole.rbac.authorization.k8s.io/gatehouse-grants-admin", []string{"create", "clusterrole", "gatehouse-grants-admin", "--verb=get", "--resource=pods"}},
		} {
			o.ask(c.make...)
			there := o.has()
			for _, what := range []string{"run", "clean"} {
				names := map[string]string{"run": " has " + c.object + " already", "clean": "the namespace gatehouse-system"}[what]
				if said, err := o.ends(what); err == nil || !strings.Contains(said, "Nothing was changed") || !strings.Contains(said, names) {
					t.Errorf("%s with %s: %v\n%s", what, c.object, err, said)
				}
			}
			if now := o.has(); !slices.Equal(now, there) {
				t.Fatalf("with %s the cluster has\n%v\nand had\n%v", c.object, now, there)
			}
			o.ask("delete", "--wait", c.object)
		}
	})

	t.Run("N329: what a killed run left is removed by demo-clean, and nothing else", func(t *testing.T) {
		cmd, rest := o.serve()
		must(t, cmd.Process.Kill())
		rest() // until all that it started has ended, too
		_ = cmd.Wait()
		if out, err := o.command("run").CombinedOutput(); err == nil || !strings.Contains(string(out), "make demo-clean") {
			t.Errorf("run: %v\n%s", err, out)
		}
		// Somebody else's namespace stays, whatever its name, and a cleanup that fails halfway can be tried again.
		o.ask("create", "namespace", "miniflux")
		failing := o.command("clean")
		failing.Env = append(failing.Env, "KUBECTL="+o.failing("delete --ignore-not-found --timeout=5m crd/"))
		if out, err := failing.CombinedOutput(); err == nil || !strings.Contains(string(out), "make demo-clean") {
			t.Errorf("clean where a kind cannot be deleted: %v\n%s", err, out)
		}
		if out, err := o.command("clean").CombinedOutput(); err != nil {
			t.Errorf("clean: %v\n%s", err, out)
		}
		after := o.has()
		if left := slices.DeleteFunc(slices.Clone(after), func(name string) bool { return name == "namespace/miniflux" }); len(left) == len(after) || !slices.Equal(left, before) {
			t.Errorf("the cluster has\n%v\nand had before\n%v", after, before)
		}
	})
}
