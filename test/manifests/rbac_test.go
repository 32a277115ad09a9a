// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// account is somebody the API server knows.
type account struct {
	user   string
	groups []string
}

func serviceAccount(name string) account {
	return account{
		user:   "system:serviceaccount:" + system + ":" + name,
		groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + system},
	}
}

// client is a client of the API server for the account.
func (a account) client(t *testing.T, env *testenv.Env) client.Client {
	t.Helper()
	c, err := client.New(env.User(t, a.user, a.groups...), client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// row is a line of a table of permissions. Target is resource[.group][/subresource][/name], where a subresource is
// one of those below; namespace "" means all of them, or a resource that is in none.
type row struct {
	account                 account
	verb, target, namespace string
	allowed                 bool
}

const allowed, refused = true, false

var subresources = []string{"status", "finalizers", "token", "usage", "grants"}

// attributes are what the API server is asked about.
func (r row) attributes() *authorizationv1.ResourceAttributes {
	parts := strings.Split(r.target, "/")
	a := &authorizationv1.ResourceAttributes{Verb: r.verb, Namespace: r.namespace}
	a.Resource, a.Group, _ = strings.Cut(parts[0], ".")
	if len(parts) > 1 && slices.Contains(subresources, parts[1]) {
		a.Subresource, parts = parts[1], parts[1:]
	}
	if len(parts) > 1 {
		a.Name = parts[1]
	}
	return a
}

// check asks the API server about each row. What is to be allowed may still be on its way from a role just written.
func check(t *testing.T, env *testenv.Env, rows []row) {
	t.Helper()
	await(t, env, slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !r.allowed }))
	for _, r := range rows {
		if status := ask(t, env, r); status.Allowed != r.allowed {
			t.Errorf("%s: %s %s in %q: allowed is %t, want %t (%s)",
				r.account.user, r.verb, r.target, r.namespace, status.Allowed, r.allowed, status.Reason)
		}
	}
}

// await waits until each row is as it says.
func await(t *testing.T, env *testenv.Env, rows []row) {
	t.Helper()
	for _, r := range rows {
		what := fmt.Sprintf("%s: %s %s in %q is to become %t", r.account.user, r.verb, r.target, r.namespace, r.allowed)
		eventually(t, what, func(context.Context) (bool, error) { return ask(t, env, r).Allowed == r.allowed, nil })
	}
}

// ask asks the API server about one row.
func ask(t *testing.T, env *testenv.Env, r row) authorizationv1.SubjectAccessReviewStatus {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: r.account.user, Groups: append(slices.Clone(r.account.groups), "system:authenticated"), ResourceAttributes: r.attributes(),
	}}
	if err := env.Client.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	return review.Status
}

func TestTheOperatorMayDoWhatItNeedsAndNothingElse(t *testing.T) {
	env, operator := deployed(t), serviceAccount("gatehouse-operator")
	check(t, env, []row{
		{operator, "list", "oauthclients.gatehouse.dev", "", allowed},
		{operator, "watch", "oauthclients.gatehouse.dev", "", allowed},
		{operator, "patch", "oauthclients.gatehouse.dev/status", "photos", allowed},
		{operator, "watch", "resourceservers.gatehouse.dev", "", allowed},
		{operator, "patch", "resourceservers.gatehouse.dev/status", "photos", allowed},
		{operator, "watch", "oauthclientpolicies.gatehouse.dev", "", allowed},
		{operator, "watch", "namespaces", "", allowed},
		{operator, "watch", "serviceaccounts", "", allowed},
		{operator, "get", "serviceaccounts", "photos", allowed},
		{operator, "create", "secrets", "photos", allowed},
		{operator, "patch", "secrets", "photos", allowed},
		{operator, "delete", "secrets", "photos", allowed},
		{operator, "watch", "secrets", "", allowed},
		{operator, "watch", "configmaps", "", allowed},
		{operator, "create", "configmaps", "photos", allowed}, // those of our objects: TestN388TheOperatorTakesAndDeletesNoConfigMapOfAnybodyElse
		{operator, "patch", "configmaps", "photos", allowed},
		{operator, "delete", "configmaps", "photos", allowed},
		{operator, "create", "events.events.k8s.io", "photos", allowed},
		{operator, "patch", "events.events.k8s.io", "photos", allowed},
		{operator, "create", "events", system, allowed},
		{operator, "create", "configmaps", system, allowed},
		{operator, "update", "configmaps/gatehouse-released-claims-0", system, allowed},
		{operator, "get", "configmaps/gatehouse-released-claims-7", system, allowed},
		{operator, "create", "leases.coordination.k8s.io", system, allowed},
		{operator, "update", "leases.coordination.k8s.io/gatehouse-operator", system, allowed},

		{operator, "list", "oauthclients.gatehouse.dev/usage", "", allowed},

		{operator, "list", "oauthclients.gatehouse.dev/grants", "", refused},
		{operator, "delete", "oauthclients.gatehouse.dev/grants", "photos", refused},
		{operator, "create", "tokenreviews.authentication.k8s.io", "", refused},
		{operator, "create", "oauthclients.gatehouse.dev", "photos", refused},
		{operator, "update", "oauthclients.gatehouse.dev", "photos", refused},
		{operator, "patch", "oauthclients.gatehouse.dev", "photos", refused},
		{operator, "delete", "oauthclients.gatehouse.dev", "photos", allowed}, // those that expire: TestN341TheOperatorDeletesNoClientThatNeverExpires
		{operator, "deletecollection", "oauthclients.gatehouse.dev", "photos", refused},
		{operator, "delete", "resourceservers.gatehouse.dev", "photos", refused},
		{operator, "authorize", "oauthclients.gatehouse.dev", "photos", refused},
		{operator, "update", "oauthclients.gatehouse.dev/finalizers", "photos", refused},
		{operator, "deletecollection", "secrets", "photos", refused},
		{operator, "update", "leases.coordination.k8s.io/other", system, refused},
		{operator, "create", "leases.coordination.k8s.io", "photos", refused},
		{operator, "update", "configmaps/gatehouse-settings", system, refused},
		{operator, "deletecollection", "configmaps", "photos", refused},
		{operator, "get", "pods", "photos", refused},
		{operator, "create", "pods", "photos", refused},
		{operator, "patch", "resourceservers.gatehouse.dev", "photos", refused},
		{operator, "create", "oauthclientpolicies.gatehouse.dev", "", refused},
		{operator, "patch", "validatingadmissionpolicies.admissionregistration.k8s.io", "", refused},
		{operator, "delete", "validatingadmissionpolicybindings.admissionregistration.k8s.io", "", refused},
		{operator, "patch", "oauthclientpolicies.gatehouse.dev", "", refused},
		{operator, "patch", "namespaces", "", refused},
		{operator, "create", "serviceaccounts/token", "photos", refused},
		{operator, "create", "subjectaccessreviews.authorization.k8s.io", "", refused},
		{operator, "create", "rolebindings.rbac.authorization.k8s.io", "photos", refused},
		{operator, "escalate", "clusterroles.rbac.authorization.k8s.io", "", refused},
		{operator, "impersonate", "users", "", refused},
	})
}

func TestTheAuthorizationServerMayDoWhatItNeedsAndNothingElse(t *testing.T) {
	env, authserver := deployed(t), serviceAccount("gatehouse-authserver")
	check(t, env, []row{
		{authserver, "get", "oauthclients.gatehouse.dev", "photos", allowed},
		{authserver, "list", "oauthclients.gatehouse.dev", "", allowed},
		{authserver, "watch", "oauthclients.gatehouse.dev", "", allowed},
		{authserver, "watch", "resourceservers.gatehouse.dev", "", allowed},
		{authserver, "watch", "oauthclientpolicies.gatehouse.dev", "", allowed},
		{authserver, "watch", "namespaces", "", allowed},
		{authserver, "create", "subjectaccessreviews.authorization.k8s.io", "", allowed},
		{authserver, "create", "tokenreviews.authentication.k8s.io", "", allowed},
		{authserver, "get", "secrets/gatehouse-shared-key", system, allowed},
		{authserver, "watch", "secrets/gatehouse-shared-key", system, allowed},
		{authserver, "list", "secrets/gatehouse-authserver-keys", system, allowed},

		{authserver, "get", "secrets/gatehouse-operator-key", system, refused},
		{authserver, "get", "secrets/gatehouse-users", system, refused},
		{authserver, "get", "secrets/gatehouse-authserver-tls", system, refused},
		{authserver, "list", "secrets", system, refused},
		{authserver, "watch", "secrets", system, refused},
		{authserver, "list", "secrets", "", refused},
		{authserver, "get", "secrets/photoprint-oauth", "photos", refused},
		{authserver, "get", "secrets/gatehouse-shared-key", "photos", refused},
		{authserver, "update", "secrets/gatehouse-shared-key", system, refused},
		{authserver, "patch", "secrets/gatehouse-authserver-keys", system, refused},
		{authserver, "delete", "secrets/gatehouse-authserver-keys", system, refused},
		{authserver, "create", "secrets", system, refused},
		{authserver, "patch", "oauthclients.gatehouse.dev", "photos", refused},
		{authserver, "patch", "oauthclients.gatehouse.dev/status", "photos", refused},
		{authserver, "patch", "resourceservers.gatehouse.dev/status", "photos", refused},
		{authserver, "patch", "oauthclientpolicies.gatehouse.dev", "", refused},
		{authserver, "patch", "namespaces", "", refused},
		{authserver, "authorize", "oauthclients.gatehouse.dev", "photos", refused},
		{authserver, "create", "events", "photos", refused},
		{authserver, "create", "events.events.k8s.io", "photos", refused},
		{authserver, "create", "localsubjectaccessreviews.authorization.k8s.io", "photos", refused},
		{authserver, "list", "oauthclients.gatehouse.dev/usage", "", refused},
		{authserver, "delete", "oauthclients.gatehouse.dev/grants", "photos", refused},
		{authserver, "get", "leases.coordination.k8s.io", system, refused},
		{authserver, "get", "configmaps", system, refused},
		{authserver, "impersonate", "users", "", refused},
	})
}

// The tables above show what somebody thought of. This is everything, as the API server lists it.
func TestNoRuleIsThereButThese(t *testing.T) {
	env := deployed(t)
	for _, test := range []struct {
		name, namespace string
		want            []string
	}{
		{"gatehouse-operator", system, []string{
			"create,patch events [] []",
			"create,patch events [events.k8s.io] []",
			"create configmaps [] []",
			"create leases [coordination.k8s.io] []",
			"delete oauthclients [gatehouse.dev] []",
			"get,update configmaps [] [gatehouse-released-claims-0 gatehouse-released-claims-1 gatehouse-released-claims-2 gatehouse-released-claims-3 " +
				"gatehouse-released-claims-4 gatehouse-released-claims-5 gatehouse-released-claims-6 gatehouse-released-claims-7]",
			"get,list,watch namespaces [] []",
			"get,list,watch oauthclients,resourceservers,oauthclientpolicies [gatehouse.dev] []",
			"get,list,watch serviceaccounts [] []",
			"get,list,watch,create,patch,delete configmaps [] []",
			"get,list,watch,create,patch,delete secrets [] []",
			"get,update leases [coordination.k8s.io] [gatehouse-operator]",
			"list oauthclients/usage [gatehouse.dev] []",
			"patch oauthclients/status,resourceservers/status [gatehouse.dev] []",
		}},
		{"gatehouse-operator", "default", []string{
			"create,patch events [events.k8s.io] []",
			"delete oauthclients [gatehouse.dev] []",
			"get,list,watch namespaces [] []",
			"get,list,watch oauthclients,resourceservers,oauthclientpolicies [gatehouse.dev] []",
			"get,list,watch serviceaccounts [] []",
			"get,list,watch,create,patch,delete configmaps [] []",
			"get,list,watch,create,patch,delete secrets [] []",
			"list oauthclients/usage [gatehouse.dev] []",
			"patch oauthclients/status,resourceservers/status [gatehouse.dev] []",
		}},
		{"gatehouse-authserver", system, []string{
			"create subjectaccessreviews [authorization.k8s.io] []",
			"create tokenreviews [authentication.k8s.io] []",
			"get,list,watch namespaces [] []",
			"get,list,watch oauthclients,resourceservers,oauthclientpolicies [gatehouse.dev] []",
			"get,list,watch secrets [] [gatehouse-shared-key gatehouse-authserver-keys]",
		}},
		{"gatehouse-authserver", "default", []string{
			"create subjectaccessreviews [authorization.k8s.io] []",
			"create tokenreviews [authentication.k8s.io] []",
			"get,list,watch namespaces [] []",
			"get,list,watch oauthclients,resourceservers,oauthclientpolicies [gatehouse.dev] []",
		}},
	} {
		t.Run(test.name+" in "+test.namespace, func(t *testing.T) {
			everybody := rules(t, env, serviceAccount("nobody"), test.namespace)
			got := slices.DeleteFunc(rules(t, env, serviceAccount(test.name), test.namespace), func(rule string) bool {
				return slices.Contains(everybody, rule)
			})
			slices.Sort(got)
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

// rules are all permissions of the account in the namespace.
func rules(t *testing.T, env *testenv.Env, a account, namespace string) []string {
	t.Helper()
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	if err := a.client(t, env).Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, r := range review.Status.ResourceRules {
		groups := slices.DeleteFunc(slices.Clone(r.APIGroups), func(g string) bool { return g == "" })
		found = append(found, fmt.Sprintf("%s %s %s %s", strings.Join(r.Verbs, ","), strings.Join(r.Resources, ","), groups, r.ResourceNames))
	}
	return found
}

// What a review says is one thing; these are the requests themselves.
func TestTheAuthorizationServerReadsItsTwoKeysAndNoOtherSecret(t *testing.T) {
	env := deployed(t)
	for _, name := range []string{"gatehouse-shared-key", "gatehouse-operator-key"} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: name}}
		if err := env.Client.Create(t.Context(), secret); client.IgnoreAlreadyExists(err) != nil {
			t.Fatal(err)
		}
	}
	authserver := serviceAccount("gatehouse-authserver").client(t, env)
	list := func(opts ...client.ListOption) error {
		return authserver.List(t.Context(), &corev1.SecretList{}, append(opts, client.InNamespace(system))...)
	}
	if err := list(client.MatchingFields{"metadata.name": "gatehouse-shared-key"}); err != nil {
		t.Errorf("list its own key by name: %v", err)
	}
	for what, err := range map[string]error{
		"list all":                  list(),
		"list the operator's":       list(client.MatchingFields{"metadata.name": "gatehouse-operator-key"}),
		"list by another field":     list(client.MatchingFields{"type": "Opaque"}),
		"list by label":             list(client.HasLabels{v1alpha1.LabelOwnerUID}),
		"list in all the cluster":   authserver.List(t.Context(), &corev1.SecretList{}),
		"read the operator's":       authserver.Get(t.Context(), client.ObjectKey{Namespace: system, Name: "gatehouse-operator-key"}, &corev1.Secret{}),
		"read a Secret of a tenant": authserver.Get(t.Context(), client.ObjectKey{Namespace: "photos", Name: "photoprint-oauth"}, &corev1.Secret{}),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s: got %v, want it forbidden", what, err)
		}
	}
}

func TestEditingANamespaceIncludesItsClientsButNotTheirStatusNorTheirUsers(t *testing.T) {
	env := deployed(t)
	namespace := env.Namespace(t)
	for _, role := range []string{"edit", "admin", "view"} {
		bind(t, env, namespace, role)
	}
	editor, admin, viewer := account{user: "edit"}, account{user: "admin"}, account{user: "view"}
	check(t, env, []row{
		{editor, "create", "oauthclients.gatehouse.dev", namespace, allowed},
		{editor, "patch", "oauthclients.gatehouse.dev", namespace, allowed},
		{editor, "delete", "oauthclients.gatehouse.dev", namespace, allowed},
		{editor, "get", "oauthclients.gatehouse.dev/status", namespace, allowed},
		{editor, "create", "resourceservers.gatehouse.dev", namespace, allowed},
		{editor, "get", "resourceservers.gatehouse.dev/status", namespace, allowed},
		{admin, "create", "oauthclients.gatehouse.dev", namespace, allowed},
		{viewer, "watch", "oauthclients.gatehouse.dev", namespace, allowed},
		{viewer, "get", "oauthclients.gatehouse.dev/status", namespace, allowed},
		{viewer, "watch", "resourceservers.gatehouse.dev", namespace, allowed},

		{editor, "patch", "oauthclients.gatehouse.dev/status", namespace, refused},
		{editor, "update", "oauthclients.gatehouse.dev/status", namespace, refused},
		{editor, "authorize", "oauthclients.gatehouse.dev", namespace, refused},
		{editor, "create", "oauthclients.gatehouse.dev", "default", refused},
		{admin, "patch", "oauthclients.gatehouse.dev/status", namespace, refused},
		{editor, "patch", "resourceservers.gatehouse.dev/status", namespace, refused},
		{editor, "create", "oauthclientpolicies.gatehouse.dev", "", refused},
		{editor, "patch", "namespaces/" + namespace, namespace, refused},
		{admin, "authorize", "oauthclients.gatehouse.dev", namespace, refused},
		{admin, "patch", "oauthclientpolicies.gatehouse.dev", "", refused},
		{admin, "patch", "namespaces/" + namespace, namespace, refused},
		{viewer, "create", "oauthclients.gatehouse.dev", namespace, refused},
		{viewer, "patch", "oauthclients.gatehouse.dev", namespace, refused},
		{viewer, "authorize", "oauthclients.gatehouse.dev", namespace, refused},
	})
	refuseForgery(t, env, namespace, editor, admin)
}

// refuseForgery has an editor try to write the status of a client, and an administrator of the namespace to entitle somebody
// without being entitled to.
func refuseForgery(t *testing.T, env *testenv.Env, namespace string, editor, admin account) {
	t.Helper()
	oc := &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "photoprint"},
		Spec:       v1alpha1.OAuthClientSpec{CallbackURLs: []v1alpha1.CallbackURL{"https://photoprint.example/callback"}},
	}
	oc.Status.ClientID = "forged"
	if err := editor.client(t, env).Create(t.Context(), oc); err != nil {
		t.Fatalf("create a client: %v", err)
	}
	if oc.Status.ClientID != "" {
		t.Errorf("the status could be set at creation: %v", oc.Status)
	}
	forged := client.RawPatch(types.MergePatchType, []byte(`{"status":{"clientID":"forged"}}`))
	if err := editor.client(t, env).Status().Patch(t.Context(), oc, forged); !apierrors.IsForbidden(err) {
		t.Errorf("write the status: got %v, want it forbidden", err)
	}
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "users"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"gatehouse.dev"}, Resources: []string{"oauthclients"}, Verbs: []string{"authorize"}}},
	}
	if err := admin.client(t, env).Create(t.Context(), role); !apierrors.IsForbidden(err) {
		t.Errorf("grant authorize without having it: got %v, want it forbidden", err)
	}
}

// bind gives the user called as the ClusterRole that role in the namespace.
func bind(t *testing.T, env *testenv.Env, namespace, role string) {
	t.Helper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: role}},
	}
	if err := env.Client.Create(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
}
