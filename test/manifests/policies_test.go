// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"regexp"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const policiesPage = root + "/docs/policies.md"

func TestThePoliciesOfThePageAreAccepted(t *testing.T) {
	env := deployed(t)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, policiesPage), -1)
	if len(examples) < 4 {
		t.Fatalf("the page has %d examples", len(examples))
	}
	for _, example := range examples {
		kubectl(t, env, []byte(example[1]), "apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", "-")
	}
}

func TestThePoliciesPageNamesEveryField(t *testing.T) {
	page := read(t, policiesPage)
	crd := find[apiextensionsv1.CustomResourceDefinition](t, build(t, root+"/config/crd"), "CustomResourceDefinition", "oauthclientpolicies.")
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	var paths []string
	for name, group := range spec.Properties {
		if len(group.Properties) == 0 {
			paths = append(paths, name)
		}
		for below := range group.Properties {
			paths = append(paths, name+"."+below)
		}
	}
	if len(paths) < 20 {
		t.Fatalf("only %d fields were found: %v", len(paths), paths)
	}
	for _, path := range paths {
		if !strings.Contains(page, "`"+path+"`") {
			t.Errorf("the page does not name %s", path)
		}
	}
}

func TestPoliciesAreReadByWhoMayAndWrittenByNobodyElse(t *testing.T) {
	env := deployed(t)
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reader-of-policies"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "gatehouse-oauthclientpolicy-viewer"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "reader"}},
	}
	if err := env.Client.Create(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	reader, nobody := account{user: "reader"}, account{user: "nobody"}
	await(t, env, []row{{reader, "watch", "oauthclientpolicies.gatehouse.dev", "", allowed}})
	check(t, env, []row{
		{reader, "get", "oauthclientpolicies.gatehouse.dev/default", "", allowed},
		{reader, "patch", "oauthclientpolicies.gatehouse.dev/default", "", refused},
		{reader, "create", "oauthclientpolicies.gatehouse.dev", "", refused},
		{nobody, "get", "oauthclientpolicies.gatehouse.dev/default", "", refused},
	})
}
