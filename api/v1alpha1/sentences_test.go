// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// kinds are all kinds of the group.
var kinds = []string{"OAuthClient", "ResourceServer", "OAuthClientPolicy"}

// customResourceDefinition reads the definition of a kind.
func customResourceDefinition(t *testing.T, kind string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	for _, file := range files(t, "../../config/crd/bases/*.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, crd); err != nil {
			t.Fatal(err)
		}
		if crd.Spec.Names.Kind == kind {
			return crd
		}
	}
	t.Fatalf("no file of config/crd/bases defines %s", kind)
	return nil
}

func TestTheTestsKnowEveryKind(t *testing.T) {
	if got := len(files(t, "../../config/crd/bases/*.yaml")); got != len(kinds) {
		t.Errorf("config/crd/bases has %d files, the tests know %d kinds", got, len(kinds))
	}
}

// messages collects the sentences that the CEL rules of the schema can say.
func messages(t *testing.T, s *apiextensionsv1.JSONSchemaProps) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, rule := range s.XValidations {
		if rule.MessageExpression == "" {
			found[rule.Message] = true
			continue
		}
		sentences, err := sentencesOf(rule.MessageExpression)
		if err != nil {
			t.Errorf("%v in the messageExpression %s", err, rule.MessageExpression)
		}
		for _, sentence := range sentences {
			found[sentence] = true
		}
	}
	for _, below := range schemasBelow(s) {
		for message := range messages(t, below) {
			found[message] = true
		}
	}
	return found
}

// schemasBelow are the schemas of fields, items and values.
func schemasBelow(s *apiextensionsv1.JSONSchemaProps) []*apiextensionsv1.JSONSchemaProps {
	var below []*apiextensionsv1.JSONSchemaProps
	for _, p := range s.Properties {
		below = append(below, &p)
	}
	if s.Items != nil {
		below = append(below, s.Items.Schema)
	}
	if s.AdditionalProperties != nil {
		below = append(below, s.AdditionalProperties.Schema)
	}
	return below
}

// sentencesOf returns the sentences of an expression of the form condition ? 'sentence' : condition ? 'sentence' : 'sentence'.
// Outside all parentheses, each ? and : of such an expression is followed by a sentence or by the next condition.
func sentencesOf(expression string) (sentences []string, err error) {
	depth, questions := 0, 0
	before := byte(':') // the last character outside of literals that is no blank
	for i := 0; i < len(expression); i++ {
		switch c := expression[i]; c {
		case ' ':
			continue
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '?':
			if depth == 0 {
				questions++
			}
		case '\'', '"':
			raw := i > 0 && expression[i-1] == 'r' && before == 'r'
			end := endOfLiteral(expression, i, raw)
			if end < 0 {
				return nil, fmt.Errorf("a literal has no end")
			}
			after := strings.TrimLeft(expression[end+1:], " ")
			if depth == 0 && (before == '?' || before == ':') && (after == "" || after[0] == ':') {
				sentences = append(sentences, expression[i+1:end])
			}
			i = end
		}
		before = expression[i]
	}
	if len(sentences) != questions+1 || depth != 0 {
		return nil, fmt.Errorf("%d sentences stand after %d conditions", len(sentences), questions)
	}
	return sentences, nil
}

// endOfLiteral returns where the literal that begins at start ends, or -1.
func endOfLiteral(expression string, start int, raw bool) int {
	for i := start + 1; i < len(expression); i++ {
		if expression[i] == '\\' && !raw {
			i++
		} else if expression[i] == expression[start] {
			return i
		}
	}
	return -1
}

func TestTheSentencesOfAMessageExpressionAreFound(t *testing.T) {
	for _, test := range []struct {
		name, expression string
		want             []string
	}{
		{"one", `'all of it'`, []string{"all of it"}},
		{"a chain", `a == 'x' ? 'first one' : b.matches(r'^\') ? 'second: or what?' : 'last'`, []string{"first one", "second: or what?", "last"}},
		{"a condition in parentheses", `!((p == "" ? 'OAuth2' : p) == 'OAuth1') ? 'yes' : 'no'`, []string{"yes", "no"}},
		{"an escaped backslash", `self.contains('\\') ? 'yes' : 'no'`, []string{"yes", "no"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := sentencesOf(test.expression)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	for _, expression := range []string{`a ? 'b' : self.name`, `a ? b : 'c'`, `'a' + 'b'`, `a ? 'b' + c : 'd'`, `'a`} {
		if got, err := sentencesOf(expression); err == nil {
			t.Errorf("%s is read as %q", expression, got)
		}
	}
}
