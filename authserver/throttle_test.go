// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
	"testing"
	"time"
)

const bobsAddress, guessersAddress = "192.0.2.1", "203.0.113.7"

// guess makes wrong attempts until one has to wait, and returns how many were let through.
func guess(t *throttle, now time.Time, user, address, device string, most int) int {
	for n := range most {
		if _, wait := t.begin(now, Credentials{Username: user, Address: address}, device); wait > 0 {
			return n
		}
	}
	return most
}

func TestN60GuessesAtOneAccountFromOneAddressAreSlowed(t *testing.T) {
	th := newThrottle()
	if let := guess(th, moment, "bob", guessersAddress, "", 100); let != freePerPair {
		t.Fatalf("%d guesses went through at once, want %d", let, freePerPair)
	}
	day, through := moment.Add(24*time.Hour), 0
	for now := moment; now.Before(day); now = now.Add(time.Second) {
		through += guess(th, now, "bob", guessersAddress, "", 100)
	}
	if through > 150 {
		t.Errorf("%d guesses went through in a day", through)
	}
}

func TestN60TheOwnerIsNotLockedOutByAStranger(t *testing.T) {
	th := newThrottle()
	for n := range 300 {
		guess(th, moment, "bob", fmt.Sprintf("203.0.113.%d", n%250), "", 100)
	}
	if _, wait := th.begin(moment, Credentials{Username: "bob", Address: bobsAddress}, ""); wait > 0 {
		t.Errorf("from an address that never failed, the owner waits %s", wait)
	}
	guess(th, moment, "bob", bobsAddress, "", 100)
	if _, wait := th.begin(moment, Credentials{Username: "bob", Address: bobsAddress}, "bobs-laptop"); wait > 0 {
		t.Errorf("from the guesser's own address but a known browser, the owner waits %s", wait)
	}
}

func TestN60AnAddressThatTriesManyAccountsHasNoFreeAttempts(t *testing.T) {
	th := newThrottle()
	through := 0
	for n := range 1000 {
		through += guess(th, moment, fmt.Sprintf("user%d", n), guessersAddress, "", 100)
	}
	free := loudAddress / freePerPair // accounts that were guessed at freely
	if want := free*freePerPair + 1000 - free; through != want {
		t.Errorf("%d guesses went through, want %d: after %d failures one for each account", through, want, loudAddress)
	}
}

// One guesser tries four accounts a second; Bob, at the same address in a new browser, tries
// every seven seconds for ten minutes.
func TestN84AGuesserAtTheSameAddressStopsNobodyElse(t *testing.T) {
	th := newThrottle()
	for second := range 600 {
		now := moment.Add(time.Duration(second) * time.Second)
		for n := range 4 {
			guess(th, now, fmt.Sprintf("user%d", second*4+n), bobsAddress, "", 1)
		}
		guess(th, now, "alice", bobsAddress, "", 4)
		if second%7 != 0 {
			continue
		}
		a, wait := th.begin(now, Credentials{Username: "bob", Address: bobsAddress}, "")
		if wait > 0 {
			t.Fatalf("after %d seconds Bob has to wait %s", second, wait)
		}
		a.succeeded(now)
	}
}

func TestN83LoginsThatSucceedAreCountedToo(t *testing.T) {
	for name, device := range map[string]string{"a new browser": "", "a known browser": "bobs-laptop"} {
		th := newThrottle()
		through := 0
		hour := moment.Add(time.Hour)
		for now := moment; now.Before(hour); now = now.Add(100 * time.Millisecond) {
			if a, wait := th.begin(now, Credentials{Username: "bob", Address: bobsAddress}, device); wait == 0 {
				a.succeeded(now)
				through++
			}
		}
		if most := 500; through > most {
			t.Errorf("%s: %d logins in an hour, want at most %d", name, through, most)
		}
		if _, wait := th.begin(hour, Credentials{Username: "bob", Address: guessersAddress}, ""); wait > 0 {
			t.Errorf("%s: from another address Bob waits %s", name, wait)
		}
		if _, wait := th.begin(hour, Credentials{Username: "alice", Address: bobsAddress}, ""); wait > 0 {
			t.Errorf("%s: Alice waits %s", name, wait)
		}
	}
}

func TestN60AnAccountUnderAttackHasNoFreeAttempts(t *testing.T) {
	th := newThrottle()
	for n := range loudAccount {
		guess(th, moment, "bob", fmt.Sprintf("198.51.100.%d", n), "", 1)
	}
	if let := guess(th, moment, "bob", guessersAddress, "", 100); let != 1 {
		t.Errorf("%d guesses went through from a new address, want 1", let)
	}
}

func TestN60AddressesOfOneIPv6NetworkAreOne(t *testing.T) {
	th := newThrottle()
	through := 0
	for n := range 100 {
		through += guess(th, moment, "bob", fmt.Sprintf("2001:db8:0:1::%x", n), "", 1)
	}
	if through != freePerPair {
		t.Errorf("%d guesses went through, want %d", through, freePerPair)
	}
}

func TestParallelGuessesCountBeforeTheyAreAnswered(t *testing.T) {
	th := newThrottle()
	c := Credentials{Username: "bob", Address: guessersAddress}
	under := 0
	for range 50 {
		if _, wait := th.begin(moment, c, ""); wait == 0 {
			under++
		}
	}
	if under != freePerPair {
		t.Errorf("%d logins were under way at once, want %d", under, freePerPair)
	}
}

func TestALoginForgetsTheFailuresBeforeIt(t *testing.T) {
	th := newThrottle()
	guess(th, moment, "bob", bobsAddress, "", freePerPair-1)
	a, wait := th.begin(moment, Credentials{Username: "bob", Address: bobsAddress}, "")
	if wait > 0 {
		t.Fatal("the last free attempt has to wait")
	}
	a.succeeded(moment)
	if let := guess(th, moment, "bob", bobsAddress, "", 100); let != freePerPair {
		t.Errorf("after a login %d attempts are free, want %d", let, freePerPair)
	}
}

func TestAnAttemptWithoutAnAnswerIsNotCounted(t *testing.T) {
	th := newThrottle()
	for range 100 {
		a, wait := th.begin(moment, Credentials{Username: "bob", Address: bobsAddress}, "")
		if wait > 0 {
			t.Fatal("an attempt had to wait although none has failed")
		}
		a.undecided()
	}
}

func TestTheThrottleIsBounded(t *testing.T) {
	th := newThrottle()
	for n := range maxFailureEntries {
		th.begin(moment, Credentials{Username: fmt.Sprintf("user%d", n), Address: fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255)}, "")
	}
	if len(th.entries) > maxFailureEntries {
		t.Errorf("%d entries, at most %d are promised", len(th.entries), maxFailureEntries)
	}
}
