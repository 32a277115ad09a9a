// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// A value that does nothing where only chosen namespaces are served, or beside another installation, is refused there with a sentence:
// nobody believes that it counts.
func TestNoValueIsInVain(t *testing.T) {
	for name, mode := range map[string]struct {
		values string
		// fulfilled are values whose wish is fulfilled without them.
		fulfilled []string
	}{
		"chosen namespaces":    {"namespaces: {list: [shop]}", []string{"sharedObjects: false"}},
		"another installation": {"sharedObjects: false", nil},
	} {
		plain := map[bool]string{}
		for replicas, values := range map[bool]string{false: "", true: onPostgres} {
			stdout, stderr, err := helm(t, withIssuer(values+mode.values), "template", "gatehouse", "charts/gatehouse", "--values", "-")
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, stderr)
			}
			plain[replicas] = stdout
		}
		tried := map[string]bool{}
		for _, r := range rows {
			var own, of map[string]any
			if err := yaml.Unmarshal([]byte(r.values), &own); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte(mode.values), &of); err != nil {
				t.Fatal(err)
			}
			for key := range of {
				if _, both := own[key]; both {
					tried[r.values] = true // it is a value of the mode itself
				}
			}
			if tried[r.values] {
				continue
			}
			tried[r.values] = true
			for _, values := range mode.fulfilled {
				if r.values == values {
					r.values = ""
				}
			}
			if r.values == "" {
				continue
			}
			t.Run(name+" "+r.values, func(t *testing.T) {
				t.Parallel()
				stdout, stderr, err := helm(t, withIssuer(strings.TrimSuffix(r.values, "\n")+"\n"+mode.values), "template", "gatehouse", "charts/gatehouse", "--values", "-")
				if err != nil {
					for key := range own {
						if strings.Contains(stderr, "\n  "+key) {
							return // a problem of one of these values
						}
					}
					t.Errorf("%v\n%s", err, stderr)
				}
				if stdout == plain[strings.HasPrefix(r.values, onPostgres) && r.values != onPostgres] {
					t.Error("these values do nothing, and nobody is told")
				}
			})
		}
	}
}
