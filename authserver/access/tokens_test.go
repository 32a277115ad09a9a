// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/access"
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

func newTokens(a access.TokenAsker) (*access.Tokens, *clock) {
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	return access.NewTokens(access.TokensConfig{Asker: a, Log: slog.New(slog.DiscardHandler), Now: c.Now}), c
}

func TestN361WhileTheAPIServerIsAwayAGoodTokenIsBelievedForTenMinutesAndNoOther(t *testing.T) {
	api := &asker{says: reporter()}
	tokens, c := newTokens(api)
	ends := c.Now().Add(time.Hour)
	wants := func(name, token string, asked int32, good bool) {
		t.Helper()
		username, uid, err := tokens.Review(t.Context(), token, issuer, ends)
		if err != nil || (username != "" && uid == "u") != good || api.asked.Load() != asked {
			t.Errorf("%s: %q %q %v after %d questions; want %t after %d", name, username, uid, err, api.asked.Load(), good, asked)
		}
	}
	unknown := func(name, token string) {
		t.Helper()
		if username, _, err := tokens.Review(t.Context(), token, issuer, ends); !errors.Is(err, authserver.ErrUnavailable) || username != "" {
			t.Errorf("%s: %q, %v", name, username, err)
		}
	}
	wants("first", "a", 1, true)
	c.advance(5*time.Minute - time.Second)
	wants("before five minutes", "a", 1, true)
	c.advance(time.Second)
	wants("after five minutes", "a", 2, true)
	api.err = errors.New("away")
	unknown("a token that nobody has asked about", "b")
	c.advance(9*time.Minute + 59*time.Second)
	wants("in an outage", "a", 4, true)
	wants("and again at once, without waiting", "a", 4, true)
	c.advance(time.Second)
	unknown("ten minutes after the answer", "a")

	api.err, api.says = nil, authenticationv1.TokenReviewStatus{Error: "expired"}
	wants("one that has become bad", "a", 6, false)
	wants("a bad one is not remembered", "a", 7, false)
	api.says = reporter()
	api.says.Audiences = nil
	wants("an API server that does not know audiences", "c", 8, false)
	api.says.Audiences = []string{"https://kubernetes.default.svc"}
	wants("another audience", "d", 9, false)

	api.says = reporter()
	wants("good again", "a", 10, true)
	c.advance(time.Minute)
	if username, _, err := tokens.Review(t.Context(), "a", issuer, c.Now()); err != nil || username != "" {
		t.Errorf("at its end: %q, %v", username, err)
	}
	c.advance(-2 * time.Hour)
	if wants("after the clock was set back", "a", 11, true); t.Failed() {
		t.Log("an answer of the future is not used")
	}
}

// With the API server's own tokens.
func TestN362ATokenIsGoodForItsAudienceAndWhileItsServiceAccountIsThere(t *testing.T) {
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	api, err := access.NewTokenAsker(env.Config)
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
		username, uid, err := tokens.Review(t.Context(), token, issuer, c.Now().Add(time.Hour))
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
