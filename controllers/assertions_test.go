// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// Two JWK Sets with a public key on P-256 each: the first is the example of RFC 7517 appendix A.1.
const (
	firstJWKS  = `{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig","kid":"1","note":"left out"}]}`
	secondJWKS = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	privateJWK = `{"keys":[{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
)

func keysIn(name string) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials = v1alpha1.CredentialsSpec{Source: v1alpha1.SourcePrivateKeyJWT,
			PrivateKeyJWT: &v1alpha1.PrivateKeyJWTSpec{FromSecret: &v1alpha1.KeysFromSecretSpec{Name: v1alpha1.SecretName(name)}}}
	}
}

func inlineKeys(jwks string) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials = v1alpha1.CredentialsSpec{Source: v1alpha1.SourcePrivateKeyJWT, PrivateKeyJWT: &v1alpha1.PrivateKeyJWTSpec{JWKS: jwks}}
	}
}

func accountsOf(names ...v1alpha1.ServiceAccountName) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials = v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount, ServiceAccount: &v1alpha1.ServiceAccountSpec{Names: names}}
	}
}

func (s *fixture) keySet(text string) *corev1.Secret {
	return s.vault("", func(o *corev1.Secret) { o.Data = map[string][]byte{v1alpha1.KeyJWKS: []byte(text)} })
}

// hasNoSecret checks that the client has no Secret and no client secret.
func (s *fixture) hasNoSecret(oc *v1alpha1.OAuthClient) {
	s.t.Helper()
	err := s.api.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: "photoprint-oauth"}, &corev1.Secret{})
	if !apierrors.IsNotFound(err) || oc.Status.SecretName != "" || oc.Status.Binding != nil || len(oc.Status.Credentials) > 0 {
		s.t.Errorf("there is a Secret (%v), or the status has %q %+v", err, oc.Status.SecretName, oc.Status.Credentials)
	}
}

func TestPublicKeysOfASecretStandInTheStatusAndFollowIt(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint", keysIn("vault"))
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonWaitingForSecret))
	s.says(oc.Status.Conditions, v1alpha1.ConditionReconciling, metav1.ConditionTrue, string(v1alpha1.ReadyReasonWaitingForSecret))
	s.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
	s.hasNoSecret(oc)

	s.give(s.keySet(firstJWKS))
	oc = s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	first := oc.Status.ClientAuthentication.JWKS
	if !strings.Contains(first, "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4") || strings.Contains(first, "left out") {
		t.Errorf("the status has %s", first)
	}
	s.hasNoSecret(oc)
	s.writes.reset()
	s.settle("photoprint")
	s.wantWrites()

	s.give(s.keySet(secondJWKS))
	if oc = s.settle("photoprint"); strings.Contains(oc.Status.ClientAuthentication.JWKS, "MKBCT") || !strings.Contains(oc.Status.ClientAuthentication.JWKS, "11qYAY") {
		t.Errorf("the change was not followed: %s", oc.Status.ClientAuthentication.JWKS)
	}
}

func TestN356KeysThatCannotBeUsedAreSaidAndStopNobody(t *testing.T) {
	const waiting, invalid = v1alpha1.ReadyReasonWaitingForSecret, v1alpha1.ReadyReasonInvalidKeys
	for _, row := range []struct {
		name   string
		change func(*fixture)
		reason v1alpha1.ReadyReason
		word   string
	}{
		{"deleted", func(s *fixture) { s.must(s.api.Delete(s.t.Context(), s.secret("vault"))) }, waiting, "no Secret of that name"},
		{"without the label", func(s *fixture) {
			secret := s.keySet(secondJWKS)
			secret.Labels = nil
			s.give(secret)
		}, waiting, "gatehouse.dev/given-secret=true"},
		{"the key is missing", func(s *fixture) { s.give(s.vault(secondJWKS)) }, waiting, `"jwks.json"`},
		{"a private key", func(s *fixture) { s.give(s.keySet(privateJWK)) }, invalid, "private key"},
		{"no JSON", func(s *fixture) { s.give(s.keySet("-----BEGIN PUBLIC KEY-----")) }, invalid, "JWK Set"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.give(s.keySet(firstJWKS))
			s.client("photoprint", keysIn("vault"))
			before := s.settle("photoprint").Status.ClientAuthentication.JWKS
			row.change(s)
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionFalse, string(row.reason))
			s.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
			if oc.Status.ClientAuthentication.JWKS != before || before == "" {
				t.Error("what was accepted before is not")
			}
			if !strings.Contains(message(oc), row.word) || !strings.Contains(message(oc), "taken before are still accepted") || strings.Contains(message(oc), "nWGxne") {
				t.Errorf("message %q", message(oc))
			}
		})
	}
	t.Run("nothing was taken before", func(t *testing.T) {
		s := newFixture(t)
		s.client("photoprint", keysIn("vault"))
		if oc := s.settle("photoprint"); strings.Contains(message(oc), "still accepted") {
			t.Errorf("message %q", message(oc))
		}
	})
	t.Run("inline", func(t *testing.T) {
		s := newFixture(t)
		s.client("photoprint", inlineKeys(`{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]}`))
		oc := s.settle("photoprint")
		s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonInvalidKeys))
		s.says(oc.Status.Conditions, v1alpha1.ConditionStalled, metav1.ConditionTrue, string(v1alpha1.ReadyReasonInvalidKeys))
		if !strings.Contains(message(oc), "credentials.privateKeyJWT.jwks cannot be used: key 1") {
			t.Errorf("message %q", message(oc))
		}
		s.update("photoprint", inlineKeys(firstJWKS))
		s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	})
}

// N435: a key set that is in order and has no key that can be used is the owner's word that no key counts.
func TestN435ASetWithoutKeysInTheSecretTakesAllKeysOut(t *testing.T) {
	for name, none := range map[string]string{
		"empty": `{"keys":[]}`, "for encryption": strings.Replace(firstJWKS, `"sig"`, `"enc"`, 1), "of another kind": `{"keys":[{"kty":"EC","crv":"P-384","x":"AQ","y":"AQ"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.give(s.keySet(firstJWKS))
			s.client("photoprint", keysIn("vault"))
			if s.settle("photoprint").Status.ClientAuthentication.JWKS == "" {
				t.Fatal("no key is accepted")
			}
			s.give(s.keySet(none))
			for _, when := range []string{"at once", "later"} {
				oc := s.settle("photoprint")
				s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonInvalidKeys))
				if a := oc.Status.ClientAuthentication; a.JWKS != "" || !strings.Contains(message(oc), "no public key that can be used") || strings.Contains(message(oc), "still accepted") {
					t.Errorf("%s: %+v, %q", when, a, message(oc))
				}
			}
			s.must(s.api.Delete(t.Context(), s.secret("vault")))
			if oc := s.settle("photoprint"); oc.Status.ClientAuthentication.JWKS != "" {
				t.Errorf("without the Secret the status has %+v", oc.Status.ClientAuthentication)
			}
			s.give(s.keySet(firstJWKS))
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		})
	}
}

// N420: a private key in the Secret ends its pair, and no other key.
func TestN420AKeyWhosePrivateHalfStandsInTheSecretIsAcceptedNoMore(t *testing.T) {
	member := func(set string) string { return strings.TrimSuffix(strings.TrimPrefix(set, `{"keys":[`), "]}") }
	both := `{"keys":[` + member(firstJWKS) + "," + member(secondJWKS) + "]}"
	for name, row := range map[string]struct {
		before, given string
		first, second bool // are accepted
	}{
		"of two":                      {both, privateJWK, true, false},
		"beside the other public one": {both, `{"keys":[` + member(firstJWKS) + "," + member(privateJWK) + "]}", true, false},
		"the only one":                {secondJWKS, privateJWK, false, false},
		"of another pair":             {firstJWKS, privateJWK, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.give(s.keySet(row.before))
			s.client("photoprint", keysIn("vault"))
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.give(s.keySet(row.given))
			wants := func(when string) {
				t.Helper()
				oc := s.settle("photoprint")
				s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonInvalidKeys))
				a := oc.Status.ClientAuthentication
				if strings.Contains(a.JWKS, "MKBCT") != row.first || strings.Contains(a.JWKS, "11qYAY") != row.second || (a.Proof != "") != row.first {
					t.Errorf("%s the status has %+v", when, a)
				}
				if strings.Contains(message(oc), "still accepted") != row.first || strings.Contains(message(oc), "nWGxne") {
					t.Errorf("%s the message is %q", when, message(oc))
				}
			}
			wants("at once")
			wants("later")
			s.must(s.api.Delete(t.Context(), s.secret("vault")))
			if a := s.settle("photoprint").Status.ClientAuthentication; strings.Contains(a.JWKS, "11qYAY") {
				t.Errorf("without the Secret the key is back: %+v", a)
			}
		})
	}
}

// Keys of the status that the operator did not take from the Secret and the key of the spec are not kept while there are no others.
func TestN368KeysThatTheOperatorDidNotTakeFromTheSecretOfTheSpecAreDropped(t *testing.T) {
	for name, change := range map[string]func(*fixture){
		"another Secret": func(s *fixture) { s.update("photoprint", keysIn("other")) },
		"another key in the Secret": func(s *fixture) {
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.PrivateKeyJWT.FromSecret.Key = "other" })
		},
		"forged keys": func(s *fixture) {
			s.must(s.api.Delete(s.t.Context(), s.secret("vault")))
			s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { status.ClientAuthentication.JWKS = secondJWKS })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.give(s.keySet(firstJWKS))
			s.client("photoprint", keysIn("vault"))
			if before := s.settle("photoprint").Status.ClientAuthentication; before.JWKS == "" || before.Proof == "" {
				t.Fatalf("the status has %+v", before)
			}
			change(s)
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonWaitingForSecret))
			if a := oc.Status.ClientAuthentication; a == nil || a.JWKS != "" || a.Proof != "" {
				t.Errorf("the status has %+v", a)
			}
		})
	}
}

func (s *fixture) account(name string) *corev1.ServiceAccount {
	s.t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name}}
	s.must(s.api.Create(s.t.Context(), account))
	return account
}

func TestN359AServiceAccountThatIsCreatedAgainGetsAnotherUIDInTheStatus(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint", accountsOf("printer", "helper"))
	first := s.account("printer")
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonWaitingForServiceAccount))
	s.says(oc.Status.Conditions, v1alpha1.ConditionReconciling, metav1.ConditionTrue, string(v1alpha1.ReadyReasonWaitingForServiceAccount))
	if !strings.Contains(message(oc), ": helper.") {
		t.Errorf("message %q", message(oc))
	}
	helper := s.account("helper")
	oc = s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.hasNoSecret(oc)
	uids := func(oc *v1alpha1.OAuthClient) (all []string) {
		for _, a := range oc.Status.ClientAuthentication.ServiceAccounts {
			all = append(all, string(a.Name)+"="+a.UID)
		}
		return all
	}
	if got := strings.Join(uids(oc), " "); got != "printer="+string(first.UID)+" helper="+string(helper.UID) {
		t.Errorf("the status has %s", got)
	}
	s.must(s.api.Delete(t.Context(), first))
	oc = s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonWaitingForServiceAccount))
	if got := strings.Join(uids(oc), " "); got != "helper="+string(helper.UID) {
		t.Errorf("after one was deleted the status has %s", got)
	}
	second := s.account("printer")
	if oc = s.settle("photoprint"); uids(oc)[0] != "printer="+string(second.UID) || second.UID == first.UID {
		t.Errorf("after it was created again the status has %s", uids(oc))
	}
	s.writes.reset()
	s.settle("photoprint")
	s.wantWrites()
}

// countingReader counts the reads of ServiceAccounts at the API server.
type countingReader struct {
	client.Reader
	reads int
}

func (r *countingReader) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	r.reads++
	return r.Reader.Get(ctx, key, o, options...)
}

func TestServiceAccountsAreReadFromTheCacheAndAskedForWhereItHasNone(t *testing.T) {
	s := newFixture(t)
	options := GivenCacheOptions(View{})
	options.DefaultNamespaces = map[string]cache.Config{s.ns: {}}
	given, err := cache.New(s.env.Config, options)
	s.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- given.Start(ctx) }()
	defer func() {
		cancel()
		s.must(<-ended)
	}()
	_, err = given.GetInformer(ctx, accountMetadata())
	s.must(err)
	live := &countingReader{Reader: s.api}
	i := &Issuance{Given: given, Live: live}
	printer := s.account("printer")
	of := clientSubject(photoprint(accountsOf("printer"), func(oc *v1alpha1.OAuthClient) { oc.Namespace = s.ns }))
	wants := func(name, uid string, reads int) {
		t.Helper()
		live.reads = 0
		found, err := i.accounts(ctx, of)
		if err != nil || len(found) > 1 || len(found) == 1 != (uid != "") || uid != "" && found[0].UID != uid || live.reads != reads {
			t.Errorf("%s: %v, %v after %d reads; want %q after %d", name, found, err, live.reads, uid, reads)
		}
	}
	cached := func() *metav1.PartialObjectMetadata {
		account := accountMetadata()
		if err := given.Get(ctx, client.ObjectKeyFromObject(printer), account); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		return account
	}
	s.eventually("the cache has it", func() bool { return cached().UID == printer.UID })
	wants("one that the cache has", string(printer.UID), 0)

	printer.Finalizers = []string{"backup.example/kept"}
	s.must(s.api.Update(ctx, printer))
	s.must(s.api.Delete(ctx, printer))
	s.eventually("the cache has its end", func() bool { return !cached().DeletionTimestamp.IsZero() })
	wants("one that is being deleted", "", 0)
	s.must(s.api.Get(ctx, client.ObjectKeyFromObject(printer), printer))
	printer.Finalizers = nil
	s.must(s.api.Update(ctx, printer))
	s.eventually("the cache has it no more", func() bool { return cached().UID == "" })
	wants("one that is gone", "", 1)

	i.Given = behind{given}
	again := s.account("printer")
	wants("one that was created a moment ago", string(again.UID), 1)
}

// behind is a cache that has seen no object yet.
type behind struct{ cache.Cache }

func (behind) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(corev1.Resource("serviceaccounts"), key.Name)
}

func TestN365AClientSecretThatWasGivenUpDoesNotComeBack(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	generated := s.valueOf("photoprint")
	s.update("photoprint", inlineKeys(firstJWKS))
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.hasNoSecret(oc)
	if s.accepts(oc, generated) {
		t.Error("the client secret is still accepted")
	}
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials = v1alpha1.CredentialsSpec{} })
	oc = s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if again := s.valueOf("photoprint"); again == generated || s.accepts(oc, generated) || !s.accepts(oc, again) || oc.Status.ClientAuthentication != nil {
		t.Errorf("the old client secret came back, or the new one does not count: %+v", oc.Status)
	}

	// A Secret of somebody else that has the name is nobody's business then.
	s.update("photoprint", inlineKeys(firstJWKS))
	s.settle("photoprint")
	foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "photoprint-oauth"}}
	s.must(s.api.Create(t.Context(), foreign))
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.secret("photoprint-oauth")
}

// A finalizer keeps the Secret, and with it the record from which a lost status is rebuilt.
func TestN365AClientSecretDoesNotComeBackFromASecretThatAFinalizerKeeps(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	generated := s.valueOf("photoprint")
	s.edit("photoprint-oauth", func(secret *corev1.Secret) { secret.Finalizers = []string{"backup.example/kept"} })
	s.update("photoprint", inlineKeys(firstJWKS))
	s.settle("photoprint")
	if s.secret("photoprint-oauth").DeletionTimestamp.IsZero() {
		t.Fatal("the Secret was not deleted")
	}
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials = v1alpha1.CredentialsSpec{} })
	if oc := s.settle("photoprint"); s.accepts(oc, generated) || len(oc.Status.Credentials) != 1 {
		t.Errorf("the old client secret is accepted while its Secret stands: %+v", oc.Status.Credentials)
	}
	s.edit("photoprint-oauth", func(secret *corev1.Secret) { secret.Finalizers = nil })
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if again := s.valueOf("photoprint"); again == generated || s.accepts(oc, generated) || !s.accepts(oc, again) {
		t.Errorf("the old client secret came back, or the new one does not count: %+v", oc.Status.Credentials)
	}
}

// N444: whoever reads the Secret meanwhile reads the one that counts.
func TestN444OneClientSecretIsMadeInPlaceOfAssertionsHoweverOftenTheStatusFails(t *testing.T) {
	for name, from := range map[string]func(*v1alpha1.OAuthClient){"PrivateKeyJWT": inlineKeys(firstJWKS), "ServiceAccount": accountsOf("ghost")} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.client("photoprint", from)
			s.settle("photoprint")
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials = v1alpha1.CredentialsSpec{} })
			answers := []error{apierrors.NewConflict(corev1.Resource("oauthclients"), "photoprint", nil), apierrors.NewInternalError(errors.New("etcd is away")), nil, errFault}
			held := map[string]bool{}
			for range 2 * len(answers) {
				s.r = s.reconciler(failingStatus(s.api, func() error {
					if len(answers) == 0 {
						return nil
					}
					next := answers[0]
					answers = answers[1:]
					return next
				}))
				if _, err := s.reconcile(s.r, "photoprint"); err != nil && len(answers) == 4 {
					t.Fatal(err)
				}
				secret := &corev1.Secret{}
				err := s.api.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: "photoprint-oauth"}, secret)
				s.must(client.IgnoreNotFound(err))
				if err == nil {
					held[value(secret)] = true
				}
			}
			if len(answers) > 0 || len(held) != 1 {
				t.Errorf("the Secret held %d client secrets, %d answers are left", len(held), len(answers))
			}
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			if len(oc.Status.Credentials) != 1 || oc.Status.SecretName != "photoprint-oauth" {
				t.Errorf("the status is %+v", oc.Status.IssuedStatus)
			}
		})
	}
}

func TestWhereThereAreRolesAloneAServiceAccountIsNotSupported(t *testing.T) {
	in := inputOf(photoprint(accountsOf("printer")), observation{})
	in.chosenNamespaces = true
	_, wrong := decideAssertions(in, v1alpha1.OAuthClientStatus{}), in.accountTrouble()
	if wrong.reason != v1alpha1.ReadyReasonNotSupported || !strings.Contains(wrong.message, "PrivateKeyJWT") || !strings.Contains(wrong.message, "workloadIdentity.clusters") {
		t.Errorf("it says %+v", wrong)
	}
	for want, clusters := range map[v1alpha1.ReadyReason][]v1alpha1.ClusterName{"": {"east"}, v1alpha1.ReadyReasonNotSupported: {"east", "in-cluster"}} {
		in = inputOf(photoprint(accountsOf("printer"), inClusters(clusters...)), observation{})
		in.chosenNamespaces = true
		if wrong := in.accountTrouble(); wrong.reason != want {
			t.Errorf("in %v it says %+v", clusters, wrong)
		}
	}
	for object := range GivenCacheOptions(View{Namespaces: []string{"a"}}).ByObject {
		if object.GetObjectKind().GroupVersionKind().Kind == "ServiceAccount" {
			t.Error("ServiceAccounts are watched where no Role lets anybody")
		}
	}
}

// The cluster itself may stand under another name among those that the server knows.
func TestWhereThereAreRolesAloneAServiceAccountOfANamedClusterIsReady(t *testing.T) {
	s := newFixture(t)
	allowed := testenv.Permissive()
	allowed.Secrets.ServiceAccountClusters = []v1alpha1.ClusterName{"home"}
	s.r.View = View{Namespaces: []string{s.ns}, Policy: &allowed, PolicyName: "of the installation"}
	s.client("photoprint", accountsOf("printer"))
	s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonNotSupported))
	s.update("photoprint", inClusters("home"))
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.hasNoSecret(oc)
	if a := oc.Status.ClientAuthentication; a != nil && len(a.ServiceAccounts) > 0 {
		t.Errorf("the status has %+v", a)
	}
	s.update("photoprint", inClusters("home", "in-cluster"))
	s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonNotSupported))
	allowed.Secrets.ServiceAccountClusters = nil
	s.update("photoprint", inClusters("home"))
	s.says(s.settle("photoprint").Status.Conditions, v1alpha1.ConditionAccepted, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))
}

func inClusters(clusters ...v1alpha1.ClusterName) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.ServiceAccount.Clusters = clusters }
}

func TestServiceAccountsOfOtherClustersAreNotWaitedFor(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint", accountsOf("printer"), inClusters("east", "west"))
	s.account("printer")
	oc := s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.hasNoSecret(oc)
	if a := oc.Status.ClientAuthentication; a == nil || len(a.ServiceAccounts) > 0 || a.Proof != "" {
		t.Errorf("the status has %+v", a)
	}
	if names := accountNames(oc); names != nil {
		t.Errorf("it is looked at when %v come or go", names)
	}
	s.writes.reset()
	s.settle("photoprint")
	s.wantWrites()

	s.update("photoprint", inClusters("east", "in-cluster"))
	oc = s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if a := oc.Status.ClientAuthentication; a == nil || len(a.ServiceAccounts) != 1 || a.Proof == "" || len(accountNames(oc)) != 1 {
		t.Errorf("with this cluster the status has %+v", a)
	}
	s.update("photoprint", accountsOf("helper"), inClusters("in-cluster", "east"))
	s.wantReady(s.settle("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonWaitingForServiceAccount))
	s.update("photoprint", inClusters("east"))
	oc = s.settle("photoprint")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if a := oc.Status.ClientAuthentication; a == nil || len(a.ServiceAccounts) > 0 {
		t.Errorf("without this cluster the status has %+v", a)
	}
}
