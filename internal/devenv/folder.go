// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Folder is where an environment keeps everything: DEV_DIR. One environment at a time works in it.
type Folder struct {
	path string
	lock *os.File
}

// leftovers are what an earlier environment may have left in the folder. Nothing else in it is ever removed: it may be a folder that
// somebody uses for other things too.
var leftovers = []string{"env", "etcd", "pki", "admin.kubeconfig", "controller-manager.kubeconfig", "logs", "tls", "mounts",
	"kubectl-cache", "operator.kubeconfig", "authserver.kubeconfig", "authserver.yaml", "users.yaml",
	"gatehouse.db", "gatehouse.db-wal", "gatehouse.db-shm", "gatehouse.db.lock", "photoframe.go", "files", "authentication.yaml"}

// OpenFolder takes the folder for this process and removes what an earlier environment left in it: each starts from nothing. A
// folder that another process holds is an error that names it. The lock of a process that died holds nobody up.
func OpenFolder(path string) (*Folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find DEV_DIR: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of DEV_DIR: %w", err)
	}
	f := &Folder{path: path}
	if err := f.take(); err != nil {
		return nil, err
	}
	for _, name := range leftovers {
		if err := os.RemoveAll(f.Path(name)); err != nil {
			return nil, errors.Join(fmt.Errorf("remove what an earlier run left: %w", err), f.Close())
		}
	}
	for _, name := range []string{"logs", "tls", "mounts", "files"} {
		if err := os.Mkdir(f.Path(name), 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare the folder: %w", err), f.Close())
		}
	}
	return f, nil
}

// take locks the file lock, which names the process that holds it. The kernel releases the lock when its holder dies.
func (f *Folder) take() error {
	lock, err := os.OpenFile(f.Path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock of the folder: %w", err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("another `make demo` or `make run`%s works in %s: stop it, or set DEV_DIR to another folder", holder(lock), f.path)
	}
	if err != nil {
		return errors.Join(err, lock.Close())
	}
	f.lock = lock
	return errors.Join(lock.Truncate(0), writeAt(lock, strconv.Itoa(os.Getpid())))
}

func writeAt(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text+"\n"), 0)
	return err
}

// holder names the process that holds lock, or nothing when it has not yet written its ID.
func holder(lock *os.File) string {
	text := make([]byte, 20)
	n, _ := lock.ReadAt(text, 0) // io.EOF is usual; what else goes wrong leaves the name out
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}

// Path is the path of a file in the folder.
func (f *Folder) Path(name ...string) string { return filepath.Join(f.path, filepath.Join(name...)) }

// Shown is the path of a file in the folder as a person would type it.
func (f *Folder) Shown(name ...string) string {
	path := f.Path(name...)
	if here, err := os.Getwd(); err == nil {
		if short, err := filepath.Rel(here, path); err == nil && !strings.HasPrefix(short, "..") {
			return short
		}
	}
	return path
}

// Close removes env, which speaks of what no longer serves, and lets others have the folder.
func (f *Folder) Close() error {
	err := os.Remove(f.Path("env"))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, f.lock.Close())
}
