// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// policySet is which policy each namespace has, as far as files tell.
type policySet struct {
	byName    map[string]policy.Policy
	labels    map[string]map[string]string // of namespaces among the files
	otherwise policy.Policy
}

// policiesOf reads the Namespaces and OAuthClientPolicies among the files. A Namespace that cannot be read is a finding: its label may
// be what counts.
func policiesOf(found []document, policyFile string) (s policySet, wrong []finding, err error) {
	s = policySet{byName: map[string]policy.Policy{}, labels: map[string]map[string]string{}}
	for _, d := range found {
		if d.kind() == "OAuthClientPolicy" {
			object := &v1alpha1.OAuthClientPolicy{}
			if d.into(object) == nil { // else its schema is a finding
				s.byName[object.Name] = policy.Policy{Name: object.Name, Spec: &object.Spec}
			}
			continue
		}
		if d.object["apiVersion"] != "v1" || d.object["kind"] != "Namespace" {
			continue
		}
		var object struct {
			Metadata struct {
				Name   string            `json:"name"`
				Labels map[string]string `json:"labels"`
			} `json:"metadata"`
		}
		if err := d.into(&object); err != nil {
			wrong = append(wrong, finding{d.file, d.line, "Namespace/" + d.name(), "metadata", ruleSchema, "cannot be read: " + firstLine(err.Error())})
			continue
		}
		s.labels[object.Metadata.Name] = object.Metadata.Labels
	}
	if policyFile != "" {
		s.otherwise, err = readPolicy(policyFile)
	} else {
		s.otherwise, err = shippedPolicy()
	}
	return s, wrong, err
}

// of returns the policy of a namespace. Where the files do not say which one it has, the other one counts. Where they do and hold none of that
// name, the other one counts only if it is called so.
func (s policySet) of(namespace string) (p policy.Policy, unknown string, err error) {
	name := policy.NameFor(s.labels[namespace])
	p, among := s.byName[name]
	if !among {
		p = s.otherwise
		if label := s.labels[namespace][v1alpha1.LabelPolicy]; label != "" && label != p.Name {
			return p, fmt.Sprintf("was not checked against a policy: its namespace %q has the label %s=%s, and no OAuthClientPolicy of that name is among the files. Give it as --policy-file",
				namespace, v1alpha1.LabelPolicy, label), nil
		}
	}
	p.Namespace = namespace
	return p, "", nil
}
