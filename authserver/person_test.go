// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func TestASubjectIsTheDigestThatItsCommentSays(t *testing.T) {
	// printf 'users\0001001' | sha256sum | xxd -r -p | base32 | cut -c 1-26 | tr A-Z a-z
	if got := authserver.SubjectOf("users", "1001"); got != "kclcz2ugpb3ipntsghx3vmz7vf" {
		t.Errorf("SubjectOf(users, 1001) = %s", got)
	}
	if authserver.SubjectOf("users1", "001") == authserver.SubjectOf("users", "1001") {
		t.Error("key and ID run together")
	}
}

func FuzzNoSubjectLooksLikeAClients(f *testing.F) {
	f.Add("users", "1001")
	f.Add("client:", "client:")
	form := regexp.MustCompile(`^[a-z2-7]{26}$`)
	f.Fuzz(func(t *testing.T, key, id string) {
		subject := authserver.SubjectOf(key, id)
		if !form.MatchString(subject) || strings.HasPrefix(subject, "client:") || subject == authserver.ClientSubject(id) {
			t.Errorf("SubjectOf(%q, %q) = %s", key, id, subject)
		}
	})
}
