// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// eventsOf returns the Events about an object that have a reason.
func (w *environment) eventsOf(oc *v1alpha1.OAuthClient, reason string) (found []eventsv1.Event) {
	w.t.Helper()
	list := &eventsv1.EventList{}
	w.must(w.Client.List(w.t.Context(), list, client.InNamespace(oc.Namespace)))
	for _, e := range list.Items {
		if e.Regarding.UID == oc.UID && e.Reason == reason {
			found = append(found, e)
		}
	}
	return found
}

// askedForRefusals is how often the server's log says that somebody was told what was refused.
func (w *environment) askedForRefusals() int {
	w.t.Helper()
	log, err := os.ReadFile(w.file("authserver.log"))
	w.must(err)
	return strings.Count(string(log), `"route":"GET `+adminapi.PathRefused+`","status":200`)
}

// fault is a request that the server refuses, and what is told of it.
type fault struct {
	reason, code string
	change       func(url.Values)
	event        []string // stand in the Event and in what the plugin says
	advice       string   // of the plugin
}

// N382: what the server refused is one Event for each reason on the OAuthClient, with cleaned values, and the plugin explains the
// request that the Event names.
func TestN382TheEventAndThePluginTellOfOneRefusal(t *testing.T) {
	w := start(t)
	x := w.tenant("events-shop", lax)
	mine, other := x.client("mine", func(s *v1alpha1.OAuthClientSpec) { s.Scopes = []v1alpha1.Scope{"openid"} }), x.client("other", func(*v1alpha1.OAuthClientSpec) {})
	w.support(x.namespace)
	p := w.plugin(x.namespace)
	faults := []fault{
		{adminapi.CallbackDiffers, "invalid_callback", func(q url.Values) {
			q.Set("redirect_uri", "https://mallory:hidden-word@elsewhere.example/cb?code=hidden-word")
		}, []string{"https://...@elsewhere.example/cb?...", x.callback(mine)}, "spec.callbackURLs"},
		{adminapi.PKCEMissing, "invalid_request", func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") }, nil, "code_challenge_method=S256"},
		{adminapi.ScopeNotAllowed, "invalid_scope", func(q url.Values) { q.Set("scope", "openid photos.`delete`") }, []string{"photos.?delete?", "openid"}, "spec.scopes"},
	}
	w.must(os.WriteFile(w.file("admin-token"), []byte(w.token(system, "gatehouse-operator", adminapi.Audience(w.issuer))), 0o600))
	before := w.askedForRefusals()
	w.withoutOperator(func() {
		reporting, err := w.launch("operator", "--issuer="+w.issuer, "--namespace="+w.system, "--metrics-bind-address=0", "--health-probe-bind-address=0",
			"--admin-url=https://"+w.admin, "--admin-ca-file="+w.file("tls.crt"), "--admin-token-file="+w.file("admin-token"), "--refusals-interval=5s")
		w.must(err)
		defer func() { w.must(reporting.Stop(grace)) }()
		browser := w.person()
		w.eventually("the operator asks", func() bool { return w.askedForRefusals() > before }) // what was refused before that is no news
		for n, last := range faults {
			// Those before are sent again: when the last one's Event is there, the operator has seen two refusals for each of them.
			for _, f := range faults[:n+1] {
				r := newRequest(mine.Status.ClientID, x.callback(mine), "openid")
				f.change(r.query)
				if status, location, page := browser.open(r.address(), nil); status < 400 || location != "" {
					t.Fatalf("%s is answered with %d %q:\n%s", f.reason, status, location, text(page))
				}
			}
			w.eventually("the Event "+last.reason, func() bool { return len(w.eventsOf(mine, last.reason)) > 0 })
		}
	})
	for _, f := range faults {
		found := w.eventsOf(mine, f.reason)
		if len(found) != 1 || found[0].Series != nil || found[0].Type != corev1.EventTypeWarning || len(w.eventsOf(other, f.reason)) != 0 {
			t.Errorf("%s: want one warning that was told once, on one client: %+v", f.reason, found)
			continue
		}
		note := found[0].Note
		for _, word := range f.event {
			if !strings.Contains(note, word) {
				t.Errorf("%s: %q is not in the Event: %s", f.reason, word, note)
			}
		}
		named := regexp.MustCompile(`Request (\S+): kubectl gatehouse why`).FindStringSubmatch(note)
		if named == nil {
			t.Errorf("%s: the Event names no request: %s", f.reason, note)
			continue
		}
		status, said := p.call("why", named[1])
		for _, word := range append(f.event, f.code, f.advice, x.namespace+"/mine") {
			if status != 0 || !strings.Contains(said, word) {
				t.Errorf("%s: the plugin does not say %q of request %s: status %d\n%s", f.reason, word, named[1], status, said)
			}
		}
		for _, word := range []string{"hidden-word", "mallory", "`"} {
			if strings.Contains(note+said, word) {
				t.Errorf("%s: %q of the request is told:\n%s\n%s", f.reason, word, note, said)
			}
		}
	}
}
