// SPDX-License-Identifier: Apache-2.0

// Package namespaced is the configuration of an installation that sees chosen namespaces only:
// both programs have RoleBindings in these and no ClusterRole, so neither may read
// OAuthClientPolicies or Namespaces, which are in no namespace. The configuration says which
// namespaces there are, and a file holds the policy of all of them; {namespace} in it stands
// for each.
package namespaced

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// PolicyName stands for the policy of the file wherever the name of an OAuthClientPolicy is
// told.
const PolicyName = "of the installation"

// maxNamespaces bounds how many watches a program has.
const maxNamespaces = 256

// Scope is what a program sees. The zero Scope is the whole cluster.
type Scope struct {
	// Namespaces are those that it sees, in order. Empty: all.
	Namespaces []string
	// Policy is the policy of all of them; nil where Namespaces is empty.
	Policy *v1alpha1.OAuthClientPolicySpec
}

// Split returns the namespaces of a list with commas.
func Split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// Check says what is wrong with the names, and with having one of the two without the other.
func Check(namespaces []string, policyFile string) error {
	switch {
	case len(namespaces) == 0 && policyFile != "":
		return errors.New("a policy from a file is for an installation that sees chosen namespaces only: name these too, or use OAuthClientPolicies")
	case len(namespaces) > 0 && policyFile == "":
		return errors.New("an installation that sees chosen namespaces only may read no OAuthClientPolicy: name the file with its policy too")
	case len(namespaces) > maxNamespaces:
		return fmt.Errorf("there must be at most %d namespaces", maxNamespaces)
	}
	for i, name := range namespaces {
		if len(validation.IsDNS1123Label(name)) > 0 {
			return fmt.Errorf("%q is not the name of a namespace", name)
		}
		if slices.Contains(namespaces[:i], name) {
			return fmt.Errorf("the namespace %s is named twice", name)
		}
	}
	return nil
}

// Read returns the scope of a program that was told these namespaces and this file.
func Read(namespaces []string, policyFile string) (Scope, error) {
	if err := Check(namespaces, policyFile); err != nil || len(namespaces) == 0 {
		return Scope{}, err
	}
	policy, err := ReadPolicy(policyFile)
	if err != nil {
		return Scope{}, err
	}
	return Scope{Namespaces: slices.Sorted(slices.Values(namespaces)), Policy: policy}, nil
}
