// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

const day = 24 * time.Hour

// reporting are Reports with a server and clients that the test sets.
type reporting struct {
	*Reports
	client.Client
	t     *testing.T
	now   time.Time
	pages []adminapi.UsagePage
	err   error
	polls int
	all   []v1alpha1.OAuthClient
	woken []string
}

func newReporting(t *testing.T, names ...string) *reporting {
	t.Helper()
	s := &reporting{t: t, now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
	for _, name := range names {
		s.all = append(s.all, v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: "photos", Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(s.now)}})
	}
	s.says(s.now)
	s.Reports = s.begin()
	return s
}

// begin returns Reports as a new leader has them.
func (s *reporting) begin() *Reports {
	return &Reports{
		Client: s, Source: s, IdleAfter: 30 * day, Now: func() time.Time { return s.now },
		Wake: func(ref objectRef) { s.woken = append(s.woken, ref.name) },
	}
}

func (s *reporting) Usage(_ context.Context, each func(adminapi.UsagePage) error) error {
	s.polls++
	for _, page := range s.pages {
		if err := each(page); err != nil {
			return err
		}
	}
	return s.err
}

func (s *reporting) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*v1alpha1.OAuthClientList).Items = s.all
	return nil
}

// says sets what the server answers: since when it counts, and the entries.
func (s *reporting) says(since time.Time, items ...adminapi.ClientUsage) {
	s.pages = []adminapi.UsagePage{{Counting: &adminapi.Counting{Since: since, Until: s.now}, Items: items}}
}

// looks polls and returns which clients were woken.
func (s *reporting) looks() string {
	s.t.Helper()
	s.woken = nil
	s.pages[0].Counting.Until = s.now
	if err := s.poll(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(s.woken, " ")
}

func (s *reporting) answers(name string, want report, wantKnown bool) {
	s.t.Helper()
	if got, known := s.of(types.UID("uid-" + name)); got != want || known != wantKnown {
		s.t.Errorf("%s: %+v, %v; want %+v, %v", name, got, known, want, wantKnown)
	}
}

func used(name string, at time.Time) adminapi.ClientUsage {
	return adminapi.ClientUsage{UID: "uid-" + name, Since: at, LastUsed: at, Credentials: []adminapi.CredentialUsage{{ID: "first", LastUsed: at}}}
}

func TestAnUnusedClientIsToldIdleOnceItIs(t *testing.T) {
	s := newReporting(t, "used", "unused")
	start := s.now
	s.answers("unused", report{}, false)
	s.says(start.Add(-90*day), used("used", start))
	if got := s.looks(); got != "" {
		t.Errorf("at once, %s was woken", got)
	}
	s.answers("unused", report{}, true)
	s.now = start.Add(30*day - time.Hour)
	s.says(start.Add(-90*day), used("used", s.now))
	if got := s.looks(); got != "" {
		t.Errorf("an hour before, %s was woken", got)
	}
	s.now = start.Add(30 * day)
	if got := s.looks(); got != "unused" {
		t.Errorf("after 30 days %q was woken", got)
	}
	s.answers("unused", report{idleSince: "2026-06-01"}, true)
	s.answers("used", report{}, true)
	for range 3 {
		s.now = s.now.Add(time.Hour)
		if got := s.looks(); got != "" {
			t.Errorf("%s was woken again", got)
		}
	}
}

func TestAClientIsNotIdleBeforeUsesWereCountedLongEnough(t *testing.T) {
	s := newReporting(t, "old")
	s.all[0].CreationTimestamp = metav1.NewTime(s.now.Add(-300 * day))
	s.says(s.now.Add(-29 * day))
	s.looks()
	s.answers("old", report{}, true)
}

func TestWhatIsSaidOfAClientChangesOnceADay(t *testing.T) {
	s := newReporting(t, "photoprint")
	start := s.now
	challenged := func(at time.Time) adminapi.ClientUsage {
		u := used("photoprint", at)
		u.PKCE = &adminapi.PKCEUsage{Challenged: 1, LastChallenged: &at}
		return u
	}
	unchallenged := func(at time.Time) adminapi.ClientUsage {
		u := challenged(at)
		u.PKCE.Unchallenged, u.PKCE.LastUnchallenged = 1, &at
		return u
	}
	s.looks()
	s.says(start, challenged(start))
	if got := s.looks(); got != "photoprint" {
		t.Errorf("%q was woken", got)
	}
	always := report{pkce: v1alpha1.PKCEHintReasonAlwaysSent}
	s.answers("photoprint", always, true)
	s.says(start, unchallenged(start))
	for s.now = start.Add(time.Hour); s.now.Before(start.Add(day)); s.now = s.now.Add(6 * time.Hour) {
		if got := s.looks(); got != "" {
			t.Errorf("%s was woken after %s", got, s.now.Sub(start))
		}
		s.answers("photoprint", always, true)
	}
	s.now = start.Add(day)
	if got := s.looks(); got != "photoprint" {
		t.Errorf("%q was woken after a day", got)
	}
	s.answers("photoprint", report{}, true)
}

// The server keeps the largest ID token until another one comes: to a client that does not ask for openid any more none comes.
func TestAnIDTokenOfLongAgoIsNotSaidToBeLarge(t *testing.T) {
	s := newReporting(t, "photoprint")
	u := used("photoprint", s.now)
	u.IDToken = &adminapi.IDToken{Bytes: 5 << 10, IssuedAt: s.now}
	s.says(s.now, u)
	if got := s.looks(); got != "photoprint" {
		t.Errorf("%q was woken", got)
	}
	s.answers("photoprint", report{idTokenKiB: 5}, true)
	s.now = s.now.Add(idTokenAge)
	s.looks()
	s.answers("photoprint", report{idTokenKiB: 5}, true)
	s.now = s.now.Add(time.Hour)
	if got := s.looks(); got != "photoprint" {
		t.Errorf("%q was woken after a week", got)
	}
	s.answers("photoprint", report{}, true)
}

// N312: a new leader knows nothing of the one before; what the status says is a day old before it changes.
func TestN312ANewLeaderChangesNoStatusThatIsYoung(t *testing.T) {
	s := newReporting(t, "photoprint")
	said := metav1.Condition{Type: string(v1alpha1.ConditionPKCEHint), Status: metav1.ConditionTrue, Reason: "AlwaysSent", LastTransitionTime: metav1.NewTime(s.now)}
	meta.SetStatusCondition(&s.all[0].Status.Conditions, said)
	s.answers("photoprint", report{}, false)
	s.now = s.now.Add(day - time.Minute)
	if got := s.looks(); got != "" {
		t.Errorf("%s was woken", got)
	}
	s.answers("photoprint", report{}, false)
	s.now = s.now.Add(time.Minute)
	if got := s.looks(); got != "photoprint" {
		t.Errorf("%q was woken after a day", got)
	}
	s.answers("photoprint", report{}, true)
}

// N312: a server that is away, half an answer, or one of a server that has not written for hours change nothing.
func TestN312AServerThatIsAwayChangesNothing(t *testing.T) {
	s := newReporting(t, "photoprint")
	s.says(s.now, used("photoprint", s.now))
	s.looks()
	s.now = s.now.Add(40 * day)
	for name, edit := range map[string]func(){
		"away":            func() { s.pages, s.err = nil, errors.New("away") },
		"half":            func() { s.says(s.now.Add(-50 * day)); s.err = errors.New("the second page is missing") },
		"has not counted": func() { s.says(s.now.Add(-50 * day)); s.pages[0].Counting = nil },
		"does not write":  func() { s.says(s.now.Add(-50 * day)); s.pages[0].Counting.Until = s.now.Add(-7 * time.Hour) },
	} {
		s.err, s.woken = nil, nil
		edit()
		if err := s.poll(t.Context()); err == nil || len(s.woken) > 0 {
			t.Errorf("%s: error %v, woken %v", name, err, s.woken)
		}
		s.answers("photoprint", report{}, true)
		if _, known := s.LastUsed("uid-photoprint", "first"); known {
			t.Errorf("%s: the last use is known", name)
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.Reports)
	families, err := registry.Gather()
	if err != nil || len(families) != 2 || len(families[1].GetMetric()) != 2 || families[1].GetMetric()[0].GetCounter().GetValue() != 4 {
		t.Errorf("metrics %v, %v", families, err)
	}
}

func TestTheLastUseOfACredentialIsKnownWhileTheServerAnswers(t *testing.T) {
	s := newReporting(t)
	if _, known := s.LastUsed("uid-photoprint", "first"); known {
		t.Error("it is known before anybody was asked")
	}
	at := s.now.Add(-time.Hour)
	s.says(s.now, used("photoprint", at.Add(-time.Hour)), used("photoprint", at))
	s.looks()
	since, until := s.now.Add(-day), s.now.Add(-5*time.Hour)
	s.pages[0].Counting = &adminapi.Counting{Since: since, Until: until}
	if err := s.poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, known := s.LastUsed("uid-photoprint", "first"); !known || got != (LastUse{At: at, Since: since, Until: until}) {
		t.Errorf("%+v, %v", got, known)
	}
	for _, other := range [][2]string{{"uid-photoprint", "second"}, {"uid-other", "first"}} {
		if got, known := s.LastUsed(types.UID(other[0]), other[1]); !known || got != (LastUse{Since: since, Until: until}) {
			t.Errorf("%v: %+v, %v", other, got, known)
		}
	}
	s.now = s.now.Add(usageAge + time.Second)
	if _, known := s.LastUsed("uid-photoprint", "first"); known {
		t.Error("it is known an hour after the last answer")
	}
}

// N307: an answer without an end takes no more memory than that of a very large installation.
func TestN307AReportOfTooManyClientsIsRefused(t *testing.T) {
	s := newReporting(t)
	page := adminapi.UsagePage{Counting: &adminapi.Counting{Since: s.now, Until: s.now}}
	for n := range maxReported + 1 {
		page.Items = append(page.Items, adminapi.ClientUsage{UID: fmt.Sprint(n)})
	}
	s.pages = []adminapi.UsagePage{page}
	if err := s.poll(t.Context()); err == nil {
		t.Error("too many clients are taken")
	}
}

// N307: a client with credentials without end takes the report from nobody but itself.
func TestN307AClientWithTooManyCredentialsLosesItsOwnReportOnly(t *testing.T) {
	s := newReporting(t, "photoprint")
	many := []adminapi.ClientUsage{used("photoprint", s.now), used("photoprint", s.now), used("photoprint", s.now)}
	for n := range maxReportedCredentials - 1 {
		many[1].Credentials = append(many[1].Credentials, adminapi.CredentialUsage{ID: fmt.Sprint(n), LastUsed: s.now})
	}
	last := LastUse{At: s.now, Since: s.now, Until: s.now}
	wants := func(name string, want LastUse, wantKnown bool) {
		t.Helper()
		if got, known := s.LastUsed(types.UID("uid-"+name), "first"); got != want || known != wantKnown {
			t.Errorf("%s: %+v, %v; want %+v, %v", name, got, known, want, wantKnown)
		}
	}
	s.says(s.now, append(many, used("other", s.now))...)
	s.looks()
	wants("photoprint", last, true)
	many[0].Credentials = append(many[0].Credentials, adminapi.CredentialUsage{ID: "one more", LastUsed: s.now})
	s.says(s.now, append(many, used("other", s.now))...)
	s.looks()
	wants("photoprint", LastUse{}, false)
	wants("other", last, true)
	if got := s.seen["uid-photoprint"]; len(got.credentials) > 0 || got.used != s.now {
		t.Errorf("%d credentials are kept, and the client was last used at %s", len(got.credentials), got.used)
	}
}

func TestTheStatusSaysWhatIsReported(t *testing.T) {
	optional := func(oc *v1alpha1.OAuthClient) { oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{PKCE: v1alpha1.PKCEOptional} }
	for name, row := range map[string]struct {
		what   report
		edit   func(*v1alpha1.OAuthClient)
		want   v1alpha1.ConditionType
		reason string
	}{
		"idle":                   {what: report{idleSince: "2026-06-01"}, want: v1alpha1.ConditionIdle, reason: "Unused"},
		"idle and suspended":     {what: report{idleSince: "2026-06-01"}, edit: func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true }},
		"never sent":             {what: report{pkce: "NeverSent"}, edit: optional, want: v1alpha1.ConditionPKCEHint, reason: "NeverSent"},
		"always sent":            {what: report{pkce: "AlwaysSent"}, edit: optional, want: v1alpha1.ConditionPKCEHint, reason: "AlwaysSent"},
		"always sent as it must": {what: report{pkce: "AlwaysSent"}},
		"a large ID token":       {what: report{idTokenKiB: 5}, want: v1alpha1.ConditionIDTokenLarge, reason: "AboveLimit"},
		"nothing is to be said":  {},
	} {
		t.Run(name, func(t *testing.T) {
			oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: "photos", Name: "photoprint", UID: "uid"}}
			if row.edit != nil {
				row.edit(oc)
			}
			o := outcome{input: input{subject: clientSubject(oc), report: row.what, reported: true}}
			status := o.statusWith(readiness{status: metav1.ConditionTrue, reason: "Issued"})
			for _, kind := range reportConditions {
				c := meta.FindStatusCondition(status.Conditions, string(kind))
				switch {
				case kind != row.want && c != nil:
					t.Errorf("there is %+v", c)
				case kind == row.want && (c == nil || c.Status != metav1.ConditionTrue || c.Reason != row.reason || c.Message == ""):
					t.Errorf("%s is %+v", kind, c)
				}
			}
			unknown := outcome{input: input{subject: clientSubject(oc)}, status: status}
			if again := unknown.statusWith(readiness{status: metav1.ConditionTrue, reason: "Issued"}); len(again.Conditions) != len(status.Conditions) {
				t.Error("N312: what is not known takes away what was said")
			}
			over := outcome{input: input{subject: clientSubject(oc), reported: true}, status: status}
			if again := over.statusWith(readiness{status: metav1.ConditionTrue, reason: "Issued"}); row.want != "" && len(again.Conditions) != len(status.Conditions)-1 {
				t.Error("what is over is said for ever")
			}
		})
	}
}

// On a real API server, by a fake clock: the client is told once that it is idle, and once that it is not.
func TestAnUnusedClientIsToldIdleInItsStatus(t *testing.T) {
	s := newFixture(t)
	oc := s.issued("photoprint")
	s.clock.now = oc.CreationTimestamp.Time
	server := newReporting(t)
	woken := 0
	reports := &Reports{Client: s.api, Source: server, IdleAfter: 30 * day, Now: s.clock.Now, Wake: func(ref objectRef) {
		if ref.namespace == s.ns {
			woken++
		}
	}}
	s.r.Reports = reports
	poll := func(items ...adminapi.ClientUsage) *v1alpha1.OAuthClient {
		t.Helper()
		server.now = s.clock.Now()
		server.says(oc.CreationTimestamp.Add(-365*day), items...)
		s.must(reports.poll(t.Context()))
		return s.settle("photoprint")
	}
	if got := poll(); len(got.Status.Conditions) != 2 || woken != 0 {
		t.Errorf("at once: %+v, woken %d times", got.Status.Conditions, woken)
	}
	s.writes.reset()
	for range 5 { // days
		s.clock.now = s.clock.now.Add(day)
		poll()
	}
	if n := len(s.writes.take()); n != 0 {
		t.Errorf("%d writes in five days without news", n)
	}
	s.clock.now = oc.CreationTimestamp.Add(30 * day)
	for range 3 {
		s.says(poll().Status.Conditions, v1alpha1.ConditionIdle, metav1.ConditionTrue, string(v1alpha1.IdleReasonUnused))
		s.clock.now = s.clock.now.Add(time.Hour)
	}
	use := adminapi.ClientUsage{UID: string(oc.UID), Since: s.clock.now, LastUsed: s.clock.now}
	s.says(poll(use).Status.Conditions, v1alpha1.ConditionIdle, metav1.ConditionTrue, string(v1alpha1.IdleReasonUnused)) // a day has not passed
	s.clock.now = s.clock.now.Add(day)
	if c := meta.FindStatusCondition(poll(use).Status.Conditions, string(v1alpha1.ConditionIdle)); c != nil {
		t.Errorf("a client that is used says %+v", c)
	}
	if n := len(s.writes.take()); n != 2 || woken != 2 {
		t.Errorf("%d writes and %d wakeups for two news", n, woken)
	}
}
