// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // every app knows HMAC-SHA-1 (RFC 6238 §1.2); HMAC does not need collision resistance
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// What every app takes without being told (RFC 6238 §4, RFC 4226 §5.3).
const (
	totpStep   = 30 * time.Second
	totpDigits = 6
	totpSecret = 20 // bytes (RFC 4226 §4, R6)
	// totpDrift is how many steps a clock may be off, to either side (RFC 6238 §5.2).
	totpDrift = 1
)

// totpCode returns the code for a time step (RFC 4226 §5.3).
func totpCode(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes all of it
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, number%1_000_000)
}

// stepAt returns the time step of a moment (RFC 6238 §4.2).
func stepAt(now time.Time) int64 { return now.Unix() / int64(totpStep/time.Second) }

// matchingStep returns the time step after the last one that was taken for which the code is right.
func matchingStep(secret []byte, code string, now time.Time, last int64) (step int64, ok bool) {
	for s := stepAt(now) - totpDrift; s <= stepAt(now)+totpDrift; s++ {
		if subtle.ConstantTimeCompare([]byte(totpCode(secret, s)), []byte(code)) == 1 && s > last {
			step, ok = s, true
		}
	}
	return step, ok
}

// isTOTPCode reports whether a code is one of an app, by its form.
func isTOTPCode(code string) bool {
	return len(code) == totpDigits && strings.Trim(code, "0123456789") == ""
}

// totpSecretOf returns the secret of a factor. Nothing of it is kept: a copy of the store opens nothing.
func (k *Keys) totpSecretOf(owner string, id Hash) []byte {
	sum := k.factorMAC("totp", owner, string(id[:]))
	return sum[:totpSecret]
}

// factorMAC derives what a factor needs from its names.
func (k *Keys) factorMAC(parts ...string) Hash {
	mac := hmac.New(sha256.New, k.factors.Bytes())
	mac.Write(framed(parts...))
	return Hash(mac.Sum(nil))
}

// totpURI returns what apps read from a QR code (the Key URI format, which all of them know).
func totpURI(issuer string, o Owner, secret string) string {
	part := func(text string) string { return strings.ReplaceAll(url.PathEscape(text), ":", "%3A") } // apps cut at the first colon
	label := part(issuer) + ":" + part(o.Name)
	return "otpauth://totp/" + label + "?secret=" + secret + "&issuer=" + url.QueryEscape(issuer)
}

var totpEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)
