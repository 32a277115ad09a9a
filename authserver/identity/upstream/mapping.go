// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
)

// ClaimMappings say what a person is made of, in the form of Kubernetes' AuthenticationConfiguration.
type ClaimMappings struct {
	Username Mapping `yaml:"username"`
	Groups   Mapping `yaml:"groups"`
	UID      Mapping `yaml:"uid"` // never changes, and is never given again
	// DisplayName and Email are for pages and applications.
	DisplayName Mapping `yaml:"displayName"`
	Email       Mapping `yaml:"email"`
}

// Mapping is a claim, or an expression over all claims.
type Mapping struct {
	Claim      string  `yaml:"claim"`
	Prefix     *string `yaml:"prefix"`
	Expression string  `yaml:"expression"`
}

// ClaimRule refuses people by their claims.
type ClaimRule struct {
	Claim         string `yaml:"claim"`
	RequiredValue string `yaml:"requiredValue"`
	Expression    string `yaml:"expression"`
	Message       string `yaml:"message"`
}

// UserRule refuses people by what was made of their claims.
type UserRule struct {
	Expression string `yaml:"expression"`
	Message    string `yaml:"message"`
}

const (
	// maxExpression and costLimit bound what a configuration can make a login cost.
	maxExpression = 4096
	costLimit     = 100_000
	variableUser  = "user"
	variable      = "claims"
)

func (m Mapping) empty() bool { return m.Claim == "" && m.Expression == "" }

func (m Mapping) or(claim string) Mapping {
	if m.empty() {
		m.Claim = claim
	}
	return m
}

// check is for mappings with their defaults.
func (m ClaimMappings) check(openID bool) (found []error) {
	for _, a := range []struct {
		key      string
		m        Mapping
		required bool
		prefix   bool
	}{
		{"username", m.Username, true, true}, {"groups", m.Groups, false, true}, {"uid", m.UID, true, false},
		{"displayName", m.DisplayName, false, false}, {"email", m.Email, false, false},
	} {
		if err := a.m.check(a.required, a.prefix); err != nil {
			found = append(found, fmt.Errorf("claimMappings.%s: %w", a.key, err))
		}
	}
	if openID && m.UID.Claim == "email" {
		found = append(found, errors.New("claimMappings.uid: a mail address is given to somebody else one day; take sub"))
	}
	return found
}

func (m Mapping) check(required, prefix bool) error {
	switch {
	case m.empty() && required:
		return errors.New("it is missing; say claim or expression")
	case m.Claim != "" && m.Expression != "":
		return errors.New("say claim or expression, one of the two")
	case m.Prefix != nil && (!prefix || m.Expression != ""):
		return errors.New("prefix is for the claims of username and groups; an expression adds its own")
	case m.Expression != "":
		_, err := compile(m.Expression, variable)
		return err
	}
	return nil
}

func (r ClaimRule) check() error {
	if (r.Claim == "") == (r.Expression == "") {
		return errors.New("say claim or expression, one of the two")
	}
	if r.Claim == "" && r.RequiredValue != "" {
		return errors.New("requiredValue goes with claim")
	}
	if r.Expression == "" {
		return nil
	}
	return checkBool(r.Expression, variable)
}

func (r UserRule) check() error { return checkBool(r.Expression, variableUser) }

func checkBool(expression, name string) error {
	if expression == "" {
		return errors.New("expression is missing")
	}
	e, err := compile(expression, name)
	if err == nil && !e.boolean {
		err = errors.New("the expression must yield true or false")
	}
	return err
}

// expression is one that was compiled.
type expression struct {
	program  cel.Program
	boolean  bool
	variable string
}

// compile prepares an expression over one variable, a map.
func compile(text, name string) (expression, error) {
	if len(text) > maxExpression {
		return expression{}, fmt.Errorf("the expression is longer than %d bytes", maxExpression)
	}
	env, err := cel.NewEnv(cel.Variable(name, cel.MapType(cel.StringType, cel.DynType)), ext.Strings(ext.StringsVersion(2)), ext.Sets(), ext.Lists(ext.ListsVersion(2)))
	if err != nil {
		return expression{}, err
	}
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return expression{}, fmt.Errorf("the expression: %w", err)
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit), cel.InterruptCheckFrequency(1000))
	if err != nil {
		return expression{}, fmt.Errorf("the expression: %w", err)
	}
	out := ast.OutputType()
	return expression{program, out.IsExactType(cel.BoolType) || out.IsExactType(cel.DynType), name}, nil
}

func (e expression) eval(ctx context.Context, input map[string]any) (any, error) {
	value, _, err := e.program.ContextEval(ctx, map[string]any{e.variable: input})
	if err != nil {
		return nil, err
	}
	return plain(value)
}

// holds reports whether a rule holds. One that cannot be evaluated does not.
func (e expression) holds(ctx context.Context, input map[string]any) (bool, error) {
	value, err := e.eval(ctx, input)
	if err != nil {
		return false, err
	}
	holds, ok := value.(bool)
	if !ok {
		return false, errors.New("the expression does not yield true or false")
	}
	return holds, nil
}

// mapper is a mapping that was compiled.
type mapper struct {
	claim, prefix string
	expression    *expression
}

func (m Mapping) mapper() (mapper, error) {
	out := mapper{claim: m.Claim}
	if m.Prefix != nil {
		out.prefix = *m.Prefix
	}
	if m.Expression != "" {
		e, err := compile(m.Expression, variable)
		if err != nil {
			return mapper{}, err
		}
		out.expression = &e
	}
	return out, nil
}

// value returns what a person has; nil: nothing.
func (m mapper) value(ctx context.Context, claims map[string]any) (any, error) {
	if m.expression != nil {
		return m.expression.eval(ctx, claims)
	}
	return claims[m.claim], nil
}

// text returns one text; empty: there is none. A whole number is its digits: IDs are.
func (m mapper) text(ctx context.Context, claims map[string]any) (string, error) {
	value, err := m.value(ctx, claims)
	if err != nil {
		return "", err
	}
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		if v == "" {
			return "", nil
		}
		return m.prefix + v, nil
	case int64:
		return m.prefix + strconv.FormatInt(v, 10), nil
	}
	return "", fmt.Errorf("it is a %T and not a text", value)
}

// texts returns a list of texts. One text is a list of one.
func (m mapper) texts(ctx context.Context, claims map[string]any) ([]string, error) {
	value, err := m.value(ctx, claims)
	if err != nil {
		return nil, err
	}
	var out []string
	switch v := value.(type) {
	case nil:
	case string:
		out = append(out, m.prefix+v)
	case []any:
		for _, one := range v {
			text, ok := one.(string)
			if !ok {
				return nil, fmt.Errorf("it holds a %T and not only texts", one)
			}
			out = append(out, m.prefix+text)
		}
	default:
		return nil, fmt.Errorf("it is a %T and not a list of texts", value)
	}
	return out, nil
}
