// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

const (
	domainAuthentication = "gatehouse.dev/client-authentication/v1"
	// purposeAuthentication is the sub-key of the shared key for what stands in a status in place of a client secret.
	purposeAuthentication = "gatehouse.dev/client-authentication-key/v1"
)

// ProveAuthentication returns what proves to anybody who has the shared key that the operator said what is stated of an object
// without a client secret: HMAC-SHA256 (RFC 2104), as 43 characters of unpadded base64url. identity is the UID that the grants of
// the object are given to.
func ProveAuthentication(shared Key, identity string, stated []string) string {
	mac := hmac.New(sha256.New, shared.Sub(purposeAuthentication).bytes())
	mac.Write(frame(append([]string{domainAuthentication, identity}, stated...)...))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// VerifyAuthentication reports, in a time that does not depend on where they differ, whether proof is the one of what is stated.
func VerifyAuthentication(shared Key, identity string, stated []string, proof string) bool {
	return hmac.Equal([]byte(ProveAuthentication(shared, identity, stated)), []byte(proof))
}
