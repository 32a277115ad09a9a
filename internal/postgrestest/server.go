// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
)

// User is the user of the DSNs: it owns its databases and may nothing else.
const User = "gatehouse"

// Server is a PostgreSQL server. Its methods may be called from any goroutine, but one at a time changes its state.
type Server struct {
	account  *account
	settings settings
	folder   string // of this server
	data     string // in folder
	port     int
	password string // of User and of the user postgres
	stopped  atomic.Bool
}

// New starts a server, for programs that are no tests. Close stops it, and so does the end of the process.
func New(ctx context.Context, options ...Option) (*Server, error) {
	s, err := prepare(options)
	if err != nil {
		return nil, err
	}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	statement := fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s'`, User, s.password)
	if err := execute(ctx, s.Admin("postgres"), statement); err != nil {
		return nil, errors.Join(errors.New("create the user of the tests"), s.Close())
	}
	return s, nil
}

// prepare makes the folder of a server and reserves its port.
func prepare(options []Option) (*Server, error) {
	a, err := serverAccount()
	if err != nil {
		return nil, err
	}
	kept, err := keptFolder(a)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(kept, "server-")
	if err != nil {
		return nil, fmt.Errorf("make the folder of a server: %w", err)
	}
	if err := a.own(folder); err != nil {
		return nil, fmt.Errorf("give %s to the user postgres: %w", folder, err)
	}
	port, err := freeport.Take()
	if err != nil {
		return nil, err
	}
	return &Server{account: a, settings: newSettings(options), folder: folder, data: filepath.Join(folder, "data"), port: port}, nil
}

// pgctl runs pg_ctl on the server's data.
func (s *Server) pgctl(ctx context.Context, args ...string) error {
	path, err := program("pg_ctl")
	if err != nil {
		return err
	}
	return s.account.run(ctx, s.folder, nil, path, append(args, "-D", s.data, "-w", "-t", "60")...)
}

// Start starts a server that was stopped, on the same port, and returns once it takes connections.
func (s *Server) Start(ctx context.Context) error {
	if err := s.pgctl(ctx, "start", "-l", s.log()); err != nil {
		return fmt.Errorf("start PostgreSQL: %w\nthe end of its log:\n%s", err, s.LogTail())
	}
	s.stopped.Store(false)
	return nil
}

// Stop stops the server as an administrator does: connections end at once, with a message, and what was committed is kept.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.pgctl(ctx, "stop", "-m", "fast"); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	s.stopped.Store(true)
	return nil
}

// Restart stops the server and starts it again.
func (s *Server) Restart(ctx context.Context) error {
	return errors.Join(s.Stop(ctx), s.Start(ctx))
}

// Kill kills every process of the server with SIGKILL, and returns when they are gone: what it had not handed to the
// kernel is lost.
func (s *Server) Kill(ctx context.Context) error {
	s.stopped.Store(true)
	file := filepath.Join(s.data, "postmaster.pid")
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("kill PostgreSQL: %w", err)
	}
	lines := strings.Split(string(text), "\n")
	pid, err := strconv.Atoi(lines[0])
	if err != nil {
		return fmt.Errorf("kill PostgreSQL: read %s: %w", file, err)
	}
	if err := killFamily(ctx, pid); err != nil {
		return fmt.Errorf("kill PostgreSQL: %w", err)
	}
	// The file names the process that is dead, which may be a zombie of somebody's: the next start would take that for a server.
	return errors.Join(removeSharedMemory(lines), os.Remove(file))
}

// removeSharedMemory removes what a killed server leaves in the kernel, as the lines of its postmaster.pid name it.
func removeSharedMemory(lines []string) error {
	const line = 6 // "key ID"
	if len(lines) <= line {
		return nil
	}
	fields := strings.Fields(lines[line])
	if len(fields) != 2 {
		return nil
	}
	id, err := strconv.Atoi(fields[1])
	if err != nil {
		return fmt.Errorf("read the ID of the shared memory: %w", err)
	}
	if _, err := unix.SysvShmCtl(id, unix.IPC_RMID, nil); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("remove the shared memory of the killed server: %w", err)
	}
	return nil
}

// Close stops the server at once and removes its folder.
func (s *Server) Close() error {
	var err error
	if !s.stopped.Swap(true) {
		ctx, cancel := closing()
		defer cancel()
		err = s.pgctl(ctx, "stop", "-m", "immediate")
	}
	return errors.Join(err, s.remove())
}

// closing bounds what is done at the end, when the context of the test has ended.
func closing() (context.Context, context.CancelFunc) {
	//nolint:forbidigo // the test's context has ended by then
	return context.WithTimeout(context.Background(), time.Minute)
}

// remove removes what the server kept.
func (s *Server) remove() error {
	return errors.Join(s.unmount(), os.RemoveAll(s.folder))
}

func (s *Server) log() string { return filepath.Join(s.folder, "log") }

// LogTail returns the end of the server's log.
func (s *Server) LogTail() string {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// Address is the host and the port of the server.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Password is the password of User.
func (s *Server) Password() string { return s.password }

// DSN returns the DSN of a database for a user. Without TLS it says so, so that no time is spent on asking for it.
func (s *Server) DSN(user, password, database string) string {
	mode := "disable"
	if s.settings.certificate != "" {
		mode = "require"
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: s.Address(), Path: "/" + database,
		RawQuery: "sslmode=" + mode}
	return u.String()
}

// Admin returns the DSN of a database for the administrator, who may do everything.
func (s *Server) Admin(database string) string { return s.DSN("postgres", s.password, database) }
