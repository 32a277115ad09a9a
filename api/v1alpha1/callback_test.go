// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/callback"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// The rule of CallbackURL in CEL and package internal/callback say the same twice. A URL that only one of them accepts would be
// served without a claim, or never.
func TestTheAPIAndTheProgramsAcceptTheSameCallbackURLs(t *testing.T) {
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	urls := callbackURLs()
	accepted := 0
	for batch := range slices.Chunk(urls, 16) {
		refused := refusedByTheAPI(t, env, namespace, batch)
		for i, u := range batch {
			byPrograms := callback.Classify(string(u)) != callback.Invalid
			if byPrograms == refused[i] {
				t.Errorf("%q: the API accepts it: %t, the programs: %t", u, !refused[i], byPrograms)
			}
			if byPrograms {
				accepted++
			}
		}
	}
	if accepted < 100 || len(urls)-accepted < 100 {
		t.Errorf("of %d URLs %d are accepted: the list tries too little", len(urls), accepted)
	}
}

// refusedByTheAPI tells which of the URLs a client that may use every form cannot have.
func refusedByTheAPI(t *testing.T, env *testenv.Env, namespace string, urls []v1alpha1.CallbackURL) map[int]bool {
	t.Helper()
	oc := ofType(v1alpha1.ClientTypePublic)
	oc.Namespace, oc.Spec.CallbackURLs = namespace, urls
	err := env.Client.Create(t.Context(), oc, client.DryRunAll)
	if err == nil {
		return nil
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		t.Fatal(err)
	}
	refused := map[int]bool{}
	for _, cause := range status.Status().Details.Causes {
		index, ok := strings.CutPrefix(cause.Field, "spec.callbackURLs[")
		i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		if !ok || err != nil {
			t.Fatalf("%s: %s", cause.Field, cause.Message)
		}
		refused[i] = true
	}
	return refused
}

// The parts of the URLs that are tried.
var (
	triedBeginnings = []string{
		"https://", "http://", "com.example.app://", "com.example.app:/", "com.example.app:", "https:/", "https:", "HTTPS://",
		"javascript:/", "file:///", "a:/", "//", "1a:/", "+a:/", "a b:/", "ä:/",
	}
	triedHosts = []string{
		"", "-", "a", "a-", "-a", "a--b", "a..b", ".a", "a.", "A", "a_b", "a b", "ü", "%61", "a%2Fb", "*", "*.a", "bob@a", "bob:pw@a", "a@", "@",
		"xn--bcher-kva.example", "localhost", "localhost.", "Localhost", "localhost.a", "127.0.0.1", "127.0.0.2", "127.1", "0177.0.0.1",
		"127.0.0.1.", "2130706433", "0x7f000001", "0x7f.1", "0x", "1", "a.1", "a.0x1f", "a.0xg", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256",
		"1.2.3.4", "255.255.255.255", "1.2.3.4a", "[::1]", "[0:0:0:0:0:0:0:1]", "[::01]", "[::1", "::1", "[]", "[:]", "[::1]a", "[::1%25lo]",
		"[::1%lo]", "[2001:db8::1]", "[2001:DB8::1]", "[2001:db8:0:0:1:0:0:1]", "[2001:db8::1:0:0:1]", "[::ffff:1.2.3.4]", "[::ffff:102:304]",
		"[::1.2.3.4]", "[1.2.3.4]", "[v1.a]", "[::1][::1]", "[g::1]",
	}
	triedPorts = []string{":", ":0", ":1", ":01", ":443", ":4430", ":80", ":65535", ":65536", ":99999", ":100000", ":a", ":1:2", ":+1", ":-1", ": 1"}
	triedEnds  = []string{
		"", "/", "//", "/a//b", "/.", "/..", "/./", "/a/../b", "/a/.../b", "/a/..b", "/.a", "/%2F", "/%2f", "/%2F..", "/..%2Fa", "/a%2F..%2Fb", "/%",
		"/%2", "/%G0", "/%00", "/%1F", "/%20", "/%7F", "/%7E", "/%2E", "/%2D", "/%5F", "/%41", "/%61", "/%30", "/%80", "/%C3%BC", "/ü", "/a b", "/a\tb",
		"/a\n", "/<", "/{a}", "/a|b", "/^", "/`", "/\"", "/'", "/\\", "\\", "/*", "/a;b=c", "/a:b@c", "/[a]", "/!$&'()+,;=", "/~_-.a",
		"?", "?a", "?a=b", "?a=b&c", "??", "?/../", "?a=/./b", "?code", "?code=1", "?a&code=1", "?a?code=1", "?mycode=1", "?code1=1", "?state",
		"?iss=", "?error", "?error_description=a", "?error_uri=a", "?errors", "?oauth_token=a", "?oauth_verifier", "?oauth_problem=", "?oauth_error&",
		"?a=%20", "?a=%61", "?a=%2f", "?a=ü", "?a=*", "?a=b#", "#", "#a", "/#a", "?a=[b]", "?Code=1", "?%63ode=1",
	}
)

// callbackURLs are URLs of these parts, each once.
func callbackURLs() []v1alpha1.CallbackURL {
	var urls []v1alpha1.CallbackURL
	add := func(parts ...string) { urls = append(urls, v1alpha1.CallbackURL(strings.Join(parts, ""))) }
	for _, beginning := range triedBeginnings {
		for _, host := range []string{"a.example", "127.0.0.1", "[::1]", "localhost", ""} {
			add(beginning, host, "/cb")
			add(beginning, host)
		}
	}
	for _, beginning := range triedBeginnings[:4] {
		for _, host := range triedHosts {
			for _, end := range []string{"", "/cb", ":/cb", ":8443", ":443/cb", "?a"} {
				add(beginning, host, end)
			}
		}
		for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
			for _, end := range slices.Concat(triedPorts, triedEnds) {
				add(beginning, host, end)
				add(beginning, host, "/a", end)
				add(beginning, host, end, "/cb")
			}
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}
