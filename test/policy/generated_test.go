// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const (
	generated = 2000
	workers   = 16
)

// attempt is a generated object under a policy.
type attempt struct {
	policy string
	object client.Object
}

// The table shows what somebody thought of. These objects are made of the values that patterns and limits can be wrong
// about, under each of the policies.
func TestProgramsAndAdmissionAgreeOnGeneratedObjects(t *testing.T) {
	f := setUp(t)
	attempts := f.generate()
	allowed, denied := 0, map[string]bool{}
	for _, a := range attempts {
		fields, _ := denials(f.policies[a.policy], a.object)
		if len(fields) == 0 {
			allowed++
		}
		for _, field := range fields {
			denied[indexes.ReplaceAllString(field, "")] = true
		}
	}
	if allowed < generated/10 || allowed > generated*9/10 {
		t.Errorf("%d of %d objects are allowed: the generator tries little", allowed, generated)
	}
	if diff := cmp.Diff(deniable, slices.Sorted(maps.Keys(denied))); diff != "" {
		t.Errorf("fields that were denied (-want +got):\n%s", diff)
	}
	f.tryAll(t, attempts)
}

var indexes = regexp.MustCompile(`\[\d+\]`)

// deniable are all fields that a policy can deny.
var deniable = []string{
	"metadata.namespace",
	"spec.accessTokenLifetimeSeconds", "spec.callbackURLs", "spec.clientID",
	"spec.connectionsCloud.allowSecretInAuthorizationHeaderUntil", "spec.connectionsCloud.allowSecretInURLUntil", "spec.connectionsCloud.outOfBand",
	"spec.consent",
	"spec.credentials.privateKeyJWT.jwksURI", "spec.credentials.rotation.intervalDays", "spec.credentials.secretTemplate.annotations", "spec.credentials.secretTemplate.labels", "spec.credentials.secretTemplate.preset", "spec.credentials.secretTemplate.type", "spec.credentials.serviceAccount.clusters", "spec.credentials.source",
	"spec.entitlement", "spec.grantDurationDays", "spec.identifiers",
	"spec.integrationCloud.allowSecretInURLUntil", "spec.integrationCloud.grantTypes",
	"spec.oauth1.outOfBand", "spec.oauth1.signatureMethods", "spec.oauth2.grantTypes", "spec.oauth2.openID.backChannelLogout.uri", "spec.oauth2.pkce",
	"spec.profile",
	"spec.scopes.from", "spec.scopes.name", "spec.scopes.withoutOwner",
}

func (f *fixture) generate() []attempt {
	names := slices.Sorted(maps.Keys(f.policies))
	random := rand.New(rand.NewPCG(11, 28))
	var attempts []attempt
	for n := range generated {
		name := names[random.IntN(len(names))]
		g := &generator{Rand: random, namespace: f.policies[name].Namespace}
		meta := metav1.ObjectMeta{Namespace: g.namespace, Name: fmt.Sprintf("generated-%d", n)}
		var object client.Object = &v1alpha1.OAuthClient{ObjectMeta: meta, Spec: *g.client()}
		if g.maybe(4) {
			object = &v1alpha1.ResourceServer{ObjectMeta: meta, Spec: *g.resourceServer()}
		}
		attempts = append(attempts, attempt{name, object})
	}
	return attempts
}

// tryAll compares, several at a time, what the API server answers with what the programs say.
func (f *fixture) tryAll(t *testing.T, attempts []attempt) {
	t.Helper()
	queue := make(chan attempt)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for a := range queue {
				f.try(t, a)
			}
		})
	}
	for _, a := range attempts {
		if t.Failed() {
			break // one difference is enough to read
		}
		queue <- a
	}
	close(queue)
	group.Wait()
}

func (f *fixture) try(t *testing.T, a attempt) {
	_, texts := denials(f.policies[a.policy], a.object)
	written, _ := yaml.Marshal(a.object)
	got, err := refusal(f.warned.Create(t.Context(), a.object, client.DryRunAll))
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, written)
	case got != "" && !slices.Contains(texts, got):
		t.Errorf("admission says %q\nthe programs say %q\n%s", got, texts, written)
	case got == "" && len(texts) > 0 && a.policy != "missing":
		t.Errorf("admission admits what the programs deny: %q\n%s", texts, written)
	}
}
