// SPDX-License-Identifier: Apache-2.0

package namespaced_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/namespaced"
)

func TestTheScopeIsTheWholeClusterOrNamespacesWithAPolicy(t *testing.T) {
	file := write(t, "clients: {profiles: [OAuth2]}")
	var many []string
	for i := range 257 {
		many = append(many, fmt.Sprintf("n%d", i))
	}
	for _, row := range []struct {
		name       string
		namespaces []string
		file       string
		refused    string
	}{
		{name: "the whole cluster"},
		{name: "two namespaces", namespaces: namespaced.Split("team-b,team-a"), file: file},
		{name: "a policy without namespaces", file: file, refused: "chosen namespaces only"},
		{name: "namespaces without a policy", namespaces: []string{"a"}, refused: "name the file"},
		{name: "an empty name", namespaces: namespaced.Split("a,"), file: file, refused: `"" is not the name`},
		{name: "a blank", namespaces: namespaced.Split("a, b"), file: file, refused: `" b" is not the name`},
		{name: "one twice", namespaces: namespaced.Split("a,b,a"), file: file, refused: "a is named twice"},
		{name: "too many", namespaces: many, file: file, refused: "at most 256"},
		{name: "a file that is not there", namespaces: []string{"a"}, file: "/nowhere/policy.yaml", refused: "/nowhere/policy.yaml"},
	} {
		t.Run(row.name, func(t *testing.T) {
			scope, err := namespaced.Read(row.namespaces, row.file)
			if row.refused != "" {
				if err == nil || !strings.Contains(err.Error(), row.refused) {
					t.Errorf("got %v, want an error with %q", err, row.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(scope.Namespaces) != len(row.namespaces) || !slices.IsSorted(scope.Namespaces) || (scope.Policy != nil) != (row.file != "") {
				t.Errorf("got %+v", scope)
			}
		})
	}
}
