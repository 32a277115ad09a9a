// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/gatehouse-dev/gatehouse/hack/bench/replay"
	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

var things = schema.GroupVersionResource{Group: "example.dev", Version: "v1", Resource: "things"}

func thing(name string) replay.Object {
	text := fmt.Sprintf(`{"kind":"Thing","apiVersion":"example.dev/v1","metadata":{"namespace":"a","name":%q,"resourceVersion":"5","labels":{"of":%q}}}`, name, name)
	return replay.Object{Namespace: "a", Name: name, Labels: map[string]string{"of": name}, Text: []byte(text)}
}

// start returns a server that replays things before one that tells who asked it for what.
func start(t *testing.T, names ...string) (*replay.Server, *replay.Collection, *rest.Config) {
	t.Helper()
	upstream := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s", r.Header.Get("Authorization"), r.Method, r.URL)
	}))
	t.Cleanup(upstream.Close)
	c := replay.NewCollection("/apis/example.dev/v1", "things", "example.dev/v1", "Thing")
	var objects []replay.Object
	for _, name := range names {
		objects = append(objects, thing(name))
	}
	if err := c.Load(objects); err != nil {
		t.Fatal(err)
	}
	s, err := replay.New(&rest.Config{Host: upstream.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, c)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := devenv.WriteCertificates(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, c, &rest.Config{Host: s.URL(), BearerToken: "mine", TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(dir, "ca.crt")}}
}

func TestAListComesInPages(t *testing.T) {
	_, c, config := start(t, "e", "b", "d", "a", "c")
	client := dynamic.NewForConfigOrDie(config).Resource(things)
	var names []string
	options := metav1.ListOptions{Limit: 2}
	for pages := 1; ; pages++ {
		list, err := client.List(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			names = append(names, o.GetName())
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			if pages != 3 || !slices.Equal(names, []string{"a", "b", "c", "d", "e"}) || c.Read() != 1 {
				t.Errorf("%d pages brought %q; read %d times", pages, names, c.Read())
			}
			break
		}
	}
	list, err := client.List(t.Context(), metav1.ListOptions{LabelSelector: "of in (b,d)"})
	if err != nil || len(list.Items) != 2 {
		t.Errorf("a selector brings %v, %v", list, err)
	}
	one, err := client.Namespace("a").Get(t.Context(), "b", metav1.GetOptions{})
	if err != nil || one.GetName() != "b" {
		t.Errorf("one object is %v, %v", one, err)
	}
}

// TestAnInformerFollows has client-go's informer read everything, follow changes, and read everything again.
func TestAnInformerFollows(t *testing.T) {
	for name, stream := range map[string]bool{"lists are streamed": true, "lists are not streamed": false} {
		t.Run(name, func(t *testing.T) { follow(t, stream) })
	}
}

func follow(t *testing.T, stream bool) {
	t.Helper()
	_, c, config := start(t, "a", "b", "c")
	c.StreamLists(stream)
	client := dynamic.NewForConfigOrDie(config).Resource(things)
	informer := cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc:  func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return client.List(ctx, o) },
		WatchFuncWithContext: client.Watch,
	}, &unstructured.Unstructured{}, 0, cache.Indexers{})
	changed := make(chan string, 100)
	note := func(what string, o any) {
		name, err := cache.DeletionHandlingMetaNamespaceKeyFunc(o)
		if err != nil {
			t.Error(err)
		}
		changed <- what + " " + name
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { note("add", o) },
		UpdateFunc: func(_, o any) { note("update", o) },
		DeleteFunc: func(o any) { note("delete", o) },
	}); err != nil {
		t.Fatal(err)
	}
	go informer.RunWithContext(t.Context())
	await := func(want ...string) {
		t.Helper()
		missing := map[string]bool{}
		for _, one := range want {
			missing[one] = true
		}
		for len(missing) > 0 {
			select {
			case got := <-changed:
				delete(missing, got)
			case <-t.Context().Done():
				t.Fatalf("the informer does not tell of %q", slices.Collect(maps.Keys(missing)))
			}
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	await("add a/a", "add a/b", "add a/c")
	must(c.Put(thing("d")))
	must(c.Remove("a", "b"))
	must(c.Put(thing("c")))
	await("add a/d", "delete a/b", "update a/c")
	reads := c.Read()
	c.Expire()
	must(c.Put(thing("e")))
	must(c.Remove("a", "a"))
	await("add a/e", "delete a/a")
	if c.Read() != reads+1 {
		t.Errorf("everything was read %d times after it was forgotten", c.Read()-reads)
	}
	if err := c.Remove("a", "a"); err == nil {
		t.Error("what is not there can be removed")
	}
	if err := c.Put(replay.Object{Namespace: "a", Name: "x", Text: []byte(`{}`)}); err == nil {
		t.Error("an object without a version is taken")
	}
}

func TestAllElseIsPassedOnAndWritesAreCounted(t *testing.T) {
	s, c, config := start(t, "a")
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []string{
		"GET /apis/example.dev/v1/things?fieldSelector=metadata.name%3Da",
		"GET /apis/example.dev/v1/namespaces/a/things/missing",
		"PATCH /apis/example.dev/v1/namespaces/a/things/a/status",
		"POST /api/v1/namespaces/a/secrets",
		"POST /api/v1/namespaces/a/secrets",
		"DELETE /api/v1/namespaces/a",
		"PUT /apis/coordination.k8s.io/v1/namespaces/a/leases/x",
		"POST /apis/authorization.k8s.io/v1/subjectaccessreviews",
	} {
		method, path, _ := strings.Cut(one, " ")
		request, err := http.NewRequestWithContext(t.Context(), method, config.Host+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 1000)
		n, _ := response.Body.Read(answer)
		_ = response.Body.Close()
		if want := "Bearer mine " + one; string(answer[:n]) != want {
			t.Errorf("%s: the API server was asked %q", one, answer[:n])
		}
	}
	want := map[string]int{"things/status PATCH": 1, "secrets POST": 2, "namespaces DELETE": 1}
	if got := s.Writes(); !maps.Equal(got, want) {
		t.Errorf("the writes are %v, want %v", got, want)
	}
	if c.Asked() != 0 {
		t.Errorf("%d requests were answered from the collection", c.Asked())
	}
}
