// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Which fields of which specs a policy denies is a table of test/policy, which asks the API server too. These are the
// cases that the API server never sees, and the parts one by one.

func TestNameFor(t *testing.T) {
	for _, test := range []struct {
		labels map[string]string
		want   string
	}{
		{nil, "default"},
		{map[string]string{"team": "shop"}, "default"},
		{map[string]string{v1alpha1.LabelPolicy: ""}, "default"},
		{map[string]string{v1alpha1.LabelPolicy: "shop"}, "shop"},
	} {
		if got := NameFor(test.labels); got != test.want {
			t.Errorf("NameFor(%v) = %q, want %q", test.labels, got, test.want)
		}
	}
}

func TestWithoutAPolicyNothingIsAllowed(t *testing.T) {
	p := Policy{Name: "shop", Namespace: "shop-prod"}
	for kind, denials := range map[string][]Denial{
		"client": p.Client(&v1alpha1.OAuthClientSpec{}), "resource server": p.ResourceServer(&v1alpha1.ResourceServerSpec{}),
	} {
		if len(denials) != 1 || denials[0].Policy != "shop" || !strings.Contains(denials[0].String(), "no OAuthClientPolicy \"shop\" exists") {
			t.Errorf("%s: %v", kind, denials)
		}
	}
}

// A policy that names nothing allows nothing, in the smallest object there is.
func TestWhatAPolicyDoesNotNameIsDenied(t *testing.T) {
	p := Policy{Name: "shop", Namespace: "shop", Spec: &v1alpha1.OAuthClientPolicySpec{}}
	if got := p.Client(&v1alpha1.OAuthClientSpec{}); len(got) == 0 {
		t.Error("a client is allowed")
	}
	if got := p.ResourceServer(&v1alpha1.ResourceServerSpec{Scopes: []v1alpha1.ScopeDeclaration{{Name: "a"}}}); len(got) == 0 {
		t.Error("a resource server is allowed")
	}
}

// What the policy demands adds to what the client does, takes nothing away and refuses nobody.
func TestAPolicyDemandsASecondStep(t *testing.T) {
	for _, test := range []struct {
		demands bool
		says    v1alpha1.SecondFactorPolicy
		want    bool
	}{
		{false, "", false}, {false, v1alpha1.SecondFactorOptional, false}, {false, v1alpha1.SecondFactorRequired, true}, {false, "Later", true},
		{true, "", true}, {true, v1alpha1.SecondFactorOptional, true}, {true, v1alpha1.SecondFactorRequired, true},
	} {
		rules := v1alpha1.ClientRules{
			Profiles: []v1alpha1.Profile{v1alpha1.ProfileOAuth2}, RequireSecondFactor: test.demands,
			GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken},
		}
		p := Policy{Name: "shop", Namespace: "shop", Spec: &v1alpha1.OAuthClientPolicySpec{Clients: rules}}
		spec := &v1alpha1.OAuthClientSpec{SecondFactor: test.says}
		if got := p.SecondFactor(spec); got != test.want {
			t.Errorf("demanded %t, %q: %t", test.demands, test.says, got)
		}
		if denials := p.Client(spec); len(denials) != 0 {
			t.Errorf("demanded %t, %q: denied %v", test.demands, test.says, denials)
		}
	}
	if (Policy{Name: "shop"}).SecondFactor(&v1alpha1.OAuthClientSpec{}) {
		t.Error("a policy that is not there demands something")
	}
}

// An object can come past the rules of the API, from a backup for instance.
func TestWhatTheAPIRefusesIsDenied(t *testing.T) {
	p := Policy{Name: "all", Namespace: "shop", Spec: &v1alpha1.OAuthClientPolicySpec{Clients: v1alpha1.ClientRules{
		Profiles:      []v1alpha1.Profile{v1alpha1.ProfileOAuth2},
		GrantTypes:    []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken},
		CallbackHosts: []v1alpha1.HostPattern{"*"}, LoopbackCallbacks: true, PrivateUseSchemes: []v1alpha1.SchemePattern{"*.*"},
	}}}
	for _, test := range []struct {
		spec  v1alpha1.OAuthClientSpec
		field string
	}{
		{v1alpha1.OAuthClientSpec{Profile: "OAuth3"}, "spec.profile"},
		{v1alpha1.OAuthClientSpec{CallbackURLs: []v1alpha1.CallbackURL{"https://h.example/cb#f"}}, "spec.callbackURLs[0]"},
		{v1alpha1.OAuthClientSpec{CallbackURLs: []v1alpha1.CallbackURL{"https://h.example/cb", "http://h.example/cb"}}, "spec.callbackURLs[1]"},
		{v1alpha1.OAuthClientSpec{CallbackURLs: []v1alpha1.CallbackURL{"javascript:/alert(1)"}}, "spec.callbackURLs[0]"},
		{v1alpha1.OAuthClientSpec{OAuth2: &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{"Password"}}}, "spec.oauth2.grantTypes"},
	} {
		if got := p.Client(&test.spec); len(got) != 1 || got[0].Field != test.field {
			t.Errorf("%+v: denied %v, want %s", test.spec, got, test.field)
		}
	}
}

func TestDenialSaysFieldReasonAndPolicy(t *testing.T) {
	p := Policy{Name: "shop", Namespace: "shop", Spec: &v1alpha1.OAuthClientPolicySpec{Clients: v1alpha1.ClientRules{
		Profiles:   []v1alpha1.Profile{v1alpha1.ProfileOAuth2},
		GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken},
	}}}
	got := p.Client(&v1alpha1.OAuthClientSpec{Consent: v1alpha1.ConsentSkip})
	const want = "spec.consent must not be Skip: the policy does not allow to skip the owner's consent (OAuthClientPolicy shop)"
	if len(got) != 1 || got[0].String() != want {
		t.Errorf("got %v\nwant %s", got, want)
	}
}

func TestPatterns(t *testing.T) {
	p := Policy{Namespace: "shop"}
	for _, test := range []struct {
		kind, pattern string
		allowed       []string
		denied        []string
	}{
		{"name", "photos.read", []string{"photos.read"}, []string{"photos.rea", "photos.reads", "Photos.read", ""}},
		{"name", "photos.*", []string{"photos.", "photos.read", "photos.a.b"}, []string{"photos", "photosread", "xphotos.read"}},
		{"name", "*", []string{"", "a", "a/b"}, nil},
		{"name", "{namespace}.*", []string{"shop.read"}, []string{"shop", "shop2.read", "xshop.read", "{namespace}.read"}},
		{"name", "api://{namespace}/{namespace}", []string{"api://shop/shop"}, []string{"api://shop/"}},

		{"host", "h.example", []string{"h.example"}, []string{"h.example:8443", "a.h.example", "h.example.evil"}},
		{"host", "h.example:8443", []string{"h.example:8443"}, []string{"h.example", "h.example:84430"}},
		{"host", "*.h.example", []string{"a.h.example", "a.b.h.example"}, []string{"h.example", ".h.example", "ah.example", "a.h.example:8443", "a.h.example.evil"}},
		{"host", "*.{namespace}.example", []string{"a.shop.example"}, []string{"a.shop2.example", "shop.example"}},
		{"host", "*", []string{"h.example", "h.example:1", "[::1]:1"}, nil},
		{"host", "[2001:db8::1]", []string{"[2001:db8::1]"}, []string{"[2001:db8::1]:8443", "[2001:db8::11]"}},

		{"scheme", "com.example.app", []string{"com.example.app"}, []string{"com.example.app2", "com.example"}},
		{"scheme", "com.example.*", []string{"com.example.app", "com.example.a.b"}, []string{"com.example", "com.examples.app"}},
		{"scheme", "*.*", []string{"com.example", "a.b.c"}, []string{"cursor"}},
		{"scheme", "com.{namespace}.app", []string{"com.shop.app"}, []string{"com.shop2.app"}},
	} {
		matches := func(s string) bool {
			switch test.kind {
			case "name":
				return p.matchesAnyName([]v1alpha1.NamePattern{"never", v1alpha1.NamePattern(test.pattern)}, s)
			case "host":
				return p.matchesAnyHost([]v1alpha1.HostPattern{"never", v1alpha1.HostPattern(test.pattern)}, s)
			default:
				return p.matchesAnyScheme([]v1alpha1.SchemePattern{"never", v1alpha1.SchemePattern(test.pattern)}, s)
			}
		}
		for _, s := range test.allowed {
			if !matches(s) {
				t.Errorf("the %s %s does not allow %q", test.kind, test.pattern, s)
			}
		}
		for _, s := range test.denied {
			if matches(s) {
				t.Errorf("the %s %s allows %q", test.kind, test.pattern, s)
			}
		}
	}
}

func TestScopeOpen(t *testing.T) {
	selector := func(key, value string) *v1alpha1.NamespaceSelector {
		return &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{key: v1alpha1.LabelValue(value)}}
	}
	for _, test := range []struct {
		name      string
		scope     v1alpha1.ScopeDeclaration
		namespace string
		want      bool
	}{
		{"its own namespace", v1alpha1.ScopeDeclaration{}, "photos", true},
		{"another namespace", v1alpha1.ScopeDeclaration{}, "shop", false},
		{"Same", v1alpha1.ScopeDeclaration{From: v1alpha1.ScopeFromSame}, "shop", false},
		{"All", v1alpha1.ScopeDeclaration{From: v1alpha1.ScopeFromAll}, "shop", true},
		{"a label that fits", v1alpha1.ScopeDeclaration{From: v1alpha1.ScopeFromSelector, Selector: selector("team", "shop")}, "shop", true},
		{"a label that does not fit", v1alpha1.ScopeDeclaration{From: v1alpha1.ScopeFromSelector, Selector: selector("team", "print")}, "shop", false},
		{"its own namespace, whatever the selector", v1alpha1.ScopeDeclaration{From: v1alpha1.ScopeFromSelector, Selector: selector("team", "print")}, "photos", true},
		{"an empty selector", v1alpha1.ScopeDeclaration{From: v1alpha1.ScopeFromSelector, Selector: &v1alpha1.NamespaceSelector{}}, "shop", true},
		{"no selector", v1alpha1.ScopeDeclaration{From: v1alpha1.ScopeFromSelector}, "shop", false},
		{"a selector that cannot be read", v1alpha1.ScopeDeclaration{From: v1alpha1.ScopeFromSelector, Selector: selector("-", "a b")}, "shop", false},
		{"a selector without its from", v1alpha1.ScopeDeclaration{Selector: selector("team", "shop")}, "shop", false},
		{"a from of the future", v1alpha1.ScopeDeclaration{From: "Friends"}, "shop", false},
	} {
		if got := ScopeOpen(&test.scope, "photos", test.namespace, map[string]string{"team": "shop"}); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
}

func TestClaims(t *testing.T) {
	client := ClaimsOfClient(&v1alpha1.OAuthClientSpec{
		ClientID: "app_1",
		CallbackURLs: []v1alpha1.CallbackURL{
			"https://h.example/cb?x=1", "https://h.example/cb/", "http://127.0.0.1/cb", "com.example.app:/cb", "https://h.example", "https://h.example/cb#invalid",
		},
	})
	if diff := cmp.Diff([]Claim{
		{v1alpha1.ClaimClientID, "app_1"}, {v1alpha1.ClaimCallback, "https://h.example/cb"}, {v1alpha1.ClaimCallback, "https://h.example/"},
	}, client); diff != "" {
		t.Errorf("claims of a client (-want +got):\n%s", diff)
	}
	api := ClaimsOfResourceServer(&v1alpha1.ResourceServerSpec{
		Scopes:      []v1alpha1.ScopeDeclaration{{Name: "a"}, {Name: "b"}, {Name: "a"}},
		Identifiers: []v1alpha1.Identifier{"api://x", "a", "api://x"},
	})
	if diff := cmp.Diff([]Claim{
		{v1alpha1.ClaimScope, "a"}, {v1alpha1.ClaimScope, "b"}, {v1alpha1.ClaimIdentifier, "api://x"}, {v1alpha1.ClaimIdentifier, "a"},
	}, api); diff != "" {
		t.Errorf("claims of a resource server (-want +got):\n%s", diff)
	}
}

func TestHeld(t *testing.T) {
	since := metav1.NewMicroTime(time.Date(2026, 11, 28, 12, 0, 0, 1000, time.UTC))
	status := []v1alpha1.ClaimStatus{
		{Kind: v1alpha1.ClaimScope, Name: "waits"}, {Kind: v1alpha1.ClaimScope, Name: "a", Since: &since}, {Kind: v1alpha1.ClaimIdentifier, Name: "b", Since: &since},
	}
	for claim, want := range map[Claim]bool{
		{v1alpha1.ClaimScope, "a"}: true, {v1alpha1.ClaimScope, "waits"}: false, {v1alpha1.ClaimScope, "b"}: false, {v1alpha1.ClaimIdentifier, "b"}: true,
		{v1alpha1.ClaimIdentifier, "a"}: false,
	} {
		at, held := Held(status, claim)
		if held != want || held && at != since.UnixMicro() {
			t.Errorf("%v: held %t since %d", claim, held, at)
		}
	}
}

// N324: where the server must know the client secret, or there is none, nobody else makes it.
func TestN324AGivenClientSecretIsDeniedWhereTheServerMustKnowItOrThereIsNone(t *testing.T) {
	given := v1alpha1.CredentialsSpec{Source: v1alpha1.SourceFromSecret, FromSecret: &v1alpha1.FromSecretSpec{Name: "vault"}}
	p := Policy{Name: "all", Namespace: "shop", Spec: &v1alpha1.OAuthClientPolicySpec{}}
	for name, test := range map[string]struct {
		spec   v1alpha1.OAuthClientSpec
		denied bool
	}{
		"OAuth2":                 {v1alpha1.OAuthClientSpec{Credentials: given}, false},
		"ConnectionsCloudOAuth2": {v1alpha1.OAuthClientSpec{Profile: v1alpha1.ProfileConnectionsCloudOAuth2, Credentials: given}, false},
		"OAuth1":                 {v1alpha1.OAuthClientSpec{Profile: v1alpha1.ProfileOAuth1, Credentials: given}, true},
		"ConnectionsCloudOAuth1": {v1alpha1.OAuthClientSpec{Profile: v1alpha1.ProfileConnectionsCloudOAuth1, Credentials: given}, true},
		"Public": {v1alpha1.OAuthClientSpec{
			OAuth2: &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}, Credentials: given,
		}, true},
	} {
		var fields []string
		for _, d := range p.Client(&test.spec) {
			fields = append(fields, d.Field)
		}
		if got := slices.Contains(fields, "spec.credentials.source"); got != test.denied {
			t.Errorf("%s: denied %t, want %t", name, got, test.denied)
		}
	}
}

// N391: whoever has a client secret has to renew it as often as the policy demands.
func TestN391APolicyDemandsRotations(t *testing.T) {
	for _, row := range []struct {
		limit, interval int32
		source          v1alpha1.CredentialSource
		public          bool
		want            string
	}{
		{limit: 30, interval: 30},
		{limit: 30, interval: 1, source: v1alpha1.SourceGenerate},
		{limit: 30, interval: 31, want: "spec.credentials.rotation.intervalDays must be from 1 to 30: the policy demands that client secrets are renewed that often (OAuthClientPolicy p)"},
		{limit: 30, want: "spec.credentials.rotation.intervalDays must be from 1 to 30: the policy demands that client secrets are renewed that often (OAuthClientPolicy p)"},
		{limit: 30, interval: -1, want: "spec.credentials.rotation.intervalDays must be from 1 to 30: the policy demands that client secrets are renewed that often (OAuthClientPolicy p)"},
		{
			limit: 30, interval: 1, source: v1alpha1.SourceFromSecret,
			want: "spec.credentials.source must be Generate: the policy demands that client secrets are renewed, and nothing renews a given one (OAuthClientPolicy p)",
		},
		{limit: 30, source: "OfTheFuture"},
		{limit: 30, public: true},
		{limit: 0},
	} {
		c := &v1alpha1.CredentialsSpec{Source: row.source}
		if row.interval != 0 {
			c.Rotation = &v1alpha1.RotationSpec{IntervalDays: row.interval}
		}
		p := Policy{Name: "p", Spec: &v1alpha1.OAuthClientPolicySpec{Secrets: v1alpha1.SecretRules{MaxRotationIntervalDays: row.limit}}}
		got := ""
		for _, denial := range p.rotation(c, row.public) {
			got += denial.String()
		}
		if got != row.want {
			t.Errorf("%+v: %q", row, got)
		}
	}
}
