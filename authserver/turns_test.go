// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// slowDirectory checks one password at a time, in the order in which they came, and only
// when it is told to.
type slowDirectory struct {
	*authtest.Directory
	one chan struct{} // held while a password is checked
	go1 chan struct{} // one value lets one check end

	mu      sync.Mutex
	checked []string // names, in the order in which checks ended
}

func newSlowDirectory(d *authtest.Directory) *slowDirectory {
	return &slowDirectory{Directory: d, one: make(chan struct{}, 1), go1: make(chan struct{})}
}

func (d *slowDirectory) Authenticate(ctx context.Context, name, password string, lane authserver.Lane) (authserver.Owner, error) {
	d.one <- struct{}{}
	defer func() { <-d.one }()
	<-d.go1
	d.mu.Lock()
	d.checked = append(d.checked, name)
	d.mu.Unlock()
	return d.Directory.Authenticate(ctx, name, password, lane)
}

func (d *slowDirectory) names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.checked)
}

// logins are logins that are under way.
type logins struct {
	auth *authserver.Server
	all  sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

// begin begins a login, and returns when it waits or has ended.
func (l *logins) begin(ctx context.Context, c authserver.Credentials) {
	l.all.Go(func() {
		_, err := l.auth.Login(ctx, c)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.errs = append(l.errs, err)
	})
	synctest.Wait()
}

// ended counts the logins that have ended, by code; "" is success.
func (l *logins) ended() map[authserver.Code]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[authserver.Code]int{}
	for _, err := range l.errs {
		code := authserver.Code("")
		if e, ok := errors.AsType[authserver.Refusal](err); ok {
			code = e.Code()
		} else if err != nil {
			code = authserver.Code(err.Error())
		}
		out[code]++
	}
	return out
}

// slowly runs a test against an engine whose directory is slow.
func slowly(t *testing.T, run func(*testing.T, *logins, *slowDirectory, *authtest.Env)) {
	synctest.Test(t, func(t *testing.T) {
		env := authtest.New(t)
		d := newSlowDirectory(env.Directory)
		auth, err := authserver.New(authserver.Config{
			Clients: env.Clients, Directory: d, Entitlement: env.Entitlement, Store: env.Store, Auditor: env.Audit, Now: env.Clock.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		auth.UseKeys(env.Keys())
		l := &logins{auth: auth}
		run(t, l, d, env)
		close(d.go1)
		l.all.Wait()
	})
}

func right(name, address string) authserver.Credentials {
	password := map[string]string{authtest.Bob: authtest.BobPassword, authtest.Alice: authtest.AlicePassword}[name]
	return authserver.Credentials{Username: name, Password: password, Address: address}
}

func TestN83OneAccountFromOneAddressKeepsNobodyWaiting(t *testing.T) {
	for _, many := range []int{8, 16, 64, 1000} {
		slowly(t, func(t *testing.T, l *logins, d *slowDirectory, _ *authtest.Env) {
			for range many {
				l.begin(t.Context(), right(authtest.Bob, "127.6.6.6"))
			}
			if refused := l.ended()[authserver.TooManyAttempts]; refused != many-2 {
				t.Errorf("of %d logins %d are refused at once, want all but one that is checked and one that waits", many, refused)
			}
			l.begin(t.Context(), right(authtest.Alice, "127.7.7.7"))
			d.go1 <- struct{}{}
			d.go1 <- struct{}{}
			synctest.Wait()
			if got := d.names(); !slices.Contains(got, authtest.Alice) {
				t.Errorf("with %d at once: after two checks the other person was not checked: %v", many, got)
			}
		})
	}
}

func TestN83ManyAccountsFromOneAddressKeepNobodyElseWaiting(t *testing.T) {
	slowly(t, func(t *testing.T, l *logins, d *slowDirectory, _ *authtest.Env) {
		for n := range 500 {
			l.begin(t.Context(), authserver.Credentials{Username: fmt.Sprintf("user%d", n), Password: "x", Address: "127.6.6.6"})
		}
		if refused := l.ended()[authserver.TooManyAttempts]; refused != 500-1-16 {
			t.Errorf("%d of 500 are refused at once, want all but 17", refused)
		}
		l.begin(t.Context(), right(authtest.Alice, "127.7.7.7"))
		d.go1 <- struct{}{}
		d.go1 <- struct{}{}
		synctest.Wait()
		if got := d.names(); !slices.Contains(got, authtest.Alice) {
			t.Errorf("after two checks the other person was not checked: %v", got)
		}
	})
}

func TestN83OneAccountFromManyAddressesLeavesOthersTheirTurn(t *testing.T) {
	slowly(t, func(t *testing.T, l *logins, d *slowDirectory, _ *authtest.Env) {
		for n := range 200 {
			l.begin(t.Context(), right(authtest.Bob, fmt.Sprintf("127.6.6.%d", n)))
		}
		if refused := l.ended()[authserver.TooManyAttempts]; refused != 200-2-32 {
			t.Errorf("%d of 200 are refused at once, want all but 34", refused)
		}
		l.begin(t.Context(), right(authtest.Alice, "127.7.7.7"))
		for range 3 { // two of Bob's were with the directory before
			d.go1 <- struct{}{}
		}
		synctest.Wait()
		if got := d.names(); !slices.Contains(got, authtest.Alice) {
			t.Errorf("after three checks the other person was not checked: %v", got)
		}
	})
}

func TestN84AGuesserAtTheSameAddressLeavesSomebodyElseTheirTurn(t *testing.T) {
	slowly(t, func(t *testing.T, l *logins, d *slowDirectory, _ *authtest.Env) {
		for range 100 {
			l.begin(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: "guess", Address: "127.6.6.6"})
		}
		l.begin(t.Context(), right(authtest.Alice, "127.6.6.6"))
		for range 3 {
			d.go1 <- struct{}{}
			synctest.Wait()
		}
		if got := l.ended(); got[""] != 1 {
			t.Errorf("the right password at the guesser's address: %v, checked %v", got, d.names())
		}
	})
}

func TestN83AKnownBrowserHasALaneOfItsOwn(t *testing.T) {
	slowly(t, func(t *testing.T, l *logins, d *slowDirectory, env *authtest.Env) {
		before, err := env.Auth.Login(t.Context(), right(authtest.Bob, "127.1.1.1"))
		if err != nil {
			t.Fatal(err)
		}
		for n := range 600 { // more than there is room for
			l.begin(t.Context(), authserver.Credentials{Username: fmt.Sprintf("user%d", n), Password: "x", Address: fmt.Sprintf("127.6.%d.%d", n/200, n%200)})
		}
		for range 50 {
			l.begin(t.Context(), authserver.Credentials{Username: authtest.Bob, Password: "x", Address: "127.1.1.1"})
		}
		known := right(authtest.Bob, "127.1.1.1")
		known.Device = before.Device
		refused := len(l.errs)
		l.begin(t.Context(), known)
		if len(l.errs) != refused {
			t.Errorf("the known browser is refused: %v", l.errs[refused:])
		}
		_ = d
	})
}

func TestWhoGivesUpLeavesTheirPlaceInTheLine(t *testing.T) {
	slowly(t, func(t *testing.T, l *logins, d *slowDirectory, _ *authtest.Env) {
		l.begin(t.Context(), right(authtest.Bob, "127.6.6.6"))
		for range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			l.begin(ctx, right(authtest.Bob, "127.6.6.6"))
			cancel()
			synctest.Wait()
		}
		l.begin(t.Context(), right(authtest.Bob, "127.6.6.6"))
		if refused := l.ended()[authserver.TooManyAttempts]; refused != 0 {
			t.Errorf("%d are refused although only one waits", refused)
		}
		for range 2 {
			d.go1 <- struct{}{}
			synctest.Wait()
		}
		if got := l.ended()[""]; got != 2 {
			t.Errorf("%d logins succeeded, want 2: %v", got, l.ended())
		}
	})
}
