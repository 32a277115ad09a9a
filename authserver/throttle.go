// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"net/netip"
	"sync"
	"time"
)

// throttle slows password guessing down. Who guesses pays, nobody else:
//
//   - a browser that logged in as the owner before (device cookie) is counted by
//     itself, so nobody else can lock its owner out;
//   - anybody else is counted by account and address together: each failure beyond
//     the free ones doubles the wait;
//   - an address that fails at many accounts, and an account that fails from many
//     addresses, lose the free attempts. Neither is ever refused the first attempt at an
//     account from an address: people who share an address with a guesser can log in;
//   - names that differ in letter case alone are counted as one, because directories take them for one;
//   - logins that succeed are counted too, by browser or by account and address: beyond
//     the free ones there is one every few seconds.
//
// How many attempts are under way at a time is bounded by turns. It lives in memory, bounded: a restart forgives, and each replica counts for itself.
type throttle struct {
	mu      sync.Mutex
	entries map[string]*failures
}

type failures struct {
	count int
	last  time.Time // of the last failure
	until time.Time // no attempt before
	known bool      // the directory said that somebody has the name
}

const (
	maxFailureEntries = 20_000
	failureMemory     = time.Hour

	freePerPair      = 5
	loudAddress      = 30 // failures of an address that end its free attempts
	loudAccount      = 50 // failures of an account that end its free attempts
	freeLogins       = 100
	longestPairWait  = 15 * time.Minute
	longestLoginWait = 10 * time.Second
	longestShiftWait = 20 // 2^20 s is longer than every wait
)

func newThrottle() *throttle { return &throttle{entries: map[string]*failures{}} }

// attempt is one login under way. It counts as failed from its beginning, so that
// parallel guesses do not slip through. Success, or no answer, takes that back.
type attempt struct {
	t    *throttle
	keys []string // of failures; the first one is whoever tries, the others are shared
}

// countedAs returns who tries: a known browser, or an account from an address.
func countedAs(c Credentials, device string) string {
	if device != "" {
		return "device " + device
	}
	return "pair " + addressKey(c.Address) + " " + FoldName(c.Username)
}

// nameOf returns an owner with the name that was typed, if an attempt before showed that somebody has it.
func (t *throttle) nameOf(c Credentials, device string) Owner {
	t.mu.Lock()
	defer t.mu.Unlock()
	who := countedAs(c, device)
	for _, key := range []string{who, "logins of " + who} {
		if f := t.entries[key]; device != "" || f != nil && f.known {
			return Owner{Name: c.Username}
		}
	}
	return Owner{}
}

// delay returns how long to wait before an attempt is allowed; 0: it is now. It counts nothing.
func (t *throttle) delay(now time.Time, c Credentials, device string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waitOf(now, countedAs(c, device))
}

func (t *throttle) waitOf(now time.Time, who string) time.Duration {
	return max(t.wait(now, who), t.wait(now, "logins of "+who))
}

// begin counts an attempt, or returns how long to wait before one is allowed.
func (t *throttle) begin(now time.Time, c Credentials, device string) (*attempt, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	who := countedAs(c, device)
	if wait := t.waitOf(now, who); wait > 0 {
		return nil, wait
	}
	if device != "" {
		t.count(now, who, freePerPair, longestPairWait)
		return &attempt{t, []string{who}}, 0
	}
	address, account := "address "+addressKey(c.Address), "account "+FoldName(c.Username)
	free := freePerPair
	if t.failed(now, address) >= loudAddress || t.failed(now, account) >= loudAccount {
		free = 0
	}
	t.count(now, who, free, longestPairWait)
	t.count(now, address, maxFailureEntries, 0)
	t.count(now, account, maxFailureEntries, 0)
	return &attempt{t, []string{who, address, account}}, 0
}

// beginFactor counts an attempt to prove a second factor, or returns how long to wait before one is allowed. Whoever tries
// knows the password of the account.
func (t *throttle) beginFactor(now time.Time, account, device string) (*attempt, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	who := "factor of " + account
	if device != "" {
		who = "factor in " + device
	}
	if wait := t.wait(now, who); wait > 0 {
		return nil, wait
	}
	t.count(now, who, freePerPair, longestPairWait)
	return &attempt{t, []string{who}}, 0
}

// failed returns how many failures of a key are remembered.
func (t *throttle) failed(now time.Time, key string) int {
	f := t.entries[key]
	if f == nil || now.Sub(f.last) > failureMemory {
		return 0
	}
	return f.count
}

func (t *throttle) wait(now time.Time, key string) time.Duration {
	f := t.entries[key]
	if f == nil || !now.Before(f.until) {
		return 0
	}
	return f.until.Sub(now)
}

// count adds a failure. From the one after the free ones on, each doubles the wait.
func (t *throttle) count(now time.Time, key string, free int, longest time.Duration) {
	f := t.entries[key]
	if f == nil || now.Sub(f.last) > failureMemory {
		t.makeRoom(now)
		f = &failures{}
		t.entries[key] = f
	}
	f.count++
	f.last = now
	if over := f.count - free; over >= 0 {
		f.until = now.Add(min(time.Second<<min(over, longestShiftWait), longest))
	}
}

// makeRoom keeps the number of entries bounded: what is forgotten goes first, then
// anything. Whoever floods the table makes it forget failures, which costs
// them one failure for each entry.
func (t *throttle) makeRoom(now time.Time) {
	if len(t.entries) < maxFailureEntries {
		return
	}
	for key, f := range t.entries {
		if now.Sub(f.last) > failureMemory {
			delete(t.entries, key)
		}
	}
	for key := range t.entries {
		if len(t.entries) < maxFailureEntries*3/4 {
			return
		}
		delete(t.entries, key)
	}
}

// undecided takes the attempt back: the directory could not tell.
func (a *attempt) undecided() { a.takeBack(false) }

// succeeded forgets the failures of whoever logged in, takes this attempt off the counts
// that are shared with others, and counts the login.
func (a *attempt) succeeded(now time.Time) {
	a.takeBack(true)
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	logins := "logins of " + a.keys[0]
	a.t.count(now, logins, freeLogins, longestLoginWait)
	a.t.entries[logins].known = true
}

// failedForSomebody remembers that somebody has the name that was tried.
func (a *attempt) failedForSomebody() {
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	if f := a.t.entries[a.keys[0]]; f != nil {
		f.known = true
	}
}

func (a *attempt) takeBack(success bool) {
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	for n, key := range a.keys {
		f := a.t.entries[key]
		switch {
		case f == nil:
		case success && n == 0, f.count <= 1:
			delete(a.t.entries, key)
		default:
			f.count--
			f.until = time.Time{}
		}
	}
}

// addressKey groups addresses that one guesser has for free: an IPv4 address stands for
// itself, an IPv6 address for its /64.
func addressKey(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	a = a.Unmap()
	if a.Is4() {
		return a.String()
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
