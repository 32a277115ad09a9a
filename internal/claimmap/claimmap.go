// SPDX-License-Identifier: Apache-2.0

// Package claimmap makes claims of a client's own out of what it may know of a person: a name of a claim and an expression in
// the Common Expression Language. Both programs know it: the operator says what is wrong with an expression, the authorization
// server evaluates it.
package claimmap

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	lru "github.com/hashicorp/golang-lru/v2"
)

// Owner is a person as an expression sees them: owner.subject, owner.name, owner.displayName, owner.email and owner.groups. An
// expression that uses what the client may not know yields no claim. If it saw an empty value instead, people could choose what
// it yields: the scopes of a request travel through their browser.
type Owner struct {
	Subject string
	// Profile is set where the client may know Name and DisplayName.
	Profile           bool
	Name, DisplayName string
	// Mail is set where it may know Email, which is empty for people without an address.
	Mail  bool
	Email string
	// Member is set where it may know Groups.
	Member bool
	Groups []string
}

// variables are what an expression about the person sees.
func (o Owner) variables() map[string]any {
	known := map[string]any{"owner.subject": o.Subject}
	if o.Profile {
		known["owner.name"], known["owner.displayName"] = o.Name, o.DisplayName
	}
	if o.Mail {
		known["owner.email"] = o.Email
	}
	if o.Member {
		known["owner.groups"] = append([]string{}, o.Groups...)
	}
	return known
}

const (
	// costLimit bounds the work of an evaluation. One that looks at 100 groups costs about 1,000.
	costLimit = 50_000
	// maxText and maxItems bound what an expression may yield: a text in bytes, and a list.
	maxText, maxItems = 4096, 1000
	// maxExpression is the length of the longest expression in bytes, as the API has it.
	maxExpression = 1024
)

// reserved are the claims that no expression makes: what the protocol itself says (OpenID Connect Core §2, RFC 7519 §4.1,
// OpenID Connect Back-Channel Logout §2.4), and who the person is.
var reserved = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "azp", "auth_time", "nonce", "acr", "amr", "at_hash", "c_hash", "s_hash", "sid",
	"events", "cnf", "client_id", "scope", "_claim_names", "_claim_sources", "sub_jwk",
}

// Reserved reports whether no expression may make the claim. Letter case does not matter, because some programs read claims
// without regard to it.
func Reserved(claim string) bool { return slices.Contains(reserved, strings.ToLower(claim)) }

// Mapping makes one claim. Compile returns it.
type Mapping struct{ Claim, Expression string }

// Compile returns the mapping of a claim to an expression. An error says what the author has to change.
func Compile(claim, expression string) (Mapping, error) {
	if Reserved(claim) {
		return Mapping{}, fmt.Errorf("the claim %q is reserved: choose another name", claim)
	}
	if _, err := programOf(expression); err != nil {
		return Mapping{}, fmt.Errorf("the expression for the claim %q: %w", claim, err)
	}
	return Mapping{Claim: claim, Expression: expression}, nil
}

// programs are the expressions that were used last. A program takes about 8 KiB, and many clients have the same expressions.
var programs = newPrograms(512)

func newPrograms(size int) *lru.Cache[string, cel.Program] {
	cache, err := lru.New[string, cel.Program](size)
	if err != nil {
		panic(err) // size is not positive
	}
	return cache
}

func programOf(expression string) (cel.Program, error) {
	if program, known := programs.Get(expression); known {
		return program, nil
	}
	if len(expression) > maxExpression {
		return nil, fmt.Errorf("it is longer than %d bytes", maxExpression)
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(expression)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if kind := ast.OutputType(); !slices.ContainsFunc(results, kind.IsExactType) {
		return nil, fmt.Errorf("it yields %s; it must yield string, bool, int, double or list(string)", kind)
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptOptimize))
	if err == nil {
		programs.Add(expression, program)
	}
	return program, err
}

// results are the types that a claim can have.
var results = []*cel.Type{cel.StringType, cel.BoolType, cel.IntType, cel.DoubleType, cel.ListType(cel.StringType)}

// Value returns the claim about a person, ready for JSON: a string, a bool, an int64, a float64 or a []string. It fails where the
// expression does not fit the person, for instance because it takes a part of an address that is not there, and where the result
// or the work is too large.
func (m Mapping) Value(o Owner) (any, error) {
	program, err := programOf(m.Expression)
	if err != nil {
		return nil, fmt.Errorf("make the claim %q: %w", m.Claim, err)
	}
	out, _, err := program.Eval(o.variables())
	if err != nil {
		return nil, fmt.Errorf("make the claim %q: %w", m.Claim, err)
	}
	switch v := out.(type) {
	case types.String:
		if len(v) > maxText {
			return nil, fmt.Errorf("make the claim %q: the text is longer than %d bytes", m.Claim, maxText)
		}
		return string(v), nil
	case types.Double:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) { // JSON has neither
			return nil, fmt.Errorf("make the claim %q: the value is %v", m.Claim, float64(v))
		}
		return float64(v), nil
	case types.Bool, types.Int:
		return v.Value(), nil
	}
	list, err := out.ConvertToNative(reflect.TypeFor[[]string]())
	if err != nil {
		return nil, fmt.Errorf("make the claim %q: %w", m.Claim, err)
	}
	return bounded(m.Claim, list.([]string))
}

func bounded(claim string, list []string) (any, error) {
	if len(list) > maxItems {
		return nil, fmt.Errorf("make the claim %q: the list has more than %d items", claim, maxItems)
	}
	for _, item := range list {
		if len(item) > maxText {
			return nil, fmt.Errorf("make the claim %q: an item is longer than %d bytes", claim, maxText)
		}
	}
	return list, nil
}
