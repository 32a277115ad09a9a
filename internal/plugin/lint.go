// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
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
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	policies, wrong, err := policiesOf(found, policyFile)
	if err != nil {
		return nil, err
	}
	more, err := judge(ctx, found, namespace, policies.of)
	return append(wrong, more...), err
}

// policyReader returns the policy of a namespace, or says why it is not known which one that is.
type policyReader func(namespace string) (p policy.Policy, unknown string, err error)

// judge returns what the API server would refuse of the objects, and what the policies of their namespaces deny. namespace is that of
// objects that name none.
func judge(ctx context.Context, found []document, namespace string, policies policyReader) (wrong []finding, err error) {
	schemas, err := loadSchemas()
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
		if bad := schema.check(ctx, d, namespace); len(bad) > 0 {
			wrong = append(wrong, bad...) // what a policy would say of it means little
			continue
		}
		if !schema.namespaced {
			continue
		}
		p, unknown, err := policies(d.namespace(namespace))
		switch {
		case err != nil:
			return nil, err
		case unknown != "":
			wrong = append(wrong, d.finding(rulePolicy, "", unknown))
		default:
			wrong = append(wrong, denied(d, p)...)
		}
	}
	return wrong, nil
}

// kindSchema checks objects of one kind as the API server does.
type kindSchema struct {
	namespaced bool
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
	s.namespaced = definition.Spec.Scope == apiextensionsv1.NamespaceScoped
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

// check returns what the API server would refuse when the object is created. The order is the server's: metadata, unknown fields,
// nulls, defaults, then schema and rules.
func (s kindSchema) check(ctx context.Context, d document, namespace string) (wrong []finding) {
	object := runtime.DeepCopyJSON(d.object)
	meta, _, unknownMeta, err := objectmeta.GetObjectMetaWithOptions(object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return []finding{d.finding(ruleSchema, "metadata", "cannot be read: "+oneLine(err.Error()))}
	}
	unknown := pruning.PruneWithOptions(object, s.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range append(unknownMeta, unknown...) {
		wrong = append(wrong, d.finding(ruleSchema, path, "is no field of this kind"))
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object, s.structural)
	defaulting.Default(object, s.structural)
	var errs field.ErrorList
	if version, _ := object["apiVersion"].(string); version != v1alpha1.GroupVersion.String() {
		errs = append(errs, field.NotSupported(field.NewPath("apiVersion"), version, []string{v1alpha1.GroupVersion.String()}))
	}
	errs = append(errs, apivalidation.ValidateObjectMeta(s.created(meta, namespace), s.namespaced, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))...)
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

// created returns the metadata with the namespace that the object is created in, and without the one that the server ignores.
func (s kindSchema) created(meta *metav1.ObjectMeta, namespace string) *metav1.ObjectMeta {
	if meta == nil {
		meta = &metav1.ObjectMeta{}
	}
	meta.Namespace = cmp.Or(meta.Namespace, namespace)
	if !s.namespaced {
		meta.Namespace = ""
	}
	return meta
}
