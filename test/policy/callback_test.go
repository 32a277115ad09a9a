// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/callback"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// batch is how many callback URLs an OAuthClient can have.
const batch = 16

// The rule on v1alpha1.CallbackURL and Classify are two texts of one rule. The API server decides about every callback of
// the API's own test data, about the table of internal/callback and about thousands of mutations of both; Classify must agree.
func TestClassifyAgreesWithTheRuleOfTheAPI(t *testing.T) {
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	urls := slices.Collect(samples(t))
	valid := 0
	for chunk := range slices.Chunk(urls, batch) {
		refused := refusedByAPI(t, env.Client, namespace, chunk)
		for i, url := range chunk {
			byAPI, byClassify := !slices.Contains(refused, i), callback.Classify(url) != callback.Invalid
			if byAPI != byClassify {
				t.Errorf("%q: the API accepts it: %t, Classify: %t", url, byAPI, byClassify)
			}
			if byAPI {
				valid++
			}
		}
	}
	// A generator whose URLs are nearly all valid, or nearly all invalid, tries little.
	if len(urls) < 3000 || valid < len(urls)/10 || valid > len(urls)*9/10 {
		t.Errorf("%d of %d URLs are valid", valid, len(urls))
	}
}

// samples are different URLs of at most 512 characters. Longer ones are tested in internal/callback: about an object with one of
// those the API server says nothing else.
func samples(t *testing.T) func(yield func(string) bool) {
	t.Helper()
	seeds := slices.Concat(callbacksOfTestdata(t), callbacksOfTable(t))
	random := rand.New(rand.NewPCG(7, 7))
	seen := map[string]bool{}
	return func(yield func(string) bool) {
		for n := range 4000 + len(seeds) {
			url := ""
			if n < len(seeds) {
				url = seeds[n]
			} else {
				url = mutate(random, seeds)
			}
			if seen[url] || len(url) > 512 {
				continue
			}
			seen[url] = true
			if !yield(url) {
				return
			}
		}
	}
}

// pieces are what a rule about URLs can be wrong about.
var pieces = []string{
	"https://", "http://", "https:", "https:/", "HTTPS://", "com.example.app:/", "com.example.app://", "app:", "javascript:/", "localhost", "127.0.0.1", "[::1]",
	"[::ffff:10.0.0.1]", "[10.0.0.1]", "[2001:db8::1]", "[2001:DB8::1]", "[2001:db8:0:0:0:0:0:1]", "[fe80::1%25eth0]", "[]", "[", "]", "10.5", "0x7f", "0x", "127.1", "1", "h.1",
	"010.0.0.5", "256.0.0.1", "a.example", "a..example", "-a.example", "a-.example", "xn--bcher-kva.example", "a_b.example", "A.example", "a.example.", ":443", ":80", ":0", ":00443",
	":65535", ":65536", ":8443", ":", "@", "user@", "user:pw@", "/", "//", "/.", "/..", "/./", "/../", "/...", "/.a", "/a.", "%2F", "%2f", "%2E", "%2e", "%5C", "%3B", "%00", "%7F", "%41",
	"%C3%A9", "%", "%2", "%G0", "?", "??", "?x=1", "?code=1", "&code=1", "?&code", "?x?code", "?co%64e=1", "?iss", "?issuer=1", "&state&", "?oauth_token", "=", ";", ";a", "#", "#a", "*", "\\",
	" ", "\t", "\n", "é", "{", "}", "|", "^", "`", "\"", "<", ">", "'", "(", ")", "!", "$", ",", "+", "~", "-", "_", "a", "Z", "9", "cb", "/cb",
}

// mutate returns a seed with some of its text replaced, removed or doubled, or a URL put together of pieces.
func mutate(random *rand.Rand, seeds []string) string {
	piece := func() string { return pieces[random.IntN(len(pieces))] }
	if random.IntN(4) == 0 {
		url := "https://" + piece()
		for range random.IntN(4) {
			url += piece()
		}
		return url
	}
	url := seeds[random.IntN(len(seeds))]
	for range 1 + random.IntN(2) {
		at := random.IntN(len(url) + 1)
		end := min(len(url), at+random.IntN(4))
		switch random.IntN(3) {
		case 0:
			url = url[:at] + piece() + url[at:]
		case 1:
			url = url[:at] + piece() + url[end:]
		default:
			url = url[:at] + url[end:]
		}
	}
	return strings.ToValidUTF8(url, "�") // what JSON cannot hold never reaches the rule
}

// callbacksOfTestdata are the items of callbackURLs in the API's test data.
func callbacksOfTestdata(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../api/v1alpha1/testdata/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data (%v)", err)
	}
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, callbacksOf(string(text))...)
	}
	if len(found) < 50 {
		t.Fatalf("only %d callbacks are in the test data", len(found))
	}
	return found
}

// callbacksOf are the items of the list callbackURLs in a manifest, whether it is written in one line or in several.
func callbacksOf(manifest string) []string {
	object := v1alpha1.OAuthClient{}
	if err := yaml.UnmarshalStrict([]byte(manifest), &object); err != nil {
		return nil // another kind, or of another shape than the API's: its callbacks reach no rule
	}
	var found []string
	for _, url := range object.Spec.CallbackURLs {
		found = append(found, string(url))
	}
	return found
}

var index = regexp.MustCompile(`^spec\.callbackURLs\[(\d+)\]$`)

// refusedByAPI returns the indexes of those that the API refuses for an OAuthClient that may have any form of callback.
func refusedByAPI(t *testing.T, c client.Client, namespace string, urls []string) []int {
	t.Helper()
	oc := &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "rule"},
		Spec:       v1alpha1.OAuthClientSpec{OAuth2: &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}},
	}
	for _, url := range urls {
		oc.Spec.CallbackURLs = append(oc.Spec.CallbackURLs, v1alpha1.CallbackURL(url))
	}
	err := c.Create(t.Context(), oc, client.DryRunAll)
	if err == nil {
		return nil
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Reason != metav1.StatusReasonInvalid {
		t.Fatalf("%q: %v", urls, err)
	}
	var refused []int
	for _, cause := range status.Status().Details.Causes {
		match := index.FindStringSubmatch(cause.Field)
		if match == nil {
			t.Fatalf("%q: %v", urls, err)
		}
		i, _ := strconv.Atoi(match[1])
		refused = append(refused, i)
	}
	return refused
}

// callbacksOfTable are the URLs of the table of internal/callback.
func callbacksOfTable(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../internal/callback/testdata/forms.txt")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		_, url, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		found = append(found, url)
	}
	return found
}
