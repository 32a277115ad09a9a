// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/config/crd"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

func (o *options) lint() *cobra.Command {
	path, policyFile := "", ""
	c := &cobra.Command{
		Use: "lint -f DIR", Short: "Check files without a cluster",
		Long: "Check the OAuthClients, ResourceServers and OAuthClientPolicies of files as the API server would: schema, rules, and the policy of their namespace. No cluster is asked.\n" +
			"Which policy a namespace has follows from the Namespaces and OAuthClientPolicies among the files; else --policy-file counts, and without it the policy that is shipped\n" +
			"as default. The exit status is 1 where something is wrong.",
		Example: `  kubectl gatehouse lint -f deploy/
  kubectl gatehouse lint -f deploy/ --policy-file policy.yaml -o sarif > gatehouse.sarif`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if path == "" {
				return usagef("name a folder or a file with -f; - is standard input")
			}
			found, wrong, err := readAll(path, o.In)
			if err != nil {
				return err
			}
			namespace, err := o.namespaceWithoutCluster(c)
			if err != nil {
				return err
			}
			more, err := lintAll(c.Context(), found, policyFile, namespace)
			if err != nil {
				return err
			}
			return o.report(found, append(wrong, more...))
		},
	}
	c.Flags().StringVarP(&path, "filename", "f", "", "folder or file with the objects; - is standard input")
	c.Flags().StringVar(&policyFile, "policy-file", "", "file with the OAuthClientPolicy of namespaces for which the files name none")
	return o.withOutput(c, "json", "yaml", "sarif")
}

// namespaceWithoutCluster returns that of the flag; a kubeconfig is not asked.
func (o *options) namespaceWithoutCluster(c *cobra.Command) (string, error) {
	namespace, err := c.Flags().GetString("namespace")
	if namespace == "" {
		namespace = "default"
	}
	return namespace, err
}

func lintAll(ctx context.Context, found []document, policyFile, namespace string) (wrong []finding, err error) {
	schemas, err := loadSchemas()
	if err != nil {
		return nil, err
	}
	policies, err := policiesOf(found, policyFile)
	if err != nil {
		return nil, err
	}
	for _, d := range found {
		kind := d.kind()
		if kind == "" {
			continue
		}
		schema, known := schemas[kind]
		if !known {
			wrong = append(wrong, d.finding(ruleSchema, "kind", "is none of Gatehouse's: OAuthClient, OAuthClientPolicy, ResourceServer"))
			continue
		}
		if bad := schema.check(ctx, d); len(bad) > 0 {
			wrong = append(wrong, bad...) // what a policy would say of it means little
			continue
		}
		wrong = append(wrong, denied(d, policies.of(d.namespace(namespace)))...)
	}
	return wrong, nil
}

// policySet is which policy each namespace has.
type policySet struct {
	byName    map[string]policy.Policy
	labels    map[string]map[string]string // of namespaces among the files
	otherwise policy.Policy
}

func policiesOf(found []document, policyFile string) (s policySet, err error) {
	s = policySet{byName: map[string]policy.Policy{}, labels: map[string]map[string]string{}}
	for _, d := range found {
		switch kind, _ := d.object["kind"].(string); kind {
		case "OAuthClientPolicy":
			object := &v1alpha1.OAuthClientPolicy{}
			if d.into(object) == nil {
				s.byName[object.Name] = policy.Policy{Name: object.Name, Spec: &object.Spec}
			}
		case "Namespace":
			var object struct {
				Metadata struct {
					Name   string            `json:"name"`
					Labels map[string]string `json:"labels"`
				} `json:"metadata"`
			}
			if d.into(&object) == nil {
				s.labels[object.Metadata.Name] = object.Metadata.Labels
			}
		}
	}
	if policyFile != "" {
		s.otherwise, err = readPolicy(policyFile)
	} else {
		s.otherwise, err = shippedPolicy()
	}
	return s, err
}

// of returns the policy of a namespace. A label that names none of the files may name one of the cluster: then the other one counts
// only if it is called so.
func (s policySet) of(namespace string) policy.Policy {
	p, among := s.byName[policy.NameFor(s.labels[namespace])]
	if !among {
		p = s.otherwise
	}
	p.Namespace = namespace
	return p
}

// kindSchema checks objects of one kind as the API server does.
type kindSchema struct {
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

// loadSchemas reads the definitions once: to compile their rules takes a second.
var loadSchemas = sync.OnceValues(func() (map[string]kindSchema, error) {
	files, err := crd.Bases.ReadDir("bases")
	if err != nil {
		return nil, fmt.Errorf("read the definitions: %w", err)
	}
	all := map[string]kindSchema{}
	for _, file := range files {
		text, err := crd.Bases.ReadFile("bases/" + file.Name())
		if err != nil {
			return nil, fmt.Errorf("read the definitions: %w", err)
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, definition); err != nil {
			return nil, fmt.Errorf("read %s: %w", file.Name(), err)
		}
		if all[definition.Spec.Names.Kind], err = newSchema(definition); err != nil {
			return nil, fmt.Errorf("read %s: %w", file.Name(), err)
		}
	}
	return all, nil
})

func newSchema(definition *apiextensionsv1.CustomResourceDefinition) (s kindSchema, err error) {
	internal := &apiextensions.CustomResourceValidation{}
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(definition.Spec.Versions[0].Schema, internal, nil); err != nil {
		return s, err
	}
	if s.structural, err = structuralschema.NewStructural(internal.OpenAPIV3Schema); err != nil {
		return s, err
	}
	if s.validator, _, err = validation.NewSchemaValidator(internal.OpenAPIV3Schema); err != nil {
		return s, err
	}
	s.rules = cel.NewValidator(s.structural, true, celconfig.PerCallLimit)
	return s, nil
}

// blocking reports whether the API server checks no rules beside the error: they may read what is not there.
func blocking(e *field.Error) bool {
	return e.Type == field.ErrorTypeRequired || e.Type == field.ErrorTypeTooLong || e.Type == field.ErrorTypeTooMany || e.Type == field.ErrorTypeTypeInvalid
}

// check returns what the API server would refuse when the object is created.
func (s kindSchema) check(ctx context.Context, d document) (wrong []finding) {
	object := runtime.DeepCopyJSON(d.object)
	unknown := pruning.PruneWithOptions(object, s.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		wrong = append(wrong, d.finding(ruleSchema, path, "is no field of this kind"))
	}
	defaulting.Default(object, s.structural)
	var errs field.ErrorList
	if version, _ := object["apiVersion"].(string); version != v1alpha1.GroupVersion.String() {
		errs = append(errs, field.NotSupported(field.NewPath("apiVersion"), version, []string{v1alpha1.GroupVersion.String()}))
	}
	for _, problem := range apivalidation.NameIsDNSSubdomain(d.name(), false) {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), d.name(), problem))
	}
	errs = append(errs, validation.ValidateCustomResource(nil, object, s.validator)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
	if !slices.ContainsFunc(errs, blocking) {
		more, _ := s.rules.Validate(ctx, nil, s.structural, object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, more...)
	}
	for _, e := range errs {
		wrong = append(wrong, d.finding(ruleSchema, e.Field, strings.TrimPrefix(e.ErrorBody(), "Invalid value: ")))
	}
	return wrong
}
