// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// claim is a kind of name that only one tenant may hold.
type claim struct {
	// policy is that of both tenants. Where the default one refuses such a claim of another namespace when it is applied, this is one
	// that allows everything, as for namespaces that share a domain.
	policy string
	// value makes a name out of one that no other test uses.
	value func(unique string) string
	// draft is an object that claims the value; empty one that claims nothing of that kind, or nil where that cannot change.
	draft func(x *tenant, name, value string) client.Object
	empty func(x *tenant, name string) client.Object
	// add has an empty object claim the value.
	add      func(object client.Object, value string)
	conflict v1alpha1.AcceptedReason
	// serves reports whether the server lets this object have the value.
	serves func(w *environment, object client.Object, value string) bool
}

var callbackClaim = claim{
	value: func(unique string) string { return "https://" + unique + ".example/callback" },
	draft: func(x *tenant, name, value string) client.Object {
		return x.draft(name, func(s *v1alpha1.OAuthClientSpec) {
			s.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL(value)}
		})
	},
	empty: func(x *tenant, name string) client.Object { return x.draft(name) },
	add: func(object client.Object, value string) {
		if oc, ok := object.(*v1alpha1.OAuthClient); ok {
			oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL(value)}
		}
	},
	conflict: v1alpha1.AcceptedReasonCallbackConflict,
	serves: func(w *environment, object client.Object, value string) bool {
		status, location, _ := w.person().open(newRequest(object.GetNamespace()+"."+object.GetName(), value, "").address(), nil)
		return status == http.StatusSeeOther && strings.Contains(location, "/interaction/")
	},
}

var clientIDClaim = claim{
	policy: lax,
	value:  func(unique string) string { return "app_" + strings.ReplaceAll(unique, "-", "_") },
	draft: func(x *tenant, name, value string) client.Object {
		return x.draft(name, func(s *v1alpha1.OAuthClientSpec) { s.ClientID = v1alpha1.ClientID(value) })
	},
	conflict: v1alpha1.AcceptedReasonClientIDConflict,
	serves: func(w *environment, object client.Object, value string) bool {
		oc, _ := object.(*v1alpha1.OAuthClient)
		status, location, _ := w.person().open(newRequest(value, string(oc.Spec.CallbackURLs[0]), "").address(), nil)
		return status == http.StatusSeeOther && strings.Contains(location, "/interaction/")
	},
}

func asServer(change func(s *v1alpha1.ResourceServerSpec, value string)) func(client.Object, string) {
	return func(object client.Object, value string) {
		if rs, ok := object.(*v1alpha1.ResourceServer); ok {
			change(&rs.Spec, value)
		}
	}
}

var scopeClaim = claim{
	policy: lax,
	value:  func(unique string) string { return unique + ".read" },
	draft:  func(x *tenant, name, value string) client.Object { return x.server(name, scope(value)) },
	empty:  func(x *tenant, name string) client.Object { return x.server(name, scope(x.namespace+"."+name)) },
	add: asServer(func(s *v1alpha1.ResourceServerSpec, value string) {
		s.Scopes = append(s.Scopes, scope(value))
	}),
	conflict: v1alpha1.AcceptedReasonScopeConflict,
}

var identifierClaim = claim{
	policy: lax,
	value:  func(unique string) string { return "https://api." + unique + ".example" },
	draft: func(x *tenant, name, value string) client.Object {
		rs := x.server(name, scope(x.namespace+"."+name))
		rs.Spec.Identifiers = []v1alpha1.Identifier{v1alpha1.Identifier(value)}
		return rs
	},
	empty: func(x *tenant, name string) client.Object { return x.server(name, scope(x.namespace+"."+name)) },
	add: asServer(func(s *v1alpha1.ResourceServerSpec, value string) {
		s.Identifiers = append(s.Identifiers, v1alpha1.Identifier(value))
	}),
	conflict: v1alpha1.AcceptedReasonIdentifierConflict,
}

func TestN115ATenantCannotTakeAScope(t *testing.T)       { scopeClaim.defend(t) }
func TestN116ATenantCannotTakeAnIdentifier(t *testing.T) { identifierClaim.defend(t) }

// defend tries every way that is known to take a claim from its holder.
func (c claim) defend(t *testing.T) {
	t.Helper()
	for name, attack := range map[string]func(claim, *duel){
		"by applying it too":                         claim.byConflict,
		"by age: an older object claims it later":    claim.byAge,
		"by waiting until the owner re-creates":      claim.byWaiting,
		"while the operator is away":                 claim.byAbsence,
		"by waiting while the operator is away":      claim.byWaitingInAbsence,
		"by coming first while the owner re-creates": claim.byOvertaking,
		"by waiting until the owner restores":        claim.byRestore,
	} {
		if c.empty == nil && name == "by age: an older object claims it later" {
			continue // a client ID cannot be added later
		}
		t.Run(name, func(t *testing.T) {
			w := start(t)
			d := &duel{w: w, mallory: w.tenant("mallory", c.policy), owner: w.tenant("owner", c.policy)}
			d.value = c.value(d.owner.namespace)
			attack(c, d)
		})
	}
}

// duel is one claim between two tenants.
type duel struct {
	w              *environment
	mallory, owner *tenant
	value          string
}

// owned makes the owner's object and waits until it holds the claim.
func (c claim) owned(d *duel) client.Object {
	d.w.t.Helper()
	object := c.draft(d.owner, "shop", d.value)
	d.owner.apply(object)
	c.wins(d, object)
	return object
}

// wins demands that the object holds the claim and is served with it.
func (c claim) wins(d *duel, object client.Object) {
	d.w.t.Helper()
	d.w.condition(object, v1alpha1.ConditionAccepted, metav1.ConditionTrue)
	if c.serves != nil {
		d.w.eventually("the owner is served", func() bool { return c.serves(d.w, object, d.value) })
	}
}

// loses demands that the object does not hold the claim, and that the server does not serve it with it.
func (c claim) loses(d *duel, object client.Object) {
	d.w.t.Helper()
	d.w.condition(object, v1alpha1.ConditionAccepted, metav1.ConditionFalse, string(c.conflict))
	if c.serves != nil && c.serves(d.w, object, d.value) {
		d.w.t.Error("the server serves the tenant with what belongs to the owner")
	}
}

// waiting makes an object of the tenant that waits for the claim.
func (c claim) waiting(d *duel) client.Object {
	d.w.t.Helper()
	object := c.draft(d.mallory, "lurking", d.value)
	d.mallory.apply(object)
	c.loses(d, object)
	return object
}

// recreate deletes and creates an object of the owner, as `kubectl replace --force` does.
func (c claim) recreate(d *duel, object client.Object) client.Object {
	d.w.t.Helper()
	d.w.must(d.owner.api.Delete(d.w.t.Context(), object))
	again := c.draft(d.owner, "shop", d.value)
	d.owner.apply(again)
	return again
}

func (c claim) byConflict(d *duel) {
	object := c.owned(d)
	c.waiting(d)
	c.wins(d, object)
}

func (c claim) byAge(d *duel) {
	parked := c.empty(d.mallory, "parked")
	d.mallory.apply(parked)
	d.w.condition(parked, v1alpha1.ConditionAccepted, metav1.ConditionTrue)
	object := c.owned(d)
	d.mallory.patch(parked, func() { c.add(parked, d.value) })
	c.loses(d, parked)
	c.wins(d, object)
}

func (c claim) byWaiting(d *duel) {
	object := c.owned(d)
	lurking := c.waiting(d)
	again := c.recreate(d, object)
	c.wins(d, again)
	c.loses(d, lurking)
}

// byAbsence: a claim that no status records is not served, so nothing is gained while nobody looks.
func (c claim) byAbsence(d *duel) {
	object := c.owned(d)
	var parked client.Object
	if c.empty != nil {
		parked = c.empty(d.mallory, "parked")
		d.mallory.apply(parked)
		d.w.condition(parked, v1alpha1.ConditionAccepted, metav1.ConditionTrue)
	}
	sudden, mark := c.draft(d.mallory, "sudden", d.value), d.mallory.mark()
	d.w.withoutOperator(func() {
		if parked != nil {
			d.mallory.patch(parked, func() { c.add(parked, d.value) })
		}
		d.mallory.apply(sudden)
		if c.serves == nil {
			return
		}
		mark.saw()
		for _, o := range []client.Object{parked, sudden} {
			if o != nil && c.serves(d.w, o, d.value) {
				d.w.t.Errorf("without the operator the server serves %s with what belongs to the owner", o.GetName())
			}
		}
		if !c.serves(d.w, object, d.value) {
			d.w.t.Error("without the operator the owner is not served")
		}
	})
	c.loses(d, sudden)
	if parked != nil {
		c.loses(d, parked)
	}
	c.wins(d, object)
}

func (c claim) byWaitingInAbsence(d *duel) {
	object := c.owned(d)
	lurking := c.waiting(d)
	var again client.Object
	d.w.withoutOperator(func() { again = c.recreate(d, object) })
	c.wins(d, again)
	c.loses(d, lurking)
}

// byOvertaking: the owner's object is away for a moment, and the tenant was quick. The claim is kept for its former namespace.
func (c claim) byOvertaking(d *duel) {
	object := c.owned(d)
	d.w.must(d.owner.api.Delete(d.w.t.Context(), object))
	quick := c.draft(d.mallory, "quick", d.value)
	d.mallory.apply(quick)
	d.w.condition(quick, v1alpha1.ConditionAccepted, metav1.ConditionFalse, string(c.conflict))
	again := c.draft(d.owner, "shop", d.value)
	d.owner.apply(again)
	c.wins(d, again)
	c.loses(d, quick)
}

// byRestore: the owner's object comes back from a backup, with the status of the object that is gone.
func (c claim) byRestore(d *duel) {
	object := c.owned(d)
	lurking := c.waiting(d)
	kept := *d.w.issued(object).DeepCopy()
	again := c.recreate(d, object)
	before, _ := again.DeepCopyObject().(client.Object)
	*statusOf(again) = kept
	d.w.must(d.w.Client.Status().Patch(d.w.t.Context(), again, client.MergeFrom(before)))
	c.wins(d, again)
	c.loses(d, lurking)
}

func statusOf(object client.Object) *v1alpha1.IssuedStatus {
	switch o := object.(type) {
	case *v1alpha1.OAuthClient:
		return &o.Status.IssuedStatus
	case *v1alpha1.ResourceServer:
		return &o.Status.IssuedStatus
	}
	return nil
}

// mark tells whether the server has seen what happened before it, without the operator's help: objects of a kind reach it in order.
type mark struct {
	x  *tenant
	oc *v1alpha1.OAuthClient
}

func (x *tenant) mark() mark {
	x.w.t.Helper()
	m := mark{x: x, oc: x.draft("mark")}
	x.apply(m.oc)
	x.w.condition(m.oc, v1alpha1.ConditionAccepted, metav1.ConditionTrue)
	x.w.eventually("the mark is served", m.isServed)
	return m
}

func (m mark) isServed() bool {
	return callbackClaim.serves(m.x.w, m.oc, m.x.callback(m.oc))
}

// saw waits until the server has seen everything that happened to OAuthClients so far.
func (m mark) saw() {
	m.x.w.t.Helper()
	m.x.patch(m.oc, func() { m.oc.Spec.Suspend = true })
	m.x.w.eventually("the server sees that the mark is suspended", func() bool { return !m.isServed() })
}
