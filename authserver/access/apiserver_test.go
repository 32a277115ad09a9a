// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/access"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newEntitlement(t *testing.T, config *rest.Config, prefix string) (*access.Entitlement, *clock) {
	t.Helper()
	reviewer, err := access.NewReviewer(config)
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	return access.New(access.Config{Reviewer: reviewer, Log: slog.New(slog.DiscardHandler), Prefix: prefix, Now: c.Now}), c
}

// entitled asks until there is an answer: on a busy machine the API server may take longer than a question may.
func entitled(t *testing.T, e *access.Entitlement, o authserver.Owner, c *authserver.Client) (allowed bool) {
	t.Helper()
	testenv.Eventually(t, time.Minute, "the API server answers", func() bool {
		var err error
		if allowed, err = e.Entitled(t.Context(), o, c, 0); err != nil && !errors.Is(err, authserver.ErrUnavailable) {
			t.Fatalf("Entitled(%s, %s): %v", o.Name, c.ID, err)
		}
		return err == nil
	})
	return allowed
}

// photoprint returns a client in the namespace, as the registry would.
func photoprint(namespace string) *authserver.Client {
	return &authserver.Client{UID: "uid-" + namespace, ID: namespace + ".photoprint", Namespace: namespace, Name: "photoprint"}
}

// bind lets the subject authorize the OAuthClient photoprint.
func bind(t *testing.T, env *testenv.Env, namespace string, subject rbacv1.Subject) *rbacv1.RoleBinding {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "photoprint-users"}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"gatehouse.dev"}, Resources: []string{"oauthclients"},
		ResourceNames: []string{"photoprint"}, Verbs: []string{"authorize"},
	}}}
	binding := &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: []rbacv1.Subject{subject},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "photoprint-users"}}
	if err := errors.Join(env.Client.Create(t.Context(), role), env.Client.Create(t.Context(), binding)); err != nil {
		t.Fatal(err)
	}
	return binding
}

func TestARoleBindingEntitlesItsSubjectToItsClientUntilItIsGone(t *testing.T) {
	bob := authserver.Owner{Name: "bob", Groups: []string{"family"}}
	for _, row := range []struct{ name, kind, subject string }{
		{name: "a user", kind: "User", subject: "gatehouse:bob"},
		{name: "a group", kind: "Group", subject: "gatehouse:family"},
	} {
		t.Run(row.name, func(t *testing.T) {
			env := testenv.Start(t)
			namespace, elsewhere := env.Namespace(t), env.Namespace(t)
			e, c := newEntitlement(t, env.Config, access.DefaultPrefix)
			client := photoprint(namespace)
			if entitled(t, e, bob, client) {
				t.Fatal("entitled without a binding")
			}
			binding := bind(t, env, namespace, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: row.kind, Name: row.subject})
			if entitled(t, e, bob, client) {
				t.Fatal("the answer is not ten seconds old and asked for again")
			}
			testenv.Eventually(t, time.Minute, "bob is entitled", func() bool {
				c.advance(10 * time.Second)
				return entitled(t, e, bob, client)
			})
			for name, other := range map[string]*authserver.Client{
				"another name":      {UID: "x", Namespace: namespace, Name: "photoprinter"},
				"another namespace": photoprint(elsewhere),
			} {
				if entitled(t, e, bob, other) {
					t.Errorf("bob is entitled to a client of %s", name)
				}
			}
			if entitled(t, e, authserver.Owner{Name: "alice", Groups: []string{"familyy"}}, client) {
				t.Error("alice is entitled")
			}
			if err := env.Client.Delete(t.Context(), binding); err != nil {
				t.Fatal(err)
			}
			testenv.Eventually(t, time.Minute, "bob is not entitled any more", func() bool {
				c.advance(10 * time.Second)
				return !entitled(t, e, bob, client)
			})
		})
	}
}

// Without a prefix the names of owners are the cluster's own, and system:masters may do
// everything: the API server itself would say yes.
func TestAnOwnerCannotBeAMasterOfTheCluster(t *testing.T) {
	env := testenv.Start(t)
	client := photoprint(env.Namespace(t))
	e, _ := newEntitlement(t, env.Config, "")
	for _, eve := range []authserver.Owner{
		{Name: "eve", Groups: []string{"system:masters"}},
		{Name: "system:kube-controller-manager"},
	} {
		if entitled(t, e, eve, client) {
			t.Errorf("%v is entitled", eve)
		}
	}
	prefixed, _ := newEntitlement(t, env.Config, access.DefaultPrefix)
	if entitled(t, prefixed, authserver.Owner{Name: "eve", Groups: []string{"system:masters"}}, client) {
		t.Error("eve is entitled behind the prefix")
	}
}

func TestAnAPIServerThatIsGoneIsNoAnswer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	e, _ := newEntitlement(t, &rest.Config{Host: server.URL}, access.DefaultPrefix)
	_, err := e.Entitled(t.Context(), authserver.Owner{Name: "bob"}, photoprint("photos"), time.Hour)
	if !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

func TestAnAPIServerThatRefusesTheQuestionIsNoAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	e, _ := newEntitlement(t, &rest.Config{Host: server.URL}, access.DefaultPrefix)
	_, err := e.Entitled(t.Context(), authserver.Owner{Name: "bob"}, photoprint("photos"), time.Hour)
	if !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

// Where there are Roles only, a review in the namespace gives the same answer, and needs no right in any other.
func TestALocalReviewNeedsARoleInTheNamespaceAndNoMore(t *testing.T) {
	env := testenv.Start(t)
	namespace, other := env.Namespace(t), env.Namespace(t)
	for _, ns := range []string{namespace, other} {
		bind(t, env, ns, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "gatehouse:bob"})
	}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "server"}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"localsubjectaccessreviews"}, Verbs: []string{"create"},
	}}}
	binding := &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "server"}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "server"}}
	if err := errors.Join(env.Client.Create(t.Context(), role), env.Client.Create(t.Context(), binding)); err != nil {
		t.Fatal(err)
	}
	reviewer, err := access.NewLocalReviewer(env.User(t, "server"))
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	e := access.New(access.Config{Reviewer: reviewer, Log: slog.New(slog.DiscardHandler), Prefix: access.DefaultPrefix, Now: c.Now})
	testenv.Eventually(t, time.Minute, "Bob is entitled in the namespace", func() bool {
		c.advance(time.Minute)
		allowed, err := e.Entitled(t.Context(), authserver.Owner{Name: "bob"}, photoprint(namespace), 0)
		return err == nil && allowed
	})
	if entitled(t, e, authserver.Owner{Name: "alice"}, photoprint(namespace)) {
		t.Error("Alice is entitled")
	}
	if _, err := e.Entitled(t.Context(), authserver.Owner{Name: "bob"}, photoprint(other), 0); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("in a namespace without the Role: %v, want no answer", err)
	}
}
