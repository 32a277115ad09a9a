// SPDX-License-Identifier: Apache-2.0

// Package foreign lets clients that share no code with this repository, nor its language, use
// the whole: Python's oauthlib signs, a person allows, and an API behind package
// resourceserver takes what was signed. Everything is real HTTP over TLS, on loopback.
//
// Its test installs what it needs: where Debian's python3 cannot import requests_oauthlib, it
// runs
//
//	apt-get update && apt-get install python3-requests-oauthlib
//
// which needs root. Without that stack the test fails; it is never skipped.
package foreign
