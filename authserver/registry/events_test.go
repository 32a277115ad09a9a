// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// answering is an API server that gives one answer.
type answering struct {
	status int
	text   string
	asked  *url.URL
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked = r.URL
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(a.text)), Request: r}, nil
}

// watching opens a watch of OAuthClients as the registry does.
func watching(t *testing.T, a *answering) (apiwatch.Interface, error) {
	t.Helper()
	gv, scheme := v1alpha1.GroupVersion, runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, gv)
	client, err := newClient(&rest.Config{Host: "https://api.example", Transport: a}, scheme, gv)
	if err != nil {
		t.Fatal(err)
	}
	return watchFrom(t.Context(), client, every("oauthclients", &oauthClient{}), metav1.ListOptions{ResourceVersion: "7", AllowWatchBookmarks: true},
		func() decodable { return &oauthClient{} })
}

func TestTheEventsOfAWatchAreRead(t *testing.T) {
	a := &answering{status: http.StatusOK, text: `{"type":"ADDED","object":{"metadata":{"namespace":"a","name":"x","resourceVersion":"8","managedFields":[{"manager":"m"}]}}}
{"type":"MODIFIED", "object": {"metadata":{"namespace":"a","name":"y","resourceVersion":"9"}, "spec": 5}}{"object":{"metadata":{"name":"z"}},"type":"DELETED"}
{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"10","annotations":{"k8s.io/initial-events-end":"true"}}}}
{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}
`}
	w, err := watching(t, a)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for e := range w.ResultChan() {
		if status, failed := e.Object.(*metav1.Status); failed {
			got = append(got, fmt.Sprint(e.Type, " ", status.Reason))
			continue
		}
		o := e.Object.(*oauthClient)
		got = append(got, fmt.Sprint(e.Type, " ", o.key(), " ", o.ResourceVersion, " ", o.unserved != "", " ", isWhole(e)))
	}
	want := "ADDED a/x 8 false false, MODIFIED a/y 9 true false, DELETED /z  false false, BOOKMARK / 10 false true, ERROR Expired"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	if query := a.asked.Query(); a.asked.Path != "/apis/gatehouse.dev/v1alpha1/oauthclients" || query.Get("watch") != "true" ||
		query.Get("resourceVersion") != "7" || query.Get("allowWatchBookmarks") != "true" {
		t.Errorf("it asked for %s", a.asked)
	}
}

func TestAnEventThatCannotBeReadEndsTheWatchWithAnError(t *testing.T) {
	for _, text := range []string{`{"type":"ADDED","object":[]}`, `{"type":"ADDED","object":`, `{"type":"OTHER","object":{}}`, `nonsense`, `{"type":"ERROR","object":5}`} {
		w, err := watching(t, &answering{status: http.StatusOK, text: text})
		if err != nil {
			t.Fatal(err)
		}
		last := apiwatch.Event{}
		for e := range w.ResultChan() {
			last = e
		}
		cut := strings.HasSuffix(text, ":") // as a connection that breaks is: the reflector begins anew
		if cut == (last.Type == apiwatch.Error) || last.Type == apiwatch.Added {
			t.Errorf("%s: the last event is %v", text, last)
		}
	}
}

func TestARefusalOfAWatchKeepsItsReason(t *testing.T) {
	_, err := watching(t, &answering{status: http.StatusGone, text: `{"kind":"Status","apiVersion":"v1","status":"Failure","code":410,"reason":"Expired"}`})
	if !apierrors.IsResourceExpired(err) {
		t.Errorf("error %v", err)
	}
	w := newWatch(nil, every("oauthclients", &oauthClient{}), &table[*oauthClient]{}, slog.New(slog.DiscardHandler))
	w.note(t.Context(), err)
	if w.lost.Load() {
		t.Error("an answer counts as an API server that is lost")
	}
	w.note(t.Context(), errors.Join(context.DeadlineExceeded))
	if !w.lost.Load() {
		t.Error("no answer counts as one")
	}
}
