// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"strings"
	"testing"
)

// Who takes a way to install that leaves something out is told in the notes, and how to have it where that can be.
func TestTheNotesSayWhatIsMissing(t *testing.T) {
	const missing, remedy = "\n   There is no admin endpoint: kubectl gatehouse grants, revoke, why, explain and get --last-used fail", "expose.backendProtocol HTTPS brings it."
	for _, row := range []struct {
		values       string
		says, brings bool
	}{
		{"", false, false},
		{"expose: {type: Ingress}\n" + behindAProxy, true, true},
		{"expose: {type: HTTPRoute, gateway: {parentRefs: [{name: public}]}}\n" + behindAProxy, true, true},
		{"expose: {type: Ingress, backendProtocol: HTTPS}\n" + behindAProxy, false, false},
		{"namespaces: {list: [shop]}", true, false},
		{"expose: {type: Ingress}\nnamespaces: {list: [shop]}\n" + behindAProxy, true, false},
	} {
		stdout, stderr, err := helm(t, withIssuer(row.values), "install", "gatehouse", "charts/gatehouse", "--dry-run=client", "--values", "-")
		_, notes, found := strings.Cut(stdout, "\nNOTES:\n")
		if err != nil || !found {
			t.Fatalf("%s: %v\n%s", row.values, err, stderr)
		}
		if strings.Contains(notes, missing) != row.says || strings.Contains(notes, remedy) != row.brings {
			t.Errorf("with %s the notes are\n%s", row.values, notes)
		}
	}
}
