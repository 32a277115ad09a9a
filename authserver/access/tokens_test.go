// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/access"
	"github.com/gatehouse-dev/gatehouse/authserver/admin"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

const issuer = "https://auth.example.com"

// asker answers as it is told, and counts.
type asker struct {
	asked atomic.Int32
	err   error
	says  authenticationv1.TokenReviewStatus
}

func (a *asker) Token(_ context.Context, r *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) {
	a.asked.Add(1)
	return &authenticationv1.TokenReview{Spec: r.Spec, Status: a.says}, a.err
}

func reporter() authenticationv1.TokenReviewStatus {
	return authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: []string{issuer},
		User: authenticationv1.UserInfo{Username: "system:serviceaccount:photos:reporter", UID: "u"}}
}

func question(token string, ends time.Time) authserver.TokenQuestion {
	return authserver.TokenQuestion{Token: token, Audience: issuer, Namespace: "photos", Ends: ends}
}

func newTokens(a access.TokenAsker) (*access.Tokens, *clock) {
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	return access.NewTokens(access.TokensConfig{Asker: a, Log: slog.New(slog.DiscardHandler), Now: c.Now}), c
}

func TestN361WhileTheAPIServerIsAwayAGoodTokenIsBelievedForTenMinutesAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &asker{says: reporter()}
		tokens, c := newTokens(api)
		ends := c.Now().Add(time.Hour)
		wants := func(name, token string, asked int32, good bool) {
			t.Helper()
			username, uid, err := tokens.Review(t.Context(), question(token, ends))
			synctest.Wait() // for what is asked while nobody waits
			if err != nil || (username != "" && uid == "u") != good || api.asked.Load() != asked {
				t.Errorf("%s: %q %q %v after %d questions; want %t after %d", name, username, uid, err, api.asked.Load(), good, asked)
			}
		}
		unknown := func(name, token string) {
			t.Helper()
			if username, _, err := tokens.Review(t.Context(), question(token, ends)); !errors.Is(err, authserver.ErrUnavailable) || username != "" {
				t.Errorf("%s: %q, %v", name, username, err)
			}
		}
		wants("first", "a", 1, true)
		c.advance(4*time.Minute - time.Second)
		wants("before four minutes", "a", 1, true)
		c.advance(time.Minute + time.Second)
		wants("after five minutes", "a", 2, true)
		c.advance(4 * time.Minute)
		wants("after four minutes", "a", 3, true)
		api.err = errors.New("away")
		unknown("a token that nobody has asked about", "b")
		c.advance(9*time.Minute + 59*time.Second)
		wants("in an outage", "a", 5, true)
		wants("and again at once, without waiting", "a", 5, true)
		c.advance(time.Second)
		unknown("ten minutes after the answer", "a")

		api.err, api.says = nil, authenticationv1.TokenReviewStatus{Error: "expired"}
		wants("one that has become bad", "a", 7, false)
		wants("a bad one is not remembered", "a", 8, false)
		api.says = reporter()
		api.says.Audiences = nil
		wants("an API server that does not know audiences", "c", 9, false)
		api.says.Audiences = []string{"https://kubernetes.default.svc"}
		wants("another audience", "d", 10, false)

		api.says = reporter()
		wants("good again", "a", 11, true)
		c.advance(time.Minute)
		if username, _, err := tokens.Review(t.Context(), question("a", c.Now())); err != nil || username != "" {
			t.Errorf("at its end: %q, %v", username, err)
		}
		c.advance(-2 * time.Hour)
		if wants("after the clock was set back", "a", 12, true); t.Failed() {
			t.Log("an answer of the future is not used")
		}
	})
}

// Who has an answer in hand does not wait for the API server to give a newer one, be it slow or away.
func TestN361WhoHasAnAnswerAboutATokenWaitsForNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &slowAsker{asker: &asker{says: reporter()}}
		tokens, c := newTokens(api)
		began, ends := c.Now(), c.Now().Add(time.Hour)
		hold := func() (release func()) {
			api.release = make(chan struct{})
			return func() { close(api.release); synctest.Wait() }
		}
		wants := func(name string, at time.Duration, questions int32) {
			t.Helper()
			c.advance(began.Add(at).Sub(c.Now()))
			before := time.Now()
			username, _, err := tokens.Review(t.Context(), question("slow", ends))
			synctest.Wait()
			if waited := time.Since(before); err != nil || username == "" || waited != 0 || api.slow.Load() != questions {
				t.Errorf("%s: %q, %v after %s and %d questions; want %d", name, username, err, waited, api.slow.Load(), questions)
			}
		}
		hold()()
		wants("first", 0, 1)

		answers := hold()
		wants("four minutes later", 4*time.Minute, 2)
		wants("while that question is under way", 4*time.Minute+time.Second, 2)
		answers()
		wants("after its answer", 5*time.Minute, 2)

		fails := hold()
		wants("the API server is slow", 8*time.Minute, 3)
		api.err = errors.New("away")
		fails()
		fails = hold()
		wants("the API server is away, and is tried again", 8*time.Minute+time.Second, 4)
		wants("while it is tried", 8*time.Minute+2*time.Second, 4)
		fails()
		// It is tried often enough for nobody to wait, after the five minutes too.
		for n := range time.Duration(10) {
			fails = hold()
			wants("it is away", 8*time.Minute+(n+1)*9*time.Second, 5+int32(n))
			fails()
		}
		fails = hold()
		wants("it is tried once more", 9*time.Minute+39*time.Second, 15)
		api.err, api.says = nil, authenticationv1.TokenReviewStatus{Error: "its Pod is gone"}
		fails()
		if username, _, err := tokens.Review(t.Context(), question("slow", ends)); err != nil || username != "" {
			t.Errorf("the API server is back, and the Pod is gone: %q, %v", username, err)
		}
	})
}

// A failure does not make a token good for longer, unless the API server still gives no answer.
func TestN361ATokenIsGoodForFiveMinutesAlsoAfterAFailure(t *testing.T) {
	for name, row := range map[string]struct {
		failed, comes time.Duration
		good          bool
	}{
		"before the five minutes are over": {2 * time.Minute, 4*time.Minute - time.Second, true},
		"one failure":                      {2 * time.Minute, 5 * time.Minute, false},
		"nearly ten minutes":               {4 * time.Minute, 10*time.Minute - time.Second, false},
		"ten seconds later":                {5 * time.Minute, 5*time.Minute + 10*time.Second, false},
		"away, as a moment ago":            {5 * time.Minute, 5*time.Minute + 9*time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &asker{says: reporter()}
				tokens, c := newTokens(api)
				began, ends := c.Now(), c.Now().Add(time.Hour)
				review := func(at time.Duration, token string) (string, error) {
					c.advance(began.Add(at).Sub(c.Now()))
					username, _, err := tokens.Review(t.Context(), question(token, ends))
					return username, err
				}
				if username, err := review(0, "a"); err != nil || username == "" {
					t.Fatalf("a good token: %q, %v", username, err)
				}
				api.err = errors.New("away")
				if _, err := review(row.failed, "b"); !errors.Is(err, authserver.ErrUnavailable) {
					t.Fatalf("another token: %v", err)
				}
				api.err, api.says = nil, authenticationv1.TokenReviewStatus{Error: "its Pod is gone"}
				username, err := review(row.comes, "a")
				synctest.Wait()
				if err != nil || (username != "") != row.good {
					t.Errorf("%q, %v; want %t", username, err, row.good)
				}
			})
		})
	}
}

func TestN361AGoodTokenThatWasRefusedDoesNotComeBackInAnOutage(t *testing.T) {
	api := &asker{says: reporter()}
	tokens, c := newTokens(api)
	ends := c.Now().Add(time.Hour)
	review := func() (string, error) {
		username, _, err := tokens.Review(t.Context(), question("a", ends))
		return username, err
	}
	if username, err := review(); err != nil || username == "" {
		t.Fatalf("a good token: %q, %v", username, err)
	}
	c.advance(5 * time.Minute)
	api.says = authenticationv1.TokenReviewStatus{Error: "its Pod is gone"}
	if username, err := review(); err != nil || username != "" {
		t.Errorf("the Pod is gone: %q, %v", username, err)
	}
	c.advance(time.Minute)
	api.err = errors.New("away")
	for range 2 { // who finds out, and who knows
		if username, err := review(); !errors.Is(err, authserver.ErrUnavailable) || username != "" {
			t.Errorf("the API server is away: %q, %v", username, err)
		}
	}
}

// slowAsker keeps the questions about tokens that begin with "slow" until they are released, however long that takes.
type slowAsker struct {
	*asker
	slow    atomic.Int32
	release chan struct{}
}

func (a *slowAsker) Token(ctx context.Context, r *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) {
	if strings.HasPrefix(r.Spec.Token, "slow") {
		a.slow.Add(1)
		<-a.release
	}
	return a.asker.Token(ctx, r)
}

func TestN366ANamespaceHasTwoQuestionsWithTheAPIServerAndWaitsForNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &slowAsker{asker: &asker{says: reporter()}, release: make(chan struct{})}
		tokens, c := newTokens(api)
		ends := c.Now().Add(time.Hour)
		known := question("known", ends)
		if _, _, err := tokens.Review(t.Context(), known); err != nil {
			t.Fatal(err)
		}
		c.advance(5 * time.Minute)
		var all sync.WaitGroup
		for n := range 5 {
			all.Go(func() {
				// Only two are asked about; the others wait for three seconds, by the clock of the bubble.
				if _, _, err := tokens.Review(t.Context(), question(fmt.Sprint("slow", n), ends)); err != nil && !errors.Is(err, authserver.ErrUnavailable) {
					t.Errorf("a slow one: %v", err)
				}
			})
		}
		synctest.Wait()
		other := question("other", ends)
		other.Namespace = "books"
		if username, _, err := tokens.Review(t.Context(), other); err != nil || username == "" || api.slow.Load() != 2 {
			t.Errorf("a token of another namespace, beside %d questions of one: %q, %v", api.slow.Load(), username, err)
		}
		later, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		<-later.Done()
		synctest.Wait()
		if api.slow.Load() != 2 {
			t.Errorf("%d questions of one namespace", api.slow.Load())
		}
		// That some were not asked is no outage: an answer that can be had is waited for.
		api.says = authenticationv1.TokenReviewStatus{Error: "its Pod is gone"}
		known.Namespace = "books"
		if username, _, err := tokens.Review(t.Context(), known); err != nil || username != "" {
			t.Errorf("a token that has become bad, while some wait: %q, %v", username, err)
		}
		close(api.release)
		all.Wait()
	})
}

func TestN366WhoIsSentForgedTokensHasTheAPIServerAskedOnceASecond(t *testing.T) {
	api := &asker{says: reporter()}
	tokens, c := newTokens(api)
	ends := c.Now().Add(time.Hour)
	review := func(namespace, token string) (string, error) {
		q := question(token, ends)
		q.Namespace = namespace
		username, _, err := tokens.Review(t.Context(), q)
		return username, err
	}
	if username, err := review("photos", "good"); err != nil || username == "" {
		t.Fatalf("a good token: %q, %v", username, err)
	}
	api.says = authenticationv1.TokenReviewStatus{Error: "forged"}
	forged := func(n int) (refused, notAsked int) {
		before := api.asked.Load()
		for i := range n {
			switch username, err := review("photos", fmt.Sprint("forged ", c.Now(), i)); {
			case username != "":
				t.Errorf("a forged token is of %q", username)
			case err == nil:
				refused++
			case errors.Is(err, authserver.ErrUnavailable):
				notAsked++
			default:
				t.Errorf("a forged token: %v", err)
			}
		}
		if asked := int(api.asked.Load() - before); asked != refused {
			t.Errorf("%d questions for %d refusals", asked, refused)
		}
		return refused, notAsked
	}
	if refused, notAsked := forged(100); refused != 30 || notAsked != 70 {
		t.Errorf("at once: %d refused, %d not asked about", refused, notAsked)
	}
	c.advance(2 * time.Second)
	if refused, notAsked := forged(10); refused != 2 || notAsked != 8 {
		t.Errorf("two seconds later: %d refused, %d not asked about", refused, notAsked)
	}
	api.says = reporter()
	if username, err := review("photos", "good"); err != nil || username == "" {
		t.Errorf("a good token meanwhile: %q, %v", username, err)
	}
	if username, err := review("books", "new"); err != nil || username == "" {
		t.Errorf("a new token of another namespace: %q, %v", username, err)
	}
	c.advance(time.Second)
	for n := range 100 { // good ones cost nothing
		if username, err := review("photos", fmt.Sprint("new", n)); err != nil || username == "" {
			t.Fatalf("new good tokens: %q, %v", username, err)
		}
	}
}

// With the API server's own tokens.
func TestN362ATokenIsGoodForItsAudienceAndWhileItsServiceAccountIsThere(t *testing.T) {
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	api, err := admin.NewReviews(env.Config)
	if err != nil {
		t.Fatal(err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "reporter"}}
	if err := env.Client.Create(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	token := func(audiences ...string) string {
		t.Helper()
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences}}
		if err := env.Client.SubResource("token").Create(t.Context(), account, request); err != nil {
			t.Fatal(err)
		}
		return request.Status.Token
	}
	review := func(token string) (string, string) {
		t.Helper()
		tokens, c := newTokens(api) // that remember nothing
		username, uid, err := tokens.Review(t.Context(), question(token, c.Now().Add(time.Hour)))
		if err != nil {
			t.Fatal(err)
		}
		return username, uid
	}
	good := token(issuer)
	username, uid := review(good)
	if username != "system:serviceaccount:"+namespace+":reporter" || uid != string(account.UID) {
		t.Fatalf("a good token is of %q %q", username, uid)
	}
	for name, bad := range map[string]string{"of the API server": token(), "of another audience": token("https://other.example.com"), "cut": good[:len(good)-2], "none": "x"} {
		if username, _ := review(bad); username != "" {
			t.Errorf("%s: it is of %q", name, username)
		}
	}
	if err := env.Client.Delete(t.Context(), account); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "the token ends with its ServiceAccount", func() bool {
		username, _ := review(good)
		return username == ""
	})
}
