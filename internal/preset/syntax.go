// SPDX-License-Identifier: Apache-2.0

package preset

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Syntax is how a file spells a value and a list of values, so that its reader gets them as they are.
// ok is false for what it cannot spell.
type Syntax struct {
	one  func(value string) (text string, ok bool)
	list func(values []string) (text string, ok bool)
	// limits says what it cannot spell, in words that may follow a colon.
	limits string
}

// plain is for a reader that takes the text as it is.
var plain = Syntax{
	one:  func(value string) (string, bool) { return value, true },
	list: func(values []string) (string, bool) { return strings.Join(values, " "), true },
}

// commas is as plain, with commas in a list.
var commas = Syntax{
	one: plain.one,
	list: func(values []string) (string, bool) {
		for _, value := range values {
			if strings.Contains(value, ",") {
				return "", false
			}
		}
		return strings.Join(values, ","), true
	},
	limits: "a list that is separated by commas has no way to write a comma",
}

// yaml writes each value as a JSON string, which YAML 1.2 takes (§1.3) and YAML 1.1 too.
var yaml = Syntax{
	one:  func(value string) (string, bool) { return asJSON(value), true },
	list: func(values []string) (string, bool) { return asJSON(values), true },
}

// springYAML is YAML whose values Spring reads again for ${...}.
var springYAML = Syntax{
	one: func(value string) (string, bool) { return asJSON(value), !strings.Contains(value, "${") },
	list: func(values []string) (string, bool) {
		return asJSON(values), !strings.Contains(strings.Join(values, " "), "${")
	},
	limits: "Spring replaces what begins with ${",
}

// env is what a shell and the readers of .env files take alike: single quotes, in which nothing is
// replaced, or double quotes around a text in which nothing can be. Of what else can be written, each reader takes
// something else.
var env = Syntax{
	one: quoteEnv,
	list: func(values []string) (string, bool) {
		return quoteEnv(strings.Join(values, " "))
	},
	limits: `a shell and other readers of .env files do not agree how to write a backslash, a line break, or a ' beside one of " $ and ` + "`",
}

func quoteEnv(value string) (string, bool) {
	switch {
	case strings.ContainsAny(value, "\\\r\n"):
		return "", false
	case !strings.Contains(value, "'"):
		return "'" + value + "'", true
	default:
		return `"` + value + `"`, !strings.ContainsAny(value, "\"$`")
	}
}

func asJSON(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // strings can always be written
	}
	return strings.TrimSuffix(out.String(), "\n")
}
