// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	policyfile "github.com/gatehouse-dev/gatehouse/config/policy"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// finding is what is wrong with an object.
type finding struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Object  string `json:"object,omitempty"`
	Field   string `json:"field,omitempty"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// The rules of findings.
const (
	ruleSyntax = "syntax"
	ruleSchema = "schema"
	rulePolicy = "policy"
)

func (d document) finding(rule, field, message string) finding {
	return finding{File: d.file, Line: d.line, Object: d.kind() + "/" + d.name(), Field: field, Rule: rule, Message: message}
}

func (o *options) policy() *cobra.Command {
	c := &cobra.Command{
		Use: "policy", Short: "Work with OAuthClientPolicies",
		RunE: func(*cobra.Command, []string) error { return usagef("say what: kubectl gatehouse policy check") },
	}
	file, policyFile := "", ""
	check := &cobra.Command{
		Use: "check -f FILE", Short: "Say what the policy of a namespace denies of a file",
		Long: "Say what the policy of the namespace denies of the OAuthClients and ResourceServers of a file, by the same evaluation that operator and server use. The policy comes\n" +
			"from the cluster, unless --policy-file names one; an object that names a namespace has the policy of that one. What is no object of Gatehouse's kinds is said as by\n" +
			"lint, for no policy can judge it. The exit status is 1 where something is wrong.",
		Example: `  kubectl gatehouse policy check -f photoprint.yaml --namespace photos
  kubectl gatehouse policy check -f . --namespace photos --policy-file policy.yaml -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("name a file or a folder with -f; - is standard input")
			}
			found, wrong, err := readAll(file, o.In)
			if err != nil {
				return err
			}
			namespace, _, err := o.config.Namespace()
			if err != nil {
				return readable(err)
			}
			policies, err := o.policiesFor(c, policyFile)
			if err != nil {
				return err
			}
			more, err := judge(c.Context(), found, namespace, policies)
			if err != nil {
				return err
			}
			return o.report(found, append(wrong, more...))
		},
	}
	check.Flags().StringVarP(&file, "filename", "f", "", "file or folder with the objects; - is standard input")
	check.Flags().StringVar(&policyFile, "policy-file", "", "file with the OAuthClientPolicy, instead of that of the cluster")
	c.AddCommand(o.withOutput(check, "json", "yaml", "sarif"))
	return c
}

// policiesFor returns what reads the policy of a namespace: the one of the file, or else the cluster's, once for each namespace.
func (o *options) policiesFor(c *cobra.Command, file string) (policyReader, error) {
	if file != "" {
		p, err := readPolicy(file)
		return func(namespace string) (policy.Policy, string, error) {
			p.Namespace = namespace
			return p, "", nil
		}, err
	}
	cluster := sync.OnceValues(o.cluster) // files without objects need none
	known := map[string]policy.Policy{}
	return func(namespace string) (policy.Policy, string, error) {
		p, is := known[namespace]
		if is {
			return p, "", nil
		}
		reader, err := cluster()
		if err != nil {
			return p, "", err
		}
		p, err = policyOf(c.Context(), reader, namespace)
		known[namespace] = p
		return p, "", err
	}, nil
}

// policyOf reads the policy of a namespace from the cluster.
func policyOf(ctx context.Context, cluster client.Reader, name string) (policy.Policy, error) {
	namespace := &corev1.Namespace{}
	if err := cluster.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return policy.Policy{}, fmt.Errorf("which policy namespace %q has is not known; give it as --policy-file: %w", name, readable(err))
	}
	p := policy.Policy{Name: policy.NameFor(namespace.Labels), Namespace: name}
	object := &v1alpha1.OAuthClientPolicy{}
	switch err := cluster.Get(ctx, client.ObjectKey{Name: p.Name}, object); {
	case apierrors.IsNotFound(err): // nothing is allowed, and the evaluation says so
	case err != nil:
		return p, fmt.Errorf("read the OAuthClientPolicy %q; or give it as --policy-file: %w", p.Name, readable(err))
	default:
		p.Spec = &object.Spec
	}
	return p, nil
}

func readPolicy(file string) (policy.Policy, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return policy.Policy{}, usagef("--policy-file: %w", err)
	}
	p, err := parsePolicy(text)
	if err != nil {
		return p, usagef("--policy-file %s: %w", file, err)
	}
	return p, nil
}

func parsePolicy(text []byte) (policy.Policy, error) {
	object := &v1alpha1.OAuthClientPolicy{}
	if err := yaml.UnmarshalStrict(text, object); err != nil {
		return policy.Policy{}, err
	}
	if object.Kind != "OAuthClientPolicy" {
		return policy.Policy{}, fmt.Errorf("it holds a %q where an OAuthClientPolicy belongs", object.Kind)
	}
	return policy.Policy{Name: object.Name, Spec: &object.Spec}, nil
}

// shippedPolicy is the policy that an installation begins with.
func shippedPolicy() (policy.Policy, error) { return parsePolicy(policyfile.Default) }

// denied returns what the policy denies of an object.
func denied(d document, p policy.Policy) (wrong []finding) {
	var denials []policy.Denial
	switch d.kind() {
	case v1alpha1.KindOAuthClient:
		oc := &v1alpha1.OAuthClient{}
		if err := d.into(oc); err != nil {
			return []finding{d.finding(ruleSchema, "", firstLine(err.Error()))}
		}
		denials = p.Client(&oc.Spec)
	case v1alpha1.KindResourceServer:
		rs := &v1alpha1.ResourceServer{}
		if err := d.into(rs); err != nil {
			return []finding{d.finding(ruleSchema, "", firstLine(err.Error()))}
		}
		denials = p.ResourceServer(&rs.Spec)
	}
	for _, denial := range denials {
		wrong = append(wrong, d.finding(rulePolicy, denial.Field, denial.Message+" (OAuthClientPolicy "+denial.Policy+")"))
	}
	return wrong
}

// report writes the findings. The error is errFound if there are any.
func (o *options) report(checked []document, wrong []finding) error {
	objects := 0
	for _, d := range checked {
		if d.kind() != "" {
			objects++
		}
	}
	var err error
	switch o.output {
	case "":
		for _, f := range wrong {
			fmt.Fprintln(o.Out, oneLine(f.String()))
		}
		end := o.good("nothing to say")
		if len(wrong) > 0 {
			end = o.bad(fmt.Sprintf("%d findings", len(wrong)))
		}
		fmt.Fprintf(o.Out, "%d objects of Gatehouse: %s\n", objects, end)
	case "sarif":
		err = writeSARIF(o.Out, wrong)
	default:
		if wrong == nil {
			wrong = []finding{}
		}
		err = o.print(map[string]any{"objects": objects, "findings": wrong}, table{})
	}
	if err == nil && len(wrong) > 0 {
		err = errFound
	}
	return err
}

func (f finding) String() string {
	text := f.File
	if f.Line > 0 {
		text += fmt.Sprintf(":%d", f.Line)
	}
	if f.Object != "" {
		text += ": " + f.Object
	}
	if f.Field != "" {
		return text + ": " + f.Field + " " + f.Message
	}
	return text + ": " + f.Message
}
