// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
)

// secretObject is what a mount needs to know of a Secret.
type secretObject struct {
	Type     string `json:"type"`
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Data map[string][]byte `json:"data"`
}

// mounter does for the apps what a kubelet does for a pod: it puts the keys of a Secret into a folder, a file each, and keeps the
// files as the Secret is. A Secret that is deleted leaves its files as they were.
type mounter struct {
	command func() *exec.Cmd  // prints the Secrets of the apps' namespace, and each again when it changes
	folders map[string]string // by the name of the Secret
	failed  func(error)
	cancel  context.CancelFunc // nil until begin
	ended   chan struct{}
}

// begin begins to follow the Secrets.
func (m *mounter) begin(ctx context.Context) {
	ctx, m.cancel = context.WithCancel(ctx)
	m.ended = make(chan struct{})
	go func() {
		defer close(m.ended)
		m.follow(ctx)
	}()
}

// stop ends what begin began; the files stay.
func (m *mounter) stop() {
	if m.cancel != nil {
		m.cancel()
		<-m.ended
	}
}

// follow keeps the mounts as the Secrets are until ctx ends. A watch ends now and then; it is begun anew.
func (m *mounter) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if err := m.watch(ctx); err != nil && ctx.Err() == nil {
			m.failed(fmt.Errorf("mount the Secrets of the apps: %w", err))
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// watch runs one kubectl until it ends.
func (m *mounter) watch(ctx context.Context) error {
	secrets, output, err := os.Pipe()
	if err != nil {
		return err
	}
	defer secrets.Close()
	cmd := m.command()
	cmd.Stdout = output
	kubectl, err := process.Start("kubectl", cmd)
	_ = output.Close() // kubectl has a descriptor of its own
	if err != nil {
		return err
	}
	mounted := make(chan error, 1)
	go func() { mounted <- m.mountAll(secrets) }()
	select {
	case err = <-mounted: // kubectl has ended, or a Secret cannot be mounted
	case <-ctx.Done():
	}
	_ = kubectl.Stop(time.Second) // it has ended, or else has nothing to finish
	return err
}

// mountAll mounts each Secret that comes.
func (m *mounter) mountAll(secrets io.Reader) error {
	for decoder := json.NewDecoder(secrets); ; {
		var secret secretObject
		switch err := decoder.Decode(&secret); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("read a Secret: %w", err)
		}
		if folder, wanted := m.folders[secret.Metadata.Name]; wanted {
			if err := mount(folder, secret.Data); err != nil {
				return fmt.Errorf("mount the Secret %s: %w", secret.Metadata.Name, err)
			}
		}
	}
}

// mount makes folder look like a mounted Secret: each key is a link into ..data, and ..data a link to a folder with the values, so
// that one rename changes all of them at once.
func mount(folder string, data map[string][]byte) error {
	if maps.EqualFunc(mounted(folder), data, func(a, b []byte) bool { return string(a) == string(b) }) {
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	values, err := os.MkdirTemp(folder, "..values_")
	if err != nil {
		return err
	}
	for key, value := range data {
		if err := os.WriteFile(filepath.Join(values, key), value, 0o600); err != nil {
			return err
		}
	}
	previous, _ := os.Readlink(filepath.Join(folder, "..data")) // none at first
	if err := link(filepath.Base(values), filepath.Join(folder, "..data")); err != nil {
		return err
	}
	for key := range data {
		if err := link(filepath.Join("..data", key), filepath.Join(folder, key)); err != nil {
			return err
		}
	}
	if previous == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(folder, previous))
}

// link makes path a link to target, in one step.
func link(target, path string) error {
	if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, path+".new"); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// mounted is what is in the folder now; what cannot be read is not there.
func mounted(folder string) map[string][]byte {
	data := map[string][]byte{}
	entries, _ := os.ReadDir(filepath.Join(folder, "..data"))
	for _, entry := range entries {
		if value, err := os.ReadFile(filepath.Join(folder, entry.Name())); err == nil {
			data[entry.Name()] = value
		}
	}
	return data
}
