// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// tenant is who has the built-in role edit in one namespace, and no other right in the cluster.
type tenant struct {
	w         *environment
	namespace string
	api       client.Client // as the tenant
}

// lax is a policy that allows everything: with it only claims, RBAC and the people stand between two tenants.
const lax = "lax"

// tenant makes a namespace with a tenant in it. policy "": the default one, as config/default ships it.
func (w *environment) tenant(user, policy string) *tenant {
	w.t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: user + "-"}}
	if policy != "" {
		if err := w.Policy(w.t.Context(), lax, testenv.Permissive()); err != nil {
			w.t.Fatal(err)
		}
		ns.Labels = map[string]string{v1alpha1.LabelPolicy: policy}
	}
	w.must(w.Client.Create(w.t.Context(), ns))
	w.must(w.Client.Create(w.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}))
	api, err := client.New(w.User(w.t, user), client.Options{Scheme: w.Scheme})
	w.must(err)
	x := &tenant{w: w, namespace: ns.Name, api: api}
	w.eventually("the tenant may write in "+ns.Name, func() bool {
		return !apierrors.IsForbidden(api.List(w.t.Context(), &v1alpha1.OAuthClientList{}, client.InNamespace(ns.Name)))
	})
	return x
}

func (w *environment) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// entitle lets a person use a client, as an administrator would.
func (w *environment) entitle(namespace, name, person string) {
	w.t.Helper()
	named := metav1.ObjectMeta{Namespace: namespace, Name: name + "-users"}
	role := &rbacv1.Role{
		ObjectMeta: named,
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"oauthclients"},
			ResourceNames: []string{name}, Verbs: []string{"authorize"}}},
	}
	w.must(w.Client.Create(w.t.Context(), role))
	w.must(w.Client.Create(w.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: named,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: named.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "gatehouse:" + person}},
	}))
	testenv.Eventually(w.t, time.Minute, person+" may use "+name, func() bool { // the API server learns of a binding by a watch, too
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: "gatehouse:" + person, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: v1alpha1.GroupVersion.Group, Resource: "oauthclients", Namespace: namespace, Name: name, Verb: "authorize",
		}}}
		w.must(w.Client.Create(w.t.Context(), review))
		return review.Status.Allowed
	})
}

// host is a host that the default policy lets the tenant use.
func (x *tenant) host() string { return x.namespace + ".apps.example.com" }

// draft is an OAuthClient of the tenant before it is applied: one that the default policy allows.
func (x *tenant) draft(name string, change ...func(*v1alpha1.OAuthClientSpec)) *v1alpha1.OAuthClient {
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: x.namespace, Name: name}}
	oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + x.host() + "/" + name)}
	for _, c := range change {
		c(&oc.Spec)
	}
	return oc
}

// api is a ResourceServer of the tenant before it is applied.
func (x *tenant) server(name string, scopes ...v1alpha1.ScopeDeclaration) *v1alpha1.ResourceServer {
	rs := &v1alpha1.ResourceServer{ObjectMeta: metav1.ObjectMeta{Namespace: x.namespace, Name: name}}
	rs.Spec.Scopes = scopes
	return rs
}

func scope(name string, change ...func(*v1alpha1.ScopeDeclaration)) v1alpha1.ScopeDeclaration {
	d := v1alpha1.ScopeDeclaration{Name: v1alpha1.Scope(name), Description: v1alpha1.Text("Do " + name)}
	for _, c := range change {
		c(&d)
	}
	return d
}

// apply has the tenant make an object, which must be let in.
func (x *tenant) apply(object client.Object) {
	x.w.t.Helper()
	x.w.must(x.api.Create(x.w.t.Context(), object))
}

// patch has the tenant change an object, which must be let in.
func (x *tenant) patch(object client.Object, change func()) {
	x.w.t.Helper()
	before, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		x.w.t.Fatalf("%T is no object", object)
	}
	change()
	x.w.must(x.api.Patch(x.w.t.Context(), object, client.MergeFrom(before)))
}

// refused demands that the API server refuses to let the tenant make the object, in these words. It learns of a new namespace
// and its policy a moment later.
func (x *tenant) refused(object client.Object, words ...string) {
	x.w.t.Helper()
	var err error
	x.w.eventually(fmt.Sprintf("it is refused with %q", words), func() bool {
		copied, _ := object.DeepCopyObject().(client.Object)
		err = x.api.Create(x.w.t.Context(), copied, client.DryRunAll)
		return err != nil && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(err.Error(), word) })
	})
	if err := x.api.Create(x.w.t.Context(), object); !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
		x.w.t.Errorf("got %v, want it refused", err)
	}
}

// issued is what both kinds have in their status.
func (w *environment) issued(object client.Object) *v1alpha1.IssuedStatus {
	w.t.Helper()
	w.must(w.Client.Get(w.t.Context(), client.ObjectKeyFromObject(object), object))
	switch o := object.(type) {
	case *v1alpha1.OAuthClient:
		return &o.Status.IssuedStatus
	case *v1alpha1.ResourceServer:
		return &o.Status.IssuedStatus
	}
	w.t.Fatalf("%T has no such status", object)
	return nil
}

// condition waits until the operator has seen the newest spec and a condition is as wanted.
func (w *environment) condition(object client.Object, kind v1alpha1.ConditionType, status metav1.ConditionStatus, reasons ...string) *metav1.Condition {
	w.t.Helper()
	var last *metav1.Condition
	defer func() {
		if w.t.Failed() {
			w.t.Logf("%s %s: %+v", object.GetNamespace(), object.GetName(), last)
		}
	}()
	w.eventually(fmt.Sprintf("%s/%s has %s=%s %v", object.GetNamespace(), object.GetName(), kind, status, reasons), func() bool {
		s := w.issued(object)
		last = meta.FindStatusCondition(s.Conditions, string(kind))
		return s.ObservedGeneration == object.GetGeneration() && last != nil && last.Status == status &&
			(len(reasons) == 0 || slices.Contains(reasons, last.Reason))
	})
	return last
}

// app waits until an object is Ready and returns its credentials.
func (w *environment) app(object client.Object) app {
	w.t.Helper()
	w.condition(object, v1alpha1.ConditionReady, metav1.ConditionTrue)
	status := w.issued(object)
	secret := &corev1.Secret{}
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: object.GetNamespace(), Name: status.SecretName}, secret))
	a := app{w: w, id: string(secret.Data[v1alpha1.KeyClientID]), secret: string(secret.Data[v1alpha1.KeyClientSecret])}
	w.eventually("the server knows "+a.id, func() bool {
		status, _ := a.post("/oauth2/introspect", map[string][]string{"token": {"x"}})
		return status == 200
	})
	return a
}

func (x *tenant) callback(oc *v1alpha1.OAuthClient) string { return string(oc.Spec.CallbackURLs[0]) }

// rolesFor are what would let a person use every client of a namespace.
func rolesFor(namespace, person string) []client.Object {
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "users"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"oauthclients"}, Verbs: []string{"authorize"}}},
	}
	return []client.Object{role, &rbacv1.RoleBinding{
		ObjectMeta: role.ObjectMeta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "gatehouse:" + person}},
	}}
}
