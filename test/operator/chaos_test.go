// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// disorder is how much goes wrong.
type disorder struct {
	apps  int     // clients, each with a life of its own
	kills int     // of the operator
	rate  float64 // of requests that fail
	// between is how many requests there are at most from one kill to the next, and from the
	// start of an operator to its end.
	between int
}

// N183 and N184, the short form: see TestChaosOperator for the long one.
func TestN183N184AKilledOperatorMintsNothingTwiceAndRefusesNoSecret(t *testing.T) {
	t.Parallel()
	disturb(t, disorder{apps: 24, kills: 4, rate: 0.1, between: 120})
}

// chaos is an operator that is killed again and again while apps are created, reset, changed
// and deleted.
type chaos struct {
	*installation
	ledger *ledger
	via    *proxy
	server string // URL of the authorization server
	random *rand.Rand
	apps   []*app

	killsLeft atomic.Int64
	logins    atomic.Int64

	mu     sync.Mutex
	wanted map[types.UID]int // how many credentials each client has to have been given
}

func disturb(t *testing.T, d disorder) {
	t.Helper()
	i := install(t)
	random := seeded(t)
	c := &chaos{installation: i, ledger: i.watchAll(), via: i.newProxy("operator", random), random: random, wanted: map[types.UID]int{}}
	c.killsLeft.Store(int64(d.kills))
	c.server = i.startAuthserver()
	ctx, cancel := context.WithTimeout(t.Context(), limit*time.Duration(1+d.kills/20))
	defer cancel()
	c.via.disturb(d.rate)
	over := c.live(ctx, d)
	last := c.supervise(ctx, d, over)
	c.via.calm()
	c.settled(ctx)
	i.stop(last)
	t.Logf("%d logins of apps; faults by kind: %v", c.logins.Load(), c.via.injected())
	if c.killsLeft.Load() > 0 || slices.Contains(c.via.injectedFaults(), 0) {
		t.Errorf("%d kills are left; faults by kind: %v", c.killsLeft.Load(), c.via.injected())
	}
	c.right()
}

// injectedFaults are the counts of the faults without that of none.
func (p *proxy) injectedFaults() []int {
	counts := p.injected()
	return counts[1:]
}

// supervise starts an operator whenever there is none, has it killed at some request, and ends
// when over is closed. It returns the operator that runs then.
func (c *chaos) supervise(ctx context.Context, d disorder, over <-chan struct{}) *operator {
	c.t.Helper()
	for {
		o := c.startOperator("operator", c.via)
		c.t.Cleanup(o.kill)
		if c.killsLeft.Load() > 0 {
			c.via.killAfter(20+c.via.intN(d.between-20), func() {
				o.kill()
				c.killsLeft.Add(-1)
			})
		} else {
			c.via.killAfter(0, nil)
		}
		select {
		case <-o.Done(): // killed, or it lost the lease because too many requests for it failed
			c.must(c.endLease(ctx))
		case <-over:
			return o
		case <-ctx.Done():
			c.t.Fatal(context.Cause(ctx))
		}
	}
}

func (p *proxy) intN(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.random.IntN(n)
}

// live begins the lives of all apps. over is closed when all have ended.
func (c *chaos) live(ctx context.Context, d disorder) (over <-chan struct{}) {
	done := make(chan struct{})
	var group sync.WaitGroup
	for n := range d.apps {
		a := &app{c: c, key: client.ObjectKey{Namespace: c.teams[n%len(c.teams)], Name: fmt.Sprintf("app-%d", n)}}
		a.random = rand.New(rand.NewPCG(c.random.Uint64(), uint64(n)))
		c.apps = append(c.apps, a)
		group.Go(func() {
			if err := a.live(ctx, n); err != nil {
				c.t.Errorf("%s: %v", a.key, err)
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.logIn(ctx, done)
	}()
	go func() {
		group.Wait()
		close(done)
	}()
	c.t.Cleanup(func() { <-ended })
	return done
}

// logIn has the apps authenticate, one after the other, until done is closed.
func (c *chaos) logIn(ctx context.Context, done <-chan struct{}) {
	pace := time.NewTicker(10 * time.Millisecond) // leaves the machine to the others
	defer pace.Stop()
	for n := 0; ; n++ {
		select {
		case <-pace.C:
			c.apps[n%len(c.apps)].logIn(ctx)
		case <-done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// settled waits until every client that is left is ready, and the Secrets of the others are
// gone.
func (c *chaos) settled(ctx context.Context) {
	c.t.Helper()
	c.must(c.ledger.await(ctx, "every client is ready and has one Secret", func(l *ledger) bool {
		return l.countIssued() == len(l.clients) && len(l.ownedSecrets()) == len(l.clients)
	}))
}

// right checks the end.
func (c *chaos) right() {
	c.t.Helper()
	c.ledger.check(c.t, c.sharedKey(), func(uid types.UID) int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.wanted[uid]
	})
	for _, a := range c.apps {
		if a.working == "" {
			continue
		}
		if status, err := c.authenticate(c.t.Context(), a.key, a.working); err != nil || status != http.StatusOK {
			c.t.Errorf("%s: the server answers %d (%v) at the end", a.key, status, err)
		}
	}
}

// want notes that a client is given one more credential.
func (c *chaos) want(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted[uid]++
}

// authenticate asks the authorization server whether it takes the client secret: the app asks
// about a token that there is not.
func (c *chaos) authenticate(ctx context.Context, key client.ObjectKey, secret string) (status int, err error) {
	form := strings.NewReader(url.Values{"token": {"none"}}.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server+"/oauth2/introspect", form)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(key.Namespace+"."+key.Name, secret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// app is one client and the application that uses its Secret.
type app struct {
	c      *chaos
	key    client.ObjectKey
	random *rand.Rand
	uid    types.UID
	resets int

	mu      sync.Mutex
	working string // the client secret that the server has taken; empty: none at the moment
}

// logIn authenticates with a secret that worked before. It must work again.
func (a *app) logIn(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.working == "" {
		return
	}
	status, err := a.c.authenticate(ctx, a.key, a.working)
	switch {
	case ctx.Err() != nil:
	case err != nil || status != http.StatusOK:
		a.c.t.Errorf("%s: N184: a client secret that worked was answered with %d (%v)", a.key, status, err)
	default:
		a.c.logins.Add(1)
	}
}

// retire says that the client secret will end.
func (a *app) retire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.working = ""
}

// steps are what can happen to an app.
var steps = []func(*app, context.Context) error{(*app).reset, (*app).reset, (*app).rename, (*app).loseSecret, (*app).recreate}

// live is the life of an app: it is created, much happens to it, and every third one is
// deleted. It goes on as long as operators are killed.
func (a *app) live(ctx context.Context, n int) error {
	if err := a.create(ctx); err != nil {
		return err
	}
	for step := 0; step < 2 || a.c.killsLeft.Load() > 0; step++ {
		if err := steps[a.random.IntN(len(steps))](a, ctx); err != nil {
			return err
		}
	}
	if n%3 == 0 {
		return a.delete(ctx)
	}
	return nil
}

func (a *app) create(ctx context.Context) error {
	oc := a.c.draft(slices.Index(a.c.teams[:], a.key.Namespace), a.key.Name)
	if err := a.c.Client.Create(ctx, oc); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	a.uid = oc.UID
	a.c.want(a.uid)
	return a.works(ctx)
}

// works waits until the client is ready, reads its Secret, and waits until the server takes it.
func (a *app) works(ctx context.Context) error {
	var secret string
	err := a.c.ledger.await(ctx, "the client is ready", func(l *ledger) (ready bool) {
		secret, ready = l.issued(a.key, a.uid)
		return ready
	})
	if err != nil {
		return err
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		status, err := a.c.authenticate(ctx, a.key, secret)
		if err != nil {
			return err
		}
		if status == http.StatusOK {
			break // until then the server may not have seen the status
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("the server answers %d: %w", status, context.Cause(ctx))
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.working != "" && a.working != secret {
		return errors.New("the Secret holds another client secret, and nobody asked for one")
	}
	a.working = secret
	return nil
}

func (a *app) patch(ctx context.Context, change func(*v1alpha1.OAuthClient)) error {
	oc := &v1alpha1.OAuthClient{}
	if err := a.c.Client.Get(ctx, a.key, oc); err != nil {
		return fmt.Errorf("read the client: %w", err)
	}
	before := oc.DeepCopy()
	change(oc)
	if err := a.c.Client.Patch(ctx, oc, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("change the client: %w", err)
	}
	return a.c.ledger.await(ctx, "the change is seen", func(l *ledger) bool {
		now := l.clients[a.key]
		return now != nil && now.Generation >= oc.Generation &&
			now.Annotations[v1alpha1.AnnotationResetCredentials] == oc.Annotations[v1alpha1.AnnotationResetCredentials]
	})
}

func (a *app) reset(ctx context.Context) error {
	a.retire()
	a.resets++
	a.c.want(a.uid)
	err := a.patch(ctx, func(oc *v1alpha1.OAuthClient) {
		oc.Annotations = map[string]string{v1alpha1.AnnotationResetCredentials: fmt.Sprint(a.resets)}
	})
	if err != nil {
		return err
	}
	return a.works(ctx)
}

// rename moves the Secret to another name. Its content stays.
func (a *app) rename(ctx context.Context) error {
	err := a.patch(ctx, func(oc *v1alpha1.OAuthClient) {
		oc.Spec.Credentials.SecretName = v1alpha1.SecretName(fmt.Sprintf("%s-%d", a.key.Name, a.random.IntN(1000)))
	})
	if err != nil {
		return err
	}
	return a.works(ctx)
}

// loseSecret deletes the Secret. The same content comes back.
func (a *app) loseSecret(ctx context.Context) error {
	oc := &v1alpha1.OAuthClient{}
	if err := a.c.Client.Get(ctx, a.key, oc); err != nil {
		return fmt.Errorf("read the client: %w", err)
	}
	key := client.ObjectKey{Namespace: a.key.Namespace, Name: oc.Status.SecretName}
	secret := &corev1.Secret{}
	if err := a.c.Client.Get(ctx, key, secret); err != nil {
		return fmt.Errorf("read the Secret: %w", err)
	}
	if err := a.c.Client.Delete(ctx, secret); err != nil {
		return fmt.Errorf("delete the Secret: %w", err)
	}
	err := a.c.ledger.await(ctx, "the Secret is another one", func(l *ledger) bool {
		return l.secrets[key] != nil && l.secrets[key].UID != secret.UID
	})
	if err != nil {
		return err
	}
	return a.works(ctx)
}

// recreate deletes the client and creates it again: it is another client with another secret.
func (a *app) recreate(ctx context.Context) error {
	a.retire()
	a.resets = 0
	if err := a.c.Client.Delete(ctx, a.c.draft(slices.Index(a.c.teams[:], a.key.Namespace), a.key.Name)); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return a.create(ctx)
}

// delete deletes the client for good. Its secret is refused, and its Secret goes.
func (a *app) delete(ctx context.Context) error {
	a.mu.Lock()
	secret := a.working
	a.working = ""
	a.mu.Unlock()
	if err := a.c.Client.Delete(ctx, a.c.draft(slices.Index(a.c.teams[:], a.key.Namespace), a.key.Name)); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		status, err := a.c.authenticate(ctx, a.key, secret)
		if err != nil {
			return err
		}
		if status == http.StatusUnauthorized {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("the server takes the secret of a client that is gone: %w", context.Cause(ctx))
		}
	}
}
