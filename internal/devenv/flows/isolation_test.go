// SPDX-License-Identifier: Apache-2.0

package flows

import "testing"

func TestTheSentenceOfARefusalIsWhatAPersonReads(t *testing.T) {
	for _, c := range []struct{ name, said, want string }{
		{"an admission policy", "exit status 1\n" + `The oauthclients "trick" is invalid: : ValidatingAdmissionPolicy 'p' with binding 'p' denied request: ` +
			"spec.consent must not be Skip\n", "spec.consent must not be Skip"},
		{"a schema", `The OAuthClient "trick" is invalid: spec.clientID: Invalid value`, "spec.clientID: Invalid value"},
		{"a role", `Error from server (Forbidden): namespaces "n" is forbidden: User "mallory" cannot patch resource "namespaces"`,
			`User "mallory" cannot patch resource "namespaces"`},
		{"something else", "connection refused", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sentence(c.said); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
