// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// errNotAccepted: the API server stored a Secret that is not what was sent, or would store it, and the authorization server
// would refuse what it holds. An admission webhook can do so. The text quotes nothing of it.
var errNotAccepted = errors.New("the Secret as the API server stores it holds no client secret that is accepted")

// acceptedBy returns the test of what a Secret of the object holds, against the credential that the status
// lists: the same one as the authorization server's. A Public client, and one whose client secret somebody else makes, have
// their client ID alone in it.
func acceptedBy(in input, issued issue) func(data map[string][]byte) bool {
	s, last := in.subject, len(issued.credentials)-1
	return func(data map[string][]byte) bool {
		if string(data[s.dataKey(v1alpha1.KeyClientID)]) != s.clientID {
			return false
		}
		if s.public || issued.secret == "" {
			return true
		}
		c, held := issued.credentials[last], string(data[s.dataKey(v1alpha1.KeyClientSecret)])
		return credential.Verify(in.keys.shared, s.identityUID(), c.ID, held, c.Verifier)
	}
}

// tested tests the Secret as the API server answered that it stored it. With dryRun it would store it so.
func (i *Issuance) tested(s subject, sent secretContent, answer *corev1.Secret, dryRun bool) error {
	accepted := sent.accepted(answer.Data)
	if !dryRun {
		i.expected.wrote(s.ref(), answer, i.Now())
		i.held.stored(s.ref(), sent.held(), sent.matches(answer), accepted, i.Now())
	}
	if !accepted {
		return fmt.Errorf("test the Secret %s: %w", sent.name, errNotAccepted)
	}
	return nil
}

// notAccepted returns the status that says that what the Secret of the cluster holds is not accepted. An old client secret
// gets no end yet: an application may have none but that one.
func (o outcome) notAccepted() v1alpha1.OAuthClientStatus {
	return o.spoiled("The API server took the Secret %q and stored another client ID or client secret than the operator sent, so the authorization server refuses what it holds.")
}

// wouldNotBeAccepted returns the status that says that the old Secret stays, because what replaces it would not be accepted.
func (o outcome) wouldNotBeAccepted() v1alpha1.OAuthClientStatus {
	return o.spoiled("The Secret %q has to be written anew. The API server would store another client ID or client secret than the operator sends, as a dry run shows, " +
		"so the old Secret and its client secret stay as they are.")
}

func (o outcome) spoiled(what string) v1alpha1.OAuthClientStatus {
	ready := o.summary()
	if ready.reason == string(v1alpha1.ReadyReasonIssued) {
		ready = readiness{metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotAccepted), fmt.Sprintf(what+
			" Look for an admission webhook or a MutatingAdmissionPolicy that changes Secrets, and leave out those with the label %s. It is tried again within two minutes.",
			o.subject.secretName, v1alpha1.LabelOwnerUID), progressStalled}
	}
	return o.withoutEnd(o.statusWith(ready))
}

// withoutEnd takes back the times that count only once the Secret is written, and holds what is accepted: those that the status in the
// cluster does not have. A record in the Secret may have them already, beside a client secret that somebody else changed.
func (o outcome) withoutEnd(status v1alpha1.OAuthClientStatus) v1alpha1.OAuthClientStatus {
	known, last := o.subject.status.Credentials, len(status.Credentials)-1
	if !o.subject.isGenerated() || last < 1 || len(known) <= last || known[last-1].ID != status.Credentials[last-1].ID || known[last].ID != status.Credentials[last].ID {
		return status
	}
	if known[last-1].ExpiresAt == nil && status.Credentials[last-1].ExpiresAt != nil {
		status.Credentials[last-1].ExpiresAt, status.Credentials[last].IssuedAt = nil, known[last].IssuedAt
	}
	return status
}
