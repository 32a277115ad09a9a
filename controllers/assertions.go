// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

func accountMetadata() *metav1.PartialObjectMetadata {
	account := &metav1.PartialObjectMetadata{}
	account.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ServiceAccount"))
	return account
}

// accountSource is a source of requests for the objects that name a ServiceAccount which came, went or was created again. list is a list
// of their kind.
func (i *Issuance) accountSource(list func() client.ObjectList) source.Source {
	of := func(ctx context.Context, account *metav1.PartialObjectMetadata) []reconcile.Request {
		return i.requests(ctx, list(), client.InNamespace(account.Namespace), client.MatchingFields{indexAccount: account.Name})
	}
	return source.Kind(i.Given, accountMetadata(), handler.TypedEnqueueRequestsFromMapFunc(of))
}

// accountNames indexes objects by the ServiceAccounts of this cluster that they name.
func accountNames(o client.Object) []string {
	c := credentialsOf(o)
	if c == nil {
		return nil
	}
	var names []string
	for _, name := range c.ServiceAccountNames() {
		names = append(names, string(name))
	}
	return names
}

// accounts reads the ServiceAccounts of this cluster that the object names and that are there.
func (i *Issuance) accounts(ctx context.Context, s subject) ([]v1alpha1.ServiceAccountStatus, error) {
	if i.View.isChosen() {
		return nil, nil // no Role lets it, and nobody could check their tokens
	}
	var found []v1alpha1.ServiceAccountStatus
	for _, name := range s.credentials.ServiceAccountNames() {
		account, err := i.account(ctx, client.ObjectKey{Namespace: s.namespace(), Name: string(name)})
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("read the ServiceAccount %s: %w", name, redact(err))
		case account.DeletionTimestamp.IsZero():
			found = append(found, v1alpha1.ServiceAccountStatus{Name: name, UID: string(account.UID)})
		}
	}
	return found, nil
}

// account reads a ServiceAccount from the cache. One that has changed since brings its objects here again, and the API server accepts no
// token of one that is gone. One that the cache does not hold may have been applied a moment ago, together with the object: the API
// server is asked, so that the status tells nobody to wait for what is there.
func (i *Issuance) account(ctx context.Context, key client.ObjectKey) (*metav1.PartialObjectMetadata, error) {
	account := accountMetadata()
	if i.Given != nil {
		if err := i.Given.Get(ctx, key, account); !apierrors.IsNotFound(err) {
			return account, err
		}
	}
	return account, i.Live.Get(ctx, key, account)
}

// decideAssertions returns what the authorization server has to know of an object without a client secret.
func decideAssertions(in input, status v1alpha1.OAuthClientStatus) issue {
	issued := issue{handled: status.LastHandledReset, handledRotation: status.LastHandledRotation, authentication: &v1alpha1.ClientAuthenticationStatus{}}
	if in.subject.credentials.Source == v1alpha1.SourceServiceAccount {
		issued.authentication.ServiceAccounts = in.seen.accounts
		issued.trouble = in.accountTrouble()
	} else {
		issued.authentication.JWKS, issued.trouble = in.publicKeys(status.ClientAuthentication)
	}
	if stated := issued.authentication.Stated(in.subject.credentials); stated != nil {
		issued.authentication.Proof = credential.ProveAuthentication(in.keys.shared, in.subject.identityUID(), stated)
	}
	return issued
}

// accountTrouble returns what is waited for. Nobody here sees the ServiceAccounts of other clusters, so nobody waits for those.
func (in input) accountTrouble() trouble {
	names := in.subject.credentials.ServiceAccountNames()
	if in.chosenNamespaces && len(names) > 0 {
		return trouble{v1alpha1.ReadyReasonNotSupported, "credentials.source ServiceAccount needs TokenReviews for ServiceAccounts of this cluster, and this installation serves chosen namespaces without a ClusterRole. " +
			"Have an administrator name this cluster, for example home, in workloadIdentity.clusters of the authorization server's configuration and list that name in place of in-cluster in credentials.serviceAccount.clusters, " +
			"or choose PrivateKeyJWT or another source."}
	}
	var missing []string
	for _, name := range names {
		if !slices.ContainsFunc(in.seen.accounts, func(a v1alpha1.ServiceAccountStatus) bool { return a.Name == name }) {
			missing = append(missing, string(name))
		}
	}
	if len(missing) == 0 {
		return trouble{}
	}
	return trouble{v1alpha1.ReadyReasonWaitingForServiceAccount, fmt.Sprintf(
		"These ServiceAccounts of credentials.serviceAccount are not in this namespace: %s. They are looked at as soon as they are there; the others are accepted.", list(missing))}
}

// publicKeys returns the public keys that a Secret holds, and what is wrong with the keys of the object wherever they are. Those that
// were taken from a Secret before stay while it cannot be used, but for those whose private half the Secret shows. A set without keys
// that can be used takes all of them out.
func (in input) publicKeys(before *v1alpha1.ClientAuthenticationStatus) (string, trouble) {
	spec := in.subject.credentials.PrivateKeyJWT
	name, key := in.subject.credentials.KeysSecret()
	switch {
	case spec == nil: // an object that came past the API
		return "", trouble{v1alpha1.ReadyReasonInvalidKeys, "credentials.privateKeyJWT names no keys. Set one of jwks, fromSecret and jwksURI."}
	case name == "" && spec.JWKS != "":
		if _, err := assertion.ParseKeys([]byte(spec.JWKS)); err != nil {
			return "", trouble{v1alpha1.ReadyReasonInvalidKeys, fmt.Sprintf("credentials.privateKeyJWT.jwks cannot be used: %s.", err)}
		}
		return "", trouble{}
	case name == "": // the authorization server reads them
		return "", trouble{}
	}
	known := in.knownKeys(before)
	if in.seen.given != nil {
		known = undisclosed(known, in.seen.given.Data[key])
	}
	still := ""
	if known != "" {
		still = " Keys that were taken before are still accepted: change credentials.privateKeyJWT to end them."
	}
	if in.seen.given == nil {
		return known, trouble{v1alpha1.ReadyReasonWaitingForSecret, fmt.Sprintf(
			"The public keys come from the Secret %q, and no Secret of that name bears the label %s=%s. It is looked at as soon as there is one.%s",
			name, v1alpha1.LabelGivenSecret, givenLabel, still)}
	}
	text, there := in.seen.given.Data[key]
	if !there {
		return known, trouble{v1alpha1.ReadyReasonWaitingForSecret, fmt.Sprintf(
			"The Secret %q does not hold the key %q. It is looked at again when it changes.%s", name, key, still)}
	}
	keys, err := assertion.ParseKeys(text)
	if err == nil {
		var set string
		if set, err = assertion.PublicSet(keys); err == nil {
			return set, trouble{}
		}
	}
	if errors.Is(err, assertion.ErrNoKeys) {
		known, still = "", "" // the owner's word that there is none
	}
	return known, trouble{v1alpha1.ReadyReasonInvalidKeys, fmt.Sprintf(
		"What the Secret %q holds under the key %q cannot be used: %s.%s", name, key, err, still)}
}

// knownKeys returns the public keys of the status, if the operator took them from the Secret and the key that the spec names.
func (in input) knownKeys(before *v1alpha1.ClientAuthenticationStatus) string {
	if before == nil {
		return ""
	}
	stated := before.Stated(in.subject.credentials)
	if !credential.VerifyAuthentication(in.keys.shared, in.subject.identityUID(), stated, before.Proof) {
		return ""
	}
	return before.JWKS
}

// undisclosed returns the public keys of a set without those whose private half stands in text.
func undisclosed(set string, text []byte) string {
	keys, err := assertion.ParseKeys([]byte(set))
	if err != nil {
		return set // it has no keys
	}
	left := assertion.Undisclosed(keys, text)
	switch {
	case len(left) == len(keys):
		return set
	case len(left) == 0:
		return ""
	}
	if set, err = assertion.PublicSet(left); err != nil {
		return ""
	}
	return set
}

// hadNoSecret reports whether the object proved itself with assertions until now.
func hadNoSecret(status v1alpha1.OAuthClientStatus) bool { return status.ClientAuthentication != nil }
