// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// slowAPI stands before a real API server and holds what is asked about OAuthClients until it is
// released. It returns a kubeconfig that leads there.
func slowAPI(t *testing.T, env *testenv.Env) (kubeconfig string, release func()) {
	t.Helper()
	transport, err := rest.TransportFor(env.Config)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(env.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
	}
	released := make(chan struct{})
	release = sync.OnceFunc(func() { close(released) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/apis/gatehouse.dev/") {
			select {
			case <-released:
			case <-r.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { release(); server.CloseClientConnections(); server.Close() })
	config := api.NewConfig()
	config.Clusters["slow"] = &api.Cluster{Server: server.URL}
	config.Contexts["slow"] = &api.Context{Cluster: "slow"}
	config.CurrentContext = "slow"
	kubeconfig = t.TempDir() + "/kubeconfig"
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	return kubeconfig, release
}

// answers are the requests of a client that does everything right, and what each must be answered.
type answers struct {
	p          *process
	id, secret string
	token      string
}

// ask sends the request and returns the status, 0 without an answer, and the body.
func (a *answers) ask(t *testing.T, name string) (status int, header http.Header, body string) {
	t.Helper()
	form := map[string]string{
		"token": "grant_type=client_credentials", "introspect": "token=" + a.token, "revoke": "token=unknown",
	}
	method, path := http.MethodPost, "/oauth2/"+name
	if name == "authorize" {
		method = http.MethodGet
		path += "?response_type=code&code_challenge_method=S256&code_challenge=" + strings.Repeat("A", 43) +
			"&redirect_uri=" + url.QueryEscape(callback) + "&client_id=" + a.id
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "https://"+a.p.main+path, strings.NewReader(form[name]))
	if err != nil {
		t.Error(err)
		return 0, nil, ""
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth(url.QueryEscape(a.id), url.QueryEscape(a.secret))
	}
	response, err := a.p.client.Transport.RoundTrip(request)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err.Error()
	}
	return response.StatusCode, response.Header, string(raw)
}

// right reports whether that is the answer which the request deserves.
func right(name string, status int, body string) bool {
	switch name {
	case "authorize":
		return status == http.StatusSeeOther
	case "introspect":
		return status == http.StatusOK && strings.Contains(body, `"active":true`)
	default:
		return status == http.StatusOK
	}
}

// callback is nobody's claim, so the clients of all tests can have it.
const callback = "http://127.0.0.1/callback"

func requests() []string { return []string{"token", "introspect", "revoke", "authorize"} }

// N100: in the time between the keys and the clients nobody is told that they are wrong.
func TestN100UntilTheClientsAreListedEverybodyGets503(t *testing.T) {
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	id, secret := writeClient(t, env, namespace, writeKeys(t, env, namespace))
	kubeconfig, release := slowAPI(t, env)
	p := start(t, "--config="+newFolder(t, namespace).config, "--kubeconfig="+kubeconfig)
	a := &answers{p: p, id: id, secret: secret}
	testenv.Eventually(t, limit, "only the clients are missing", func() bool {
		_, body := p.get(t, "https://"+p.main+"/readyz")
		return body == "registry\n"
	})
	for _, name := range requests() {
		status, header, body := a.ask(t, name)
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, Retry-After %q: %s", name, status, header.Get("Retry-After"), body)
		}
	}
	contact := func() string {
		_, metrics := p.get(t, "http://"+p.ops+"/metrics")
		_, after, _ := strings.Cut(metrics, "\ngatehouse_registry_last_contact_timestamp_seconds ")
		value, _, _ := strings.Cut(after, "\n")
		return value
	}
	if got := contact(); got != "0" {
		t.Errorf("N107: the API server was heard of at %s, and it has said nothing", got)
	}
	release()
	testenv.Eventually(t, limit, "ready", func() bool { status, _ := p.get(t, "https://"+p.main+"/readyz"); return status == http.StatusOK })
	if _, metrics := p.get(t, "http://"+p.ops+"/metrics"); !strings.Contains(metrics, "\ngatehouse_clock_skew_seconds ") || strings.Contains(metrics, "gatehouse_clock_skew_seconds NaN") {
		t.Error("N103: the server does not know what the clock of the API server shows")
	}
	if got := contact(); got == "0" || got == "" {
		t.Errorf("N107: the API server was heard of at %q", got)
	}
	_, a.token = p.token(t, id, secret)
	for _, name := range requests() {
		if status, _, body := a.ask(t, name); !right(name, status, body) {
			t.Errorf("%s after the start: %d %s", name, status, body)
		}
	}
}

// N101: a restart under load costs answers, but tells no client that it is wrong.
func TestN101ARestartUnderLoadTellsNobodyThatTheyAreWrong(t *testing.T) {
	const restarts = 4
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	id, secret := writeClient(t, env, namespace, writeKeys(t, env, namespace))
	f, address := newFolder(t, namespace), freeport.For(t)
	begin := func() *process {
		return start(t, "--config="+f.config, "--kubeconfig="+env.Kubeconfig, "--listen="+address)
	}
	p := begin()
	ready := func() {
		testenv.Eventually(t, limit, "ready", func() bool { status, _ := p.get(t, "http://"+p.ops+"/readyz"); return status == http.StatusOK })
	}
	ready()
	_, token := p.token(t, id, secret)
	l := &load{right: map[string]*atomic.Int64{}, stop: make(chan struct{})}
	var workers sync.WaitGroup
	for _, name := range requests() {
		l.right[name] = &atomic.Int64{}
		workers.Go(func() { l.run(t, &answers{p: p, id: id, secret: secret, token: token}, name) })
	}
	defer workers.Wait()
	defer close(l.stop)
	l.awaitRight(t)
	for range restarts {
		p.signal(t, syscall.SIGKILL)
		<-p.ended
		p = begin()
		ready()
		l.awaitRight(t)
	}
	if l.refused.Load() == 0 {
		t.Error("no request met a server that was away: the restarts were not under load")
	}
	t.Logf("%d refused connections or 503, %d answered before it was ready", l.refused.Load(), l.unready.Load())
}

// load is what the workers count.
type load struct {
	right            map[string]*atomic.Int64 // by request
	refused, unready atomic.Int64
	stop             chan struct{}
}

// run sends one kind of request again and again. Each answer is right, or 503 with Retry-After.
func (l *load) run(t *testing.T, a *answers, name string) {
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		status, header, body := a.ask(t, name)
		switch {
		case status == 0:
			l.refused.Add(1)
		case status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
			l.unready.Add(1)
		case right(name, status, body):
			l.right[name].Add(1)
		default:
			t.Errorf("%s is told %d %s", name, status, body)
			return
		}
	}
}

// awaitRight waits until each kind of request has had 20 right answers more.
func (l *load) awaitRight(t *testing.T) {
	t.Helper()
	for name, count := range l.right {
		from := count.Load()
		testenv.Eventually(t, limit, name+" is answered", func() bool { return count.Load() >= from+20 || t.Failed() })
	}
}
