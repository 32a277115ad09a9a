// SPDX-License-Identifier: Apache-2.0

package authtest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 §1.2
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// TOTP returns what an app shows that was given the secret in base32 (RFC 6238 §4).
func TOTP(t testing.TB, secret string, now time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatalf("the secret of an app is not base32: %v", err)
	}
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(max(0, now.Unix()/30))) //nolint:gosec // not negative
	mac := hmac.New(sha1.New, key)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	offset := int(sum[19] & 15)
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[offset:offset+4])&0x7fffffff)%1000000)
}

// App is an app that shows codes, and what goes with it.
type App struct {
	Secret        string
	RecoveryCodes []string
	// Login is what the browser has in which the app was added.
	Login authserver.Login
}

// Enrol logs a person of the fixture in and gives them an app, and goes on to a moment at which it shows another code.
func (e *Env) Enrol(t testing.TB, name, password string) App {
	t.Helper()
	v := e.Visit(t, name, password)
	begun, err := e.Auth.BeginTOTP(t.Context(), v, "auth.example")
	if err != nil {
		t.Fatalf("begin to add an app: %v", err)
	}
	added, err := e.Auth.AddTOTP(t.Context(), v, begun.Ticket, TOTP(t, begun.Secret, e.Clock.Now()), "phone")
	if err != nil || added.Login == nil {
		t.Fatalf("add an app: %v", err)
	}
	e.Clock.Advance(time.Minute)
	return App{Secret: begun.Secret, RecoveryCodes: added.RecoveryCodes, Login: *added.Login}
}
