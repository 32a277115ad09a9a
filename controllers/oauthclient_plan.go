// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// strangerEvery is how often a Secret that is somebody else's is looked at again. It
// does not bear our label, so no watch tells when it goes.
const strangerEvery = time.Minute

// input is what a plan may not find out itself.
type input struct {
	keys   keyPair
	issuer string
	now    time.Time
	newID  string // spent if a credential is made
}

// decision is what a reconcile will do.
type decision struct {
	// steps are the writes, in this order. One that fails ends the reconcile.
	steps []step
	// refused is the status to write if the API server refuses the Secret for good.
	refused v1alpha1.OAuthClientStatus
	// after is when to look again although nothing has changed. Zero: never.
	after time.Duration
}

// step is one write: exactly one of status, apply and remove is set.
type step struct {
	status *v1alpha1.OAuthClientStatus // write this status
	apply  *secretApply
	remove *secretRef
	told   notice // what people are told once it is done; may be empty
}

// secretApply writes a Secret. Without a version the Secret was absent and nothing
// is taken from other field managers; with one it was ours, and what others changed
// in our fields is taken back, if it is still that version.
type secretApply struct {
	want    wanted
	version string
}

// secretRef is a Secret as it was seen; a later one of that name is another.
type secretRef struct {
	name    string
	uid     types.UID
	version string
}

// notice is one Event about a client.
type notice struct {
	warning         bool
	reason, message string
}

// plan decides about one client. It has no client, no clock and no randomness.
//
//	new             status (credential, Issuing), Secret, status (Issued)
//	reset           the same
//	Secret changed  Secret
//	renamed         Secret, old Secret away, status
//	unchanged       nothing
//	not its ID      status (ClientIDConflict)
//
// A credential is in the status before it is in the Secret: whoever reads the Secret
// finds what is accepted.
func plan(oc *v1alpha1.OAuthClient, seen observation, in input) decision {
	p := &planner{oc: oc, seen: seen, in: in, status: *oc.Status.DeepCopy(), written: oc.Status}
	p.status.ValidAfter = p.validAfter()
	p.status.ObservedGeneration = oc.Generation
	if p.foreignClientID() || seen.clientID != nil {
		p.writeStatus(p.condition(metav1.ConditionFalse, string(v1alpha1.AcceptedReasonClientIDConflict), p.sayClientID()), notice{})
		return p.decision
	}
	p.status.ClientID = v1alpha1.ClientIDOf(oc)
	made, told := p.renew()
	p.check()
	verdict := p.verdict()
	if made {
		p.writeStatus(p.interim(verdict), told)
	}
	p.refused = p.with(p.refusal(verdict))
	p.planSecret(made)
	p.writeStatus(verdict, notice{})
	return p.decision
}

// planner carries a plan through its stages.
type planner struct {
	oc   *v1alpha1.OAuthClient
	seen observation
	in   input

	// status is the status to come, but for its condition.
	status v1alpha1.OAuthClientStatus
	// written is the status in the cluster after the steps so far.
	written v1alpha1.OAuthClientStatus
	// secret is the client secret; empty for a Public client.
	secret string
	// proof tells what the keys make of the credential in the status.
	proof proof

	decision
}

// proof tells whether the credential in the status belongs to the keys.
type proof int

const (
	proven     proof = iota // the keys make the secret, and the verifier accepts it
	provenOnce              // they do not, but the Secret of the cluster is accepted
	unproven                // they do not, and neither is the Secret
)

// foreignClientID reports whether somebody else than this operator has been at the
// status: a client ID is given once, and by the object's name.
func (p *planner) foreignClientID() bool {
	id := p.oc.Status.ClientID
	return id != "" && id != v1alpha1.ClientIDOf(p.oc)
}

// renew makes a credential if there is none, or a new one in place of the old if a
// reset is asked for. It reports whether one was made.
func (p *planner) renew() (bool, notice) {
	if p.oc.Spec.Public() {
		p.status.Credentials = nil
		return false, notice{}
	}
	reset, asked := p.oc.Annotations[v1alpha1.AnnotationResetCredentials]
	first := len(p.status.Credentials) == 0
	if !first && (!asked || reset == p.status.LastHandledReset) {
		return false, notice{}
	}
	if asked {
		p.status.LastHandledReset = reset // at the first credential too: it is newer than the wish
	}
	id, uid := p.in.newID, string(p.oc.UID)
	verifier := credential.Verifier(p.in.keys.shared, uid, id, p.derive(id))
	issued := metav1.NewTime(p.in.now.UTC().Truncate(time.Second)) // as it will be read back
	p.status.Credentials = []v1alpha1.CredentialStatus{{ID: id, IssuedAt: issued, Verifier: verifier}}
	if first {
		return true, notice{}
	}
	if p.oc.Spec.EffectiveProfile().ResetEndsGrants() {
		p.status.ValidAfter = p.nextSecond()
		return true, notice{reason: eventReset, message: "The client secret was reset: a new one was made, the old one ended, and all grants and tokens with it."}
	}
	return true, notice{reason: eventReset, message: "The client secret was reset: a new one was made, the old one ended."}
}

// derive returns the client secret of a credential. To check what a client has signed
// the authorization server has to know its secret, so that one comes from the key they share.
func (p *planner) derive(id string) string {
	root := p.in.keys.root
	if p.oc.Spec.EffectiveProfile().Signed() {
		root = p.in.keys.shared
	}
	return credential.Derive(root, string(p.oc.UID), id)
}

// validAfter returns since when approvals and tokens of the client are good. It moves, and
// never back, when a spec is seen that suspends a client of IntegrationCloud: there, what an
// inactive client had was dead for good. A reset moves it in some profiles, see renew.
func (p *planner) validAfter() *metav1.Time {
	before := p.oc.Status.ValidAfter.DeepCopy()
	suspended := p.oc.Spec.Suspend && p.oc.Spec.EffectiveProfile() == v1alpha1.ProfileIntegrationCloud
	if !suspended || before != nil && p.oc.Status.ObservedGeneration == p.oc.Generation {
		return before
	}
	return p.nextSecond()
}

// nextSecond is the validAfter that ends what there is now: the running second is not over. It
// is never before the one in the status.
func (p *planner) nextSecond() *metav1.Time {
	before := p.status.ValidAfter.DeepCopy()
	next := metav1.NewTime(p.in.now.UTC().Truncate(time.Second).Add(time.Second))
	if next.Before(before) {
		return before
	}
	return &next
}

// check derives the client secret and asks whether it is the one of the status.
func (p *planner) check() {
	if p.oc.Spec.Public() {
		return
	}
	c, uid := p.status.Credentials[len(p.status.Credentials)-1], string(p.oc.UID)
	p.secret = p.derive(c.ID)
	if c.ExpiresAt == nil && credential.Verify(p.in.keys.shared, uid, c.ID, p.secret, c.Verifier) {
		return
	}
	p.proof = unproven
	// What a Signed client's secret is, the authorization server derives too: no other one is accepted.
	if c.ExpiresAt != nil || p.oc.Spec.EffectiveProfile().Signed() || ownership(p.seen.secret, p.oc) != ownedByClient {
		return
	}
	held := string(p.seen.secret.Data[dataKey(p.oc, v1alpha1.KeyClientSecret)])
	if credential.Verify(p.in.keys.shared, uid, c.ID, held, c.Verifier) {
		p.proof = provenOnce
	}
}

// planSecret plans what happens to the Secret, and to older ones of other names.
func (p *planner) planSecret(made bool) {
	owner := ownership(p.seen.secret, p.oc)
	if p.proof != proven {
		return // nothing that the keys make would be accepted: touch nothing
	}
	if owner == ownedByStranger {
		p.after = strangerEvery
		return
	}
	want := wantedSecret(p.oc, p.in.issuer, p.secret)
	switch {
	case owner == ownedByClient && want.in(p.seen.secret):
	case owner == ownedByClient:
		p.steps = append(p.steps, step{apply: &secretApply{want: want, version: p.seen.secret.ResourceVersion}, told: p.tale(made)})
	case owner == ownedByPredecessor:
		p.remove(p.seen.secret.Name, p.seen.secret.UID, p.seen.secret.ResourceVersion)
		fallthrough
	default:
		p.steps = append(p.steps, step{apply: &secretApply{want: want}, told: p.tale(made)})
	}
	for i := range p.seen.others {
		p.remove(p.seen.others[i].Name, p.seen.others[i].UID, p.seen.others[i].ResourceVersion)
	}
	p.status.SecretName = want.name
}

func (p *planner) remove(name string, uid types.UID, version string) {
	p.steps = append(p.steps, step{remove: &secretRef{name: name, uid: uid, version: version}})
}

// tale tells why a Secret is written. A reset has been told already.
func (p *planner) tale(made bool) notice {
	name := secretName(p.oc)
	ready := meta.FindStatusCondition(p.oc.Status.Conditions, string(v1alpha1.ConditionReady))
	switch {
	case p.oc.Status.SecretName == "" || !made && ready != nil && ready.Reason == string(v1alpha1.ReadyReasonIssuing):
		return notice{reason: string(v1alpha1.ReadyReasonIssued), message: "The Secret " + name + " was written."}
	case made:
		return notice{}
	case p.oc.Status.ObservedGeneration != p.oc.Generation:
		return notice{reason: eventUpdated, message: "The Secret " + name + " was written as the spec wants it now."}
	default:
		return notice{reason: eventHealed, message: "The Secret " + name + " was deleted or changed by somebody else; it was put right, with the same client secret."}
	}
}

// writeStatus plans to write the status with the condition, unless the cluster will
// have it already.
func (p *planner) writeStatus(ready metav1.Condition, told notice) {
	status := p.with(ready)
	if equality.Semantic.DeepEqual(status, p.written) {
		return
	}
	if before := meta.FindStatusCondition(p.written.Conditions, ready.Type); told.reason == "" &&
		ready.Status == metav1.ConditionFalse && (before == nil || before.Reason != ready.Reason) {
		told = notice{warning: ready.Reason != string(v1alpha1.ReadyReasonSuspended), reason: ready.Reason, message: ready.Message}
	}
	p.steps = append(p.steps, step{status: &status, told: told})
	p.written = status
}

// with returns the status to come with the condition in it. A condition that says
// what it said before keeps its time.
func (p *planner) with(ready metav1.Condition) v1alpha1.OAuthClientStatus {
	status := *p.status.DeepCopy()
	status.Conditions = p.written.DeepCopy().Conditions
	meta.SetStatusCondition(&status.Conditions, ready)
	return status
}
