// SPDX-License-Identifier: Apache-2.0

package claimmap

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var anna = Owner{
	Subject: "abcdefghijklmnopqrstuvwx23", Profile: true, Mail: true, Member: true, Name: "anna", DisplayName: "Anna Berg", Email: "Anna.Berg@Example.com",
	Groups: []string{"team-a", "team-b", "staff"},
}

func TestAnExpressionMakesAClaim(t *testing.T) {
	for expression, want := range map[string]any{
		`owner.name`:                             "anna",
		`owner.email.split("@")[0].lowerAscii()`: "anna.berg",
		`numericID(owner.subject)`:               NumericID(anna.Subject),
		`"staff" in owner.groups`:                true,
		`1.5`:                                    1.5,
		`owner.groups.filter(g, g.startsWith("team-"))`:            []string{"team-a", "team-b"},
		`owner.groups.map(g, "corp:" + g)`:                         []string{"corp:team-a", "corp:team-b", "corp:staff"},
		`"admins" in owner.groups ? "Admin" : "Viewer"`:            "Viewer",
		`owner.displayName == "" ? owner.name : owner.displayName`: "Anna Berg",
	} {
		m, err := Compile("login", expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got, err := m.Value(anna); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v; want %v", expression, got, err, want)
		}
	}
}

func TestAnExpressionThatCannotBeUsedIsRefusedWithTheReason(t *testing.T) {
	for _, c := range []struct{ claim, expression, want string }{
		{"login", `owner.name +`, "Syntax error"},
		{"login", `owner.password`, "undeclared reference"},
		{"login", `person.name`, "undeclared reference"},
		{"login", `{"a": owner.name}`, "must yield string"},
		{"login", `[1, 2]`, "must yield string"},
		{"login", `dyn(owner.name)`, "must yield string"},
		{"login", `"` + strings.Repeat("a", maxExpression) + `"`, "longer than 1024 bytes"},
		{"sub", `owner.name`, "reserved"},
		{"aud", `owner.name`, "reserved"},
		{"acr", `owner.name`, "reserved"},
		{"EXP", `owner.name`, "reserved"},
	} {
		if _, err := Compile(c.claim, c.expression); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %.40s: got %v, want %q", c.claim, c.expression, err, c.want)
		}
	}
}

// What a namespace may write must not take the memory or the time of the server.
func TestN295AnExpressionIsBounded(t *testing.T) {
	many := Owner{Profile: true, Mail: true, Member: true, Name: strings.Repeat("n", 256), Groups: make([]string, 1000)}
	for i := range many.Groups {
		many.Groups[i] = strings.Repeat("g", 100)
	}
	for _, c := range []struct{ expression, want string }{
		{`owner.groups.all(a, owner.groups.all(b, owner.groups.all(c, a == b && b == c)))`, "cost limit"},
		{`owner.groups.map(a, owner.groups.map(b, a + b).size() == 0 ? a : a)`, "cost limit"},
		{`owner.name` + strings.Repeat(`+owner.name`, 20), "longer than 4096 bytes"},
		{`(owner.name` + strings.Repeat(`+owner.name`, 20) + `).split("n")`, "more than 1000 items"},
		{`owner.name.split("")`, "needs a separator"},
		{`owner.email.split("@")[1]`, "index out of bounds"},
		{`owner.groups[1000]`, "index out of bounds"},
		{`1.0 / 0.0`, "the value is +Inf"},
		{`double("NaN")`, "the value is NaN"},
		{`numericID(owner.email)`, "needs a text"},
	} {
		m, err := Compile("c", c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		if got, err := m.Value(many); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %.40v, %v; want %q", c.expression, got, err, c.want)
		}
	}
	if _, err := Compile("c", strings.Repeat("(", 500)+"1"+strings.Repeat(")", 500)); err == nil {
		t.Error("an expression with 500 parentheses was compiled")
	}
}

func TestANumberOfATextIsPositiveAndStaysTheSame(t *testing.T) {
	if got := NumericID("abcdefghijklmnopqrstuvwx23"); got != NumericID("abcdefghijklmnopqrstuvwx23") || got < 1 || got >= 1<<53 {
		t.Errorf("got %d", got)
	}
	if NumericID("a") == NumericID("b") {
		t.Error("two texts have the same number")
	}
}

// The API refuses the same names, so that the author hears of it when the object is applied.
func TestTheAPIKnowsWhatIsReserved(t *testing.T) {
	crd, err := os.ReadFile("../../config/crd/bases/gatehouse.dev_oauthclients.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(strings.Join(strings.Fields(string(crd)), " "), "''", "'") // as YAML reads it
	_, rule, found := strings.Cut(text, "!(self.lowerAscii() in ['iss'")
	rule, _, ended := strings.Cut(rule, "])")
	if !found || !ended {
		t.Fatal("the rule for the names of claims is not in the CRD")
	}
	names := regexp.MustCompile(`'([a-z_]+)'`).FindAllStringSubmatch("'iss'"+rule, -1)
	if len(names) != len(reserved) {
		t.Errorf("the API refuses %d names, this package %d", len(names), len(reserved))
	}
	for _, name := range names {
		if !Reserved(name[1]) {
			t.Errorf("%s is not reserved here", name[1])
		}
	}
}
