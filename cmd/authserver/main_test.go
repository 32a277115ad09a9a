// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
	"github.com/gatehouse-dev/gatehouse/internal/testio"
)

// beProgram, in the environment, makes the test binary the program.
const beProgram = "GATEHOUSE_TEST_AUTHSERVER"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
	}
	testenv.Main(m)
}

// program returns the program as a process of its own: this test binary, being it.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), beProgram+"=1", "KUBECONFIG=")
	return cmd
}

// limit is how long anything may take on a busy machine.
const limit = time.Minute

// process is a running program.
type process struct {
	cmd    *exec.Cmd
	audit  testio.Log // its standard output
	log    testio.Log // its standard error
	main   string     // where it listens
	ops    string
	client *http.Client
	ended  chan struct{}
	err    error // set when ended is closed
}

// folder is what a configuration names, and the configuration.
type folder struct {
	dir, config string
}

// newFolder makes a folder with a certificate, people and a configuration for the
// namespace, to which more may be added.
func newFolder(t *testing.T, namespace string, more ...string) folder {
	t.Helper()
	f := folder{dir: t.TempDir()}
	f.config = filepath.Join(f.dir, "authserver.yaml")
	f.writePair(t)
	f.write(t, "users.yaml", "users: []\n")
	f.write(t, "authserver.yaml", strings.Join(append([]string{
		"issuer: https://auth.example.com", "namespace: " + namespace, "listen: 127.0.0.1:0", "metricsListen: 127.0.0.1:0",
		"tls: {certFile: " + f.path("tls.crt") + ", keyFile: " + f.path("tls.key") + "}", "store: sqlite:" + f.path("gatehouse.db"),
		"identity: {sources: [{key: users, usersFile: {path: " + f.path("users.yaml") + "}}]}",
	}, more...), "\n"))
	return f
}

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f folder) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(f.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f folder) writePair(t *testing.T) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"auth.example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	f.write(t, "tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

// start starts the program and waits until it listens.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startCommand(t, program(args...))
}

// startCommand starts a command that becomes the program.
func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, ended: make(chan struct{}), client: &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // the certificate is not what is tested
	}}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout = &p.audit
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.client.CloseIdleConnections()
	})
	listens := make(chan struct{})
	go func() {
		p.read(stderr, listens)
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	select {
	case <-listens:
	case <-p.ended:
		t.Fatalf("the program has ended: %v\n%s", p.err, &p.log)
	case <-time.After(limit):
		t.Fatalf("the program does not listen:\n%s", &p.log)
	}
	return p
}

// read keeps the log, and learns from it where the program listens.
func (p *process) read(log io.Reader, listens chan<- struct{}) {
	for lines := bufio.NewReader(log); ; {
		line, err := lines.ReadBytes('\n')
		_, _ = p.log.Write(line)
		var said struct{ Msg, Address, Metrics string }
		if json.Unmarshal(line, &said) == nil && said.Msg == "listening" {
			p.main, p.ops = said.Address, said.Metrics
			close(listens)
		}
		if err != nil {
			return
		}
	}
}

// get returns the status and the body at a URL.
func (p *process) get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := p.client.Get(url)
	if err != nil {
		t.Fatalf("%v\n%s", err, &p.log)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// until waits until the log holds text.
func (p *process) until(t *testing.T, text string) {
	t.Helper()
	testenv.Eventually(t, limit, "the log says "+text, func() bool { return strings.Contains(p.log.String(), text) })
}

// signal sends a signal.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// status waits for the end and returns the exit status, or -1 after a signal.
func (p *process) status(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		t.Fatalf("the program does not end:\n%s", &p.log)
	}
	if failed, ok := errors.AsType[*exec.ExitError](p.err); ok {
		return failed.ExitCode()
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	return 0
}

// hang begins a request to the token endpoint of a server without TLS and does not end
// it: the server waits for the rest. finish ends it and returns the answer's status.
func (p *process) hang(t *testing.T) (finish func() string) {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", p.main)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	const head = "POST /oauth2/token HTTP/1.1\r\nHost: auth.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, limit, "the request is in flight", func() bool {
		_, metrics := p.get(t, "http://"+p.ops+"/metrics")
		return strings.Contains(metrics, "gatehouse_http_requests_in_flight 1\n")
	})
	return func() string {
		if _, err := io.WriteString(conn, "0123456789"); err != nil {
			return err.Error()
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		return response.Status
	}
}

// deadKubeconfig leads to a port where nobody listens.
func deadKubeconfig(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n" +
		"users: [{name: u, user: {token: x}}]\nclusters: [{name: c, cluster: {server: 'http://" + freeport.For(t) + "'}}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
