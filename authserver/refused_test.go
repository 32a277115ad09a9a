// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

func all(*authserver.RefusedRequest) bool { return true }

// of counts what is remembered of each client.
func of(m *authserver.Refusals, now time.Time) (count map[string]int, size int) {
	count = map[string]int{}
	for _, r := range m.List(now, all) {
		count[r.ClientUID]++
		size++
	}
	return count, size
}

// N371: a client that is refused without end, or many of them, take a bounded place and push nobody else out.
func TestN371NoClientPushesOutWhatIsRememberedOfOthers(t *testing.T) {
	m, now := authserver.NewRefusals(), authtest.Start
	refuse := func(uid string, n int) {
		for k := range n {
			m.Remember(authserver.RefusedRequest{RequestID: fmt.Sprint(uid, "-", k), ClientUID: uid, At: now})
		}
	}
	refuse("quiet", 1)
	refuse("loud", 10_000)
	refuse("", 10_000)
	count, _ := of(m, now)
	if count["quiet"] != 1 || count["loud"] != 64 || count[""] != 256 {
		t.Errorf("%v are remembered", count)
	}
	for n := range 100 {
		refuse(fmt.Sprint("loud", n), 1000)
	}
	count, size := of(m, now)
	if count["quiet"] != 1 || size != 2048 {
		t.Errorf("of %d, %d are the quiet client's", size, count["quiet"])
	}
	for n := range 5000 {
		refuse(fmt.Sprint("once", n), 1)
	}
	if _, size := of(m, now); size != 2048 {
		t.Errorf("%d are remembered", size)
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// N371: what is remembered takes less than 8 MiB, whatever it was cut from, and whoever was refused before.
func TestN371TheMemoryOfRefusalsTakesLessThanEightMiB(t *testing.T) {
	refuse := func(m *authserver.Refusals, uid string) {
		query := strings.Repeat("x", 4<<10) // the whole request
		values := strings.SplitAfterN(query[:8*64], strings.Repeat("x", 64), 8)
		m.Remember(authserver.RefusedRequest{
			RequestID: query[:200], At: authtest.Start, ClientUID: query[:8] + uid, Owner: query, Description: query[1:], Reason: query[2:],
			Mismatch: authserver.MismatchDetail{Is: authserver.CallbackDiffers, Asked: append(values, query), Declared: append(values[:3:3], query, query)},
		})
	}
	for name, fill := range map[string]func(*authserver.Refusals){
		"few clients": func(m *authserver.Refusals) {
			for n := range 2048 {
				refuse(m, fmt.Sprint(n%32))
			}
		},
		"clients that were refused often before": func(m *authserver.Refusals) {
			for n := range 300 {
				for range 64 {
					refuse(m, fmt.Sprint(n))
				}
			}
		},
	} {
		m, before := authserver.NewRefusals(), heap()
		fill(m)
		took := heap() - before
		if _, size := of(m, authtest.Start); size != 2048 || took >= 8<<20 {
			t.Errorf("%s: %d entries take %d bytes", name, size, took)
		}
		runtime.KeepAlive(m)
	}
}

func TestARefusalIsForgottenAfterADay(t *testing.T) {
	m, now := authserver.NewRefusals(), authtest.Start
	m.Remember(authserver.RefusedRequest{RequestID: "1", ClientUID: "c", At: now})
	if _, size := of(m, now.Add(authserver.RefusedMemory-1)); size != 1 {
		t.Error("it is forgotten too early")
	}
	if _, size := of(m, now.Add(authserver.RefusedMemory)); size != 0 {
		t.Error("it is remembered")
	}
}

// N372: what came with a request is cleaned and cut before it is remembered.
func TestN372WhatIsRememberedIsCleanAndShort(t *testing.T) {
	m, long := authserver.NewRefusals(), strings.Repeat("x", 1<<16)
	evil := "a\x1b[31m\n\"`b\u2028\u202e"
	m.Remember(authserver.RefusedRequest{
		RequestID: "id" + long, Owner: evil + long, Description: evil, Reason: long, At: authtest.Start,
		Mismatch: authserver.MismatchDetail{Asked: append([]string{evil}, make([]string, 100)...), Declared: []string{long}},
	})
	r := m.List(authtest.Start, all)[0]
	for _, value := range append([]string{r.RequestID, r.Owner, r.Description, r.Reason}, append(r.Mismatch.Asked, r.Mismatch.Declared...)...) {
		if len(value) > 256 || strings.ContainsAny(value, "\x1b\n\u2028\u202e") {
			t.Errorf("%q is remembered", value)
		}
	}
	if len(r.Mismatch.Asked) != 8 || r.Mismatch.Asked[7] != "..." || strings.ContainsAny(r.Mismatch.Asked[0], "\"`") {
		t.Errorf("asked %q", r.Mismatch.Asked)
	}
}

func asMismatch(err error) (authserver.MismatchDetail, bool) {
	e, ok := errors.AsType[authserver.MismatchError](err)
	return e.Detail(), ok
}

func TestARefusalSaysHowTheRequestDiffers(t *testing.T) {
	s := newFixture(t)
	for name, row := range map[string]struct {
		edit  func(*authserver.AuthorizeRequest)
		is    authserver.Mismatch
		asked string
	}{
		"callback": {func(r *authserver.AuthorizeRequest) { r.Callback = "https://user:word@other.example/cb?token=abc#d" }, authserver.CallbackDiffers,
			"https://...@other.example/cb?..."},
		"no callback of several": {func(r *authserver.AuthorizeRequest) { r.Callback = "com.example.app:/cb?secret" }, authserver.CallbackDiffers, "com.example.app:/cb?..."},
		"challenge":              {func(r *authserver.AuthorizeRequest) { r.CodeChallenge = "" }, authserver.ChallengeMissing, ""},
		"scope":                  {func(r *authserver.AuthorizeRequest) { r.Scopes = []string{"photos.read", "photos.burn"} }, authserver.ScopeNotAllowed, "photos.burn"},
	} {
		r := photoPrint()
		row.edit(&r)
		_, err := s.Auth.Authorize(t.Context(), r)
		e, ok := asMismatch(err)
		if !ok || e.Is != row.is || strings.Join(e.Asked, " ") != row.asked {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
}

// N326: whatever is in a callback, neither user info nor a query of it is remembered. Programs differ in where user info ends.
func TestN326NoCredentialInACallbackIsRemembered(t *testing.T) {
	s := newFixture(t)
	for asked, want := range map[string]string{
		"https://other.example:8443/cb":           "https://other.example:8443/cb",
		"https://user:pa/ss@other.example/cb":     "https://...",
		"https://user:12/ss@other.example/cb":     "https://...@other.example/cb",
		"https://user:pa@ss@other.example/cb?a=b": "https://...@other.example/cb?...",
		"https:user:pass@other.example/cb":        "https:...@other.example/cb",
		"https:/user:pass@other.example/cb":       "https:/...@other.example/cb",
		"HTTPS:user:pass@other.example/cb":        "HTTPS:...@other.example/cb",
		"//user:pass@other.example/cb":            "//...@other.example/cb",
		"user:pass@other.example/cb":              "...@other.example/cb",
		"user@other.example":                      "...@other.example",
		"https://user:12?ss@other.example/cb":     "https://...",
		"https://user:12#ss@other.example/cb":     "https://...",
		"https://user:pass%40other.example/cb":    "https://...",
		"https:user:pass%2540other.example/cb":    "https:...@other.example/cb",
		"https:\\\\user:pass@other.example/cb":    "https:...",
		"https://user:pass\uff20other.example/cb": "https://...",
		"https://user:p ss@other.example/cb":      "https://...",
		"https://user:pa%zz@other.example/cb":     "https://...",
		"com.example.app:/cb":                     "com.example.app:/cb",
		"urn:ietf:wg:oauth:2.0:oob":               "urn:ietf:wg:oauth:2.0:oob",
		"other.example/cb":                        "other.example/cb",
		"https://other.example/@user/cb":          "https://...@user/cb",
	} {
		r := photoPrint()
		r.Callback = asked
		_, err := s.Auth.Authorize(t.Context(), r)
		if e, ok := asMismatch(err); !ok || strings.Join(e.Asked, " ") != want {
			t.Errorf("%s: %+v, %v, want %s", asked, e.Asked, err, want)
		}
	}
}
