// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// keeping waits until its standard input ends, which it does when the test process ends, however it ends. Then it ends the
// servers whose process IDs stand in the folder, unmounts what is mounted there and removes the folder. SIGQUIT is what ends
// PostgreSQL at once.
const keeping = `
trap '' HUP INT TERM
cat >/dev/null
for file in "$1"/*/*.pid "$1"/*/data/postmaster.pid "$1"/*/small/data/postmaster.pid; do
	[ -f "$file" ] || continue
	pid=$(head -n 1 "$file")
	kill -QUIT "$pid" 2>/dev/null || continue
	while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
done
for mount in "$1"/*/small; do
	[ -d "$mount" ] && { umount "$mount" || umount -l "$mount"; } 2>/dev/null
done
rm -rf "$1"
`

// keeper is the folder of this test process and the shell that tidies up after it. Both live as long as the process.
var keeper struct {
	sync.Mutex
	folder string
	input  *os.File // the shell waits for its end; nobody inherits it
}

// keptFolder returns the folder that the keeper of this process watches over. The first call makes both.
func keptFolder(a *account) (string, error) {
	keeper.Lock()
	defer keeper.Unlock()
	if keeper.folder != "" {
		return keeper.folder, nil
	}
	folder, err := os.MkdirTemp("", "gatehouse-postgres-")
	if err != nil {
		return "", fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	if err := a.own(folder); err != nil {
		return "", errors.Join(fmt.Errorf("give %s to the user postgres: %w", folder, err), os.RemoveAll(folder))
	}
	read, write, err := os.Pipe()
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	defer read.Close()
	cmd := exec.Command("sh", "-c", keeping, "keeper", folder)
	cmd.Stdin, cmd.Dir = read, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return "", errors.Join(fmt.Errorf("start the keeper of %s: %w", folder, err), write.Close(), os.RemoveAll(folder))
	}
	keeper.folder, keeper.input = folder, write
	return folder, nil
}
