// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/gatehouse-dev/gatehouse/internal/gobuild"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

const (
	// memoryLimit is the limit of config/authserver/deployment.yaml.
	memoryLimit = 512 << 20
	attacker    = "127.6.6.6"
	someoneElse = "127.7.7.7"
)

// flooded is a server that is flooded, and a client that it knows.
type flooded struct {
	*process
	id, secret string
}

// floods are what attackers do. Each returns what ends it.
var floods = []struct {
	name  string
	begin func(*flooded, *testing.T) (end func())
}{
	{"100 HTTP/2 connections with 100 bodies each that are withheld", (*flooded).withholdHTTP2},
	{"HTTP/1.1 connections with bodies that are withheld", (*flooded).withholdHTTP1},
	{"headers that are never finished, from eight addresses", (*flooded).unfinishedHeaders},
	{"2,500 idle connections of one address", (*flooded).idle},
	{"logins of unknown people, of which each costs 64 MiB", (*flooded).logins},
	{"wrong secrets, as fast as they can be sent", (*flooded).wrongSecrets},
}

func TestN80N81AFloodTakesNeitherTheMemoryNorTheTurnOfOthers(t *testing.T) {
	cmd := realProgram(t)
	cmd.Env = append(cmd.Env, "GOMEMLIMIT="+strconv.Itoa(memoryLimit/4*3))
	flood(t, cmd)
}

func TestN80N81AFloodIsSurvivedUnderARealMemoryLimit(t *testing.T) {
	group, ok := memoryGroup(t)
	if !ok {
		t.Log("this machine has no memory control group that may be made: the test without one stands alone")
		return
	}
	cmd := realProgram(t)
	cmd.Args = append([]string{"sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, group, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	s := flood(t, cmd)
	if want := fmt.Sprintf(`"memoryLimit":%d`, memoryLimit/4*3); !strings.Contains(s.log.String(), want) {
		t.Errorf("the log does not say %s", want)
	}
	for _, file := range []string{"memory.oom_control", "memory.events"} {
		raw, err := os.ReadFile(filepath.Join(group, file))
		if found := regexp.MustCompile(`(?m)^oom_kill ([1-9]\d*)$`).Find(raw); err == nil && found != nil {
			t.Errorf("%s: %s", file, found)
		}
	}
}

// flood lets all floods loose on a program, one after the other.
func flood(t *testing.T, cmd *exec.Cmd) *flooded {
	t.Helper()
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	k := writeKeys(t, env, namespace)
	s := &flooded{}
	s.id, s.secret = writeClient(t, env, namespace, k)
	f := newFolder(t, namespace)
	f.write(t, "users.yaml", "users: [{id: '1', name: bob, passwordHash: '$argon2id$v=19$m=65536,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'}]\n")
	cmd.Args = append(cmd.Args, "--config="+f.config, "--kubeconfig="+env.Kubeconfig)
	s.process = startCommand(t, cmd)
	testenv.Eventually(t, limit, "ready", func() bool {
		status, _ := s.get(t, "http://"+s.ops+"/readyz")
		return status == http.StatusOK
	})
	for _, one := range floods {
		t.Logf("%s: before %d MiB", one.name, s.memory(t, "VmRSS")>>20)
		end := one.begin(s, t)
		for n := range 20 {
			if status, err := s.ask(someoneElse); err != nil || status != http.StatusOK {
				t.Errorf("%s: request %d of somebody else: %d, %v", one.name, n, status, err)
			}
		}
		t.Logf("%s: meanwhile %d MiB", one.name, s.memory(t, "VmRSS")>>20)
		end()
		testenv.Eventually(t, limit, one.name+": the address is served again", func() bool {
			status, err := s.ask(attacker)
			return err == nil && status == http.StatusOK
		})
	}
	most := s.memory(t, "VmHWM")
	t.Logf("at most %d MiB of %d", most>>20, memoryLimit>>20)
	if most > memoryLimit/10*8 {
		t.Errorf("%d MiB were resident, at most 0.8 of %d may be", most>>20, memoryLimit>>20)
	}
	return s
}

// realProgram builds the program as it ships: the race detector of a test takes memory itself.
func realProgram(t *testing.T) *exec.Cmd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "authserver")
	build := gobuild.Command(path, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(path)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "GO") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	return cmd
}

// memoryGroup makes a control group with the limit, of either version.
func memoryGroup(t *testing.T) (group string, ok bool) {
	t.Helper()
	for _, version := range []struct{ root, file string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, {"/sys/fs/cgroup", "memory.max"},
	} {
		group = filepath.Join(version.root, "gatehouse-test-"+strconv.Itoa(os.Getpid()))
		if os.Mkdir(group, 0o700) != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(group) })
		if os.WriteFile(filepath.Join(group, version.file), []byte(strconv.Itoa(memoryLimit)), 0o600) == nil {
			return group, true
		}
	}
	return "", false
}

// memory returns a number of the kernel's about the process, in bytes.
func (s *flooded) memory(t *testing.T, field string) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatalf("the program has ended: %v\n%s", err, tail(s.log.String()))
	}
	found := regexp.MustCompile(field + `:\s+(\d+) kB`).FindSubmatch(raw)
	if found == nil {
		t.Fatalf("the program has ended:\n%s", tail(s.log.String()))
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n << 10
}

func tail(text string) string { return text[max(0, len(text)-4096):] }

// ask asks for a token on a new connection from an address.
func (s *flooded) ask(from string) (int, error) {
	client := s.clientAt(from)
	defer client.CloseIdleConnections()
	request, err := http.NewRequest(http.MethodPost, "https://"+s.main+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(s.id), url.QueryEscape(s.secret))
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode, err
}

func (s *flooded) clientAt(from string) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: limit}
	return &http.Client{Timeout: limit, Transport: &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is not what is tested
	}}
}

// connect opens TLS connections from addresses, n in all, and has each do something. What is refused
// is left out. end closes them.
func (s *flooded) connect(n int, from []string, protocol string, do func(net.Conn)) (end func()) {
	var mu sync.Mutex
	var open []net.Conn
	var all sync.WaitGroup
	next := make(chan int)
	for range 32 {
		all.Go(func() {
			for i := range next {
				dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from[i%len(from)])}, Timeout: limit}
				conn, err := tls.DialWithDialer(&dialer, "tcp", s.main, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}}) //nolint:gosec // as above
				if err != nil {
					continue
				}
				mu.Lock()
				open = append(open, conn)
				mu.Unlock()
				do(conn)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	return func() {
		for _, conn := range open {
			_ = conn.Close() // the server may have closed it
		}
	}
}

// withholdHTTP2 is rude: it opens more streams than it may.
func (s *flooded) withholdHTTP2(*testing.T) (end func()) {
	return s.connect(100, []string{attacker}, "h2", func(conn net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, conn) }() // until it is closed
		_, _ = io.WriteString(conn, http2.ClientPreface)
		framer := http2.NewFramer(conn, nil)
		_ = framer.WriteSettings() // what is refused ends with the connection
		var block bytes.Buffer
		encoder := hpack.NewEncoder(&block)
		for n := range uint32(100) {
			block.Reset()
			for _, field := range [][2]string{
				{":method", "POST"}, {":scheme", "https"}, {":authority", "auth.example.com"}, {":path", "/oauth2/token"},
				{"content-type", "application/x-www-form-urlencoded"}, {"content-length", "64000"}, {"cookie", strings.Repeat("c", 4000)},
			} {
				_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
			}
			if framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*n + 1, BlockFragment: block.Bytes(), EndHeaders: true}) != nil {
				return
			}
			if framer.WriteData(2*n+1, false, make([]byte, 600)) != nil {
				return
			}
		}
	})
}

func (s *flooded) withholdHTTP1(*testing.T) (end func()) {
	return s.connect(600, []string{attacker}, "http/1.1", func(conn net.Conn) {
		_, _ = io.WriteString(conn, "POST /oauth2/token HTTP/1.1\r\nHost: auth.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
			"Content-Length: 16000\r\n\r\n"+strings.Repeat("a", 15000))
	})
}

func (s *flooded) unfinishedHeaders(*testing.T) (end func()) {
	from := []string{"127.6.1.1", "127.6.1.2", "127.6.1.3", "127.6.1.4", "127.6.1.5", "127.6.1.6", "127.6.1.7", "127.6.1.8"}
	return s.connect(2400, from, "http/1.1", func(conn net.Conn) {
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: auth.example.com\r\nCookie: "+strings.Repeat("c", 30000))
	})
}

func (s *flooded) idle(t *testing.T) (end func()) {
	end = s.connect(2500, []string{attacker}, "http/1.1", func(conn net.Conn) {
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: auth.example.com\r\n\r\n")
		_, _ = conn.Read(make([]byte, 1))
	})
	if status, _ := s.get(t, "http://"+s.ops+"/readyz"); status != http.StatusOK {
		t.Errorf("not ready: %d", status)
	}
	return end
}

func (s *flooded) logins(*testing.T) (end func()) {
	var all sync.WaitGroup
	for n := range 64 {
		all.Go(func() {
			client := s.clientAt(fmt.Sprintf("127.6.2.%d", n))
			defer client.CloseIdleConnections()
			for i := range 3 {
				response, err := client.PostForm("https://"+s.main+"/login", url.Values{"username": {fmt.Sprintf("user%d-%d", n, i)}, "password": {"x"}})
				if err == nil {
					_ = response.Body.Close()
				}
			}
		})
	}
	return all.Wait
}

func (s *flooded) wrongSecrets(*testing.T) (end func()) {
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			client := s.clientAt(attacker)
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.id}, "client_secret": {"wrong"}}
				if response, err := client.PostForm("https://"+s.main+"/oauth2/token", form); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
			}
		})
	}
	return func() { close(stop); all.Wait() }
}
