// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/callback"
	"github.com/gatehouse-dev/gatehouse/internal/claimmap"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// public is the spec of a client without a secret.
var public = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}

// photoprint returns an OAuthClient that is served, changed by with.
func photoprint(with ...func(*v1alpha1.OAuthClient)) *v1alpha1.OAuthClient {
	oc := &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: "photos", Name: "photoprint", UID: "u-1", CreationTimestamp: metav1.NewTime(start)},
		Spec:       v1alpha1.OAuthClientSpec{CallbackURLs: []v1alpha1.CallbackURL{"https://photoprint.example/callback"}},
		Status: v1alpha1.OAuthClientStatus{IssuedStatus: v1alpha1.IssuedStatus{
			ClientID:    "photos.photoprint",
			Credentials: []v1alpha1.CredentialStatus{{ID: "c-1", Verifier: "v-1"}},
		}},
	}
	for _, change := range with {
		change(oc)
	}
	if oc.Status.ClientID != "" && oc.Status.Claims == nil {
		oc.Status.Claims = held(policy.ClaimsOfClient(&oc.Spec), 0)
	}
	return oc
}

// held returns the claims as a status records them that hold all since n seconds after the start.
func held(claims []policy.Claim, n int) []v1alpha1.ClaimStatus {
	since := metav1.NewMicroTime(start.Add(time.Duration(n) * time.Second))
	out := []v1alpha1.ClaimStatus{}
	for _, c := range claims {
		out = append(out, v1alpha1.ClaimStatus{Kind: c.Kind, Name: c.Name, Since: &since})
	}
	return out
}

// clientOf returns the client that the object becomes where policy allows everything, and what is
// logged of it.
func clientOf(t *testing.T, oc *v1alpha1.OAuthClient) (*authserver.Client, string) {
	t.Helper()
	r := fill(t, photosAPI(), oc)
	r.UseSharedKey(sharedKey(t))
	o := r.clients.all[oc.Namespace+"/"+oc.Name]
	client, reason := r.clientOf(o)
	return client, reason
}

// served returns the client that photoprint becomes, changed by with.
func served(with ...func(*authserver.Client)) *authserver.Client {
	c := &authserver.Client{
		UID: "u-1", ID: "photos.photoprint", Namespace: "photos", Name: "photoprint", DisplayName: "photoprint",
		Profile: authserver.ProfileOAuth2, CallbackURLs: []string{"https://photoprint.example/callback"},
		GrantTypes:    []authserver.GrantType{authserver.GrantAuthorizationCode, authserver.GrantRefreshToken},
		GrantDuration: 90 * 24 * time.Hour, AccessTokenLifetime: time.Hour,
		Consent: authserver.ConsentRemember, Accepted: true,
		OpenID:      authserver.OpenIDSettings{SigningAlgorithm: "RS256", IDTokenLifetime: time.Hour},
		Credentials: []authserver.Credential{{ID: "c-1", Verifier: "v-1"}},
	}
	for _, change := range with {
		change(c)
	}
	return c
}

func TestAnOAuthClientBecomesTheClientItDeclares(t *testing.T) {
	expiry := metav1.NewTime(start.Add(time.Hour))
	type object = v1alpha1.OAuthClient
	type client = authserver.Client
	for _, row := range []struct {
		name   string
		change func(*object)
		want   func(*client)
	}{
		{name: "with defaults", change: func(*object) {}, want: func(*client) {}},
		{name: "names", change: func(o *object) { o.Spec.DisplayName, o.Spec.Description = "PhotoPrint", "Prints" },
			want: func(c *client) { c.DisplayName, c.Description = "PhotoPrint", "Prints" }},
		{name: "the defaults written out", change: func(o *object) {
			o.Spec.Profile, o.Spec.Consent = v1alpha1.ProfileOAuth2, v1alpha1.ConsentRemember
			o.Spec.Entitlement, o.Spec.GrantDurationDays, o.Spec.AccessTokenLifetimeSeconds = v1alpha1.EntitlementBound, 90, 3600
			o.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypeConfidential,
				GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken}}
		}, want: func(*client) {}},
		{name: "PKCE is optional", change: func(o *object) { o.Spec.OAuth2 = &v1alpha1.OAuth2Spec{PKCE: v1alpha1.PKCEOptional} },
			want: func(c *client) { c.PKCEOptional = true }},
		{name: "PKCE is never optional for a Public client", change: func(o *object) {
			o.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic, PKCE: v1alpha1.PKCEOptional}
		}, want: func(c *client) { c.Public = true }},
		{name: "a PKCE policy of the future demands it", change: func(o *object) { o.Spec.OAuth2 = &v1alpha1.OAuth2Spec{PKCE: "Sometimes"} },
			want: func(*client) {}},
		{name: "public", change: func(o *object) { o.Spec.OAuth2, o.Status.Credentials = public, nil },
			want: func(c *client) { c.Public, c.Credentials = true, nil }},
		{name: "machine", change: func(o *object) {
			o.Spec.OAuth2 = &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeClientCredentials}}
			o.Spec.CallbackURLs = nil
		}, want: func(c *client) {
			c.GrantTypes, c.CallbackURLs = []authserver.GrantType{authserver.GrantClientCredentials}, nil
		}},
		{name: "a grant type of the future", change: func(o *object) { o.Spec.OAuth2 = &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{"DeviceCode"}} },
			want: func(c *client) { c.GrantTypes, c.Accepted = nil, false }},
		{name: "scopes", change: func(o *object) { o.Spec.Scopes = []v1alpha1.Scope{"photos.read", "photos.write"} },
			want: func(c *client) {
				c.Scopes, c.ScopesWithoutOwner = []string{"photos.read", "photos.write"}, []string{"photos.read"}
			}},
		{name: "scopes of OpenID Connect", change: func(o *object) {
			o.Spec.Scopes = []v1alpha1.Scope{"openid", "email", "photos.read", "offline_access"}
			o.Spec.OAuth2 = &v1alpha1.OAuth2Spec{OpenID: &v1alpha1.OpenIDSpec{
				IDTokenSigningAlgorithm: v1alpha1.SigningES256, IDTokenLifetimeSeconds: 600,
				Claims:                 v1alpha1.IDTokenClaims{Groups: v1alpha1.GroupsClaim{Include: []string{"team-*"}}},
				PostLogoutRedirectURIs: []v1alpha1.PostLogoutRedirectURI{v1alpha1.PostLogoutRedirectURI(callback.Origin(string(o.Spec.CallbackURLs[0]))) + "/bye"},
				BackChannelLogout:      &v1alpha1.BackChannelLogoutSpec{URI: "https://photoprint.example/told"},
			}}
		}, want: func(c *client) {
			c.Scopes, c.ScopesWithoutOwner = []string{"openid", "email", "photos.read", "offline_access"}, []string{"photos.read"}
			c.OpenID = authserver.OpenIDSettings{SigningAlgorithm: "ES256", IDTokenLifetime: 10 * time.Minute, Groups: []string{"team-*"},
				PostLogoutRedirectURIs: []string{callback.Origin(c.CallbackURLs[0]) + "/bye"}, BackChannelLogoutURI: "https://photoprint.example/told"}
		}},
		{name: "pairwise subjects", change: func(o *object) { o.Spec.OAuth2 = pairwise("Pairwise", "") },
			want: func(c *client) { c.OpenID.Sector = "photos/" + callback.HostWithoutPort(c.CallbackURLs[0]) }},
		{name: "pairwise subjects of a named sector", change: func(o *object) { o.Spec.OAuth2 = pairwise("Pairwise", "prints.example") },
			want: func(c *client) { c.OpenID.Sector = "photos/prints.example" }},
		{name: "public subjects", change: func(o *object) { o.Spec.OAuth2 = pairwise("Public", "prints.example") }, want: func(*client) {}},
		{name: "N292 a subject type of the future is not public", change: func(o *object) { o.Spec.OAuth2 = pairwise("Ephemeral", "prints.example") },
			want: func(c *client) { c.OpenID.Sector = "photos/prints.example" }},
		{name: "N292 pairwise subjects on two hosts that came past the API are the client's own", change: func(o *object) {
			o.Spec.CallbackURLs = append(o.Spec.CallbackURLs, "http://localhost:8000/callback")
			o.Spec.OAuth2 = pairwise("Pairwise", "")
		}, want: func(c *client) {
			c.CallbackURLs = append(c.CallbackURLs, "http://localhost:8000/callback")
			c.OpenID.Sector = "photos/client " + c.UID
		}},
		{name: "a signing algorithm of the future", change: func(o *object) {
			o.Spec.OAuth2 = &v1alpha1.OAuth2Spec{OpenID: &v1alpha1.OpenIDSpec{IDTokenSigningAlgorithm: "none"}}
		}, want: func(*client) {}},
		{name: "claims of the client's own", change: func(o *object) {
			o.Spec.OAuth2 = withMapping("login", "owner.name")
		}, want: func(c *client) {
			m, err := claimmap.Compile("login", "owner.name")
			if err != nil {
				t.Fatal(err)
			}
			c.OpenID.Mappings = []claimmap.Mapping{m}
		}},
		{name: "N211 scopes of OpenID Connect for a machine", change: func(o *object) {
			o.Spec.Scopes = []v1alpha1.Scope{"openid", "photos.read"}
			o.Spec.OAuth2 = &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeClientCredentials}}
			o.Spec.CallbackURLs = nil
		}, want: func(c *client) {
			c.Scopes, c.ScopesWithoutOwner = []string{"photos.read"}, []string{"photos.read"}
			c.GrantTypes, c.CallbackURLs = []authserver.GrantType{authserver.GrantClientCredentials}, nil
		}},
		{name: "durations", change: func(o *object) { o.Spec.GrantDurationDays, o.Spec.AccessTokenLifetimeSeconds = 1, 60 },
			want: func(c *client) { c.GrantDuration, c.AccessTokenLifetime = 24*time.Hour, time.Minute }},
		{name: "durations out of range", change: func(o *object) { o.Spec.GrantDurationDays, o.Spec.AccessTokenLifetimeSeconds = 91, -1 },
			want: func(*client) {}},
		{name: "ask each time", change: func(o *object) { o.Spec.Consent = v1alpha1.ConsentPrompt },
			want: func(c *client) { c.Consent = authserver.ConsentPrompt }},
		{name: "never ask", change: func(o *object) { o.Spec.Consent = v1alpha1.ConsentSkip },
			want: func(c *client) { c.Consent = authserver.ConsentSkip }},
		{name: "a consent policy of the future asks each time", change: func(o *object) { o.Spec.Consent = "Never" },
			want: func(c *client) { c.Consent = authserver.ConsentPrompt }},
		{name: "everyone", change: func(o *object) { o.Spec.Entitlement = v1alpha1.EntitlementEveryone },
			want: func(c *client) { c.EveryoneEntitled = true }},
		{name: "an entitlement policy of the future is bound", change: func(o *object) { o.Spec.Entitlement = "Anyone" },
			want: func(*client) {}},
		{name: "with a second factor", change: func(o *object) { o.Spec.SecondFactor = v1alpha1.SecondFactorRequired },
			want: func(c *client) { c.SecondFactor = true }},
		{name: "without one", change: func(o *object) { o.Spec.SecondFactor = v1alpha1.SecondFactorOptional },
			want: func(*client) {}},
		{name: "a policy about second factors of the future demands one", change: func(o *object) { o.Spec.SecondFactor = "Passkey" },
			want: func(c *client) { c.SecondFactor = true }},
		{name: "suspended", change: func(o *object) { o.Spec.Suspend = true },
			want: func(c *client) { c.Suspended, c.Accepted = true, false }},
		{name: "N04 a trouble with its Secret changes nothing", change: func(o *object) {
			o.Status.Conditions = []metav1.Condition{{Type: string(v1alpha1.ConditionReady), Status: metav1.ConditionFalse, Reason: "SecretConflict"}}
		}, want: func(*client) {}},
		{name: "the operator's word does not count", change: func(o *object) {
			o.Status.Conditions = []metav1.Condition{{Type: string(v1alpha1.ConditionAccepted), Status: metav1.ConditionFalse, Reason: "PolicyDenied"}}
		}, want: func(*client) {}},
		{name: "a scope that nobody declares", change: func(o *object) { o.Spec.Scopes = []v1alpha1.Scope{"photos.delete", "photos.read"} },
			want: func(c *client) { c.Scopes, c.ScopesWithoutOwner = []string{"photos.read"}, []string{"photos.read"} }},
		{name: "callbacks on the person's machine", change: func(o *object) {
			o.Spec.CallbackURLs = append(o.Spec.CallbackURLs, "http://localhost:8000/callback", "com.example.app:/callback")
		}, want: func(c *client) {
			c.CallbackURLs = append(c.CallbackURLs, "http://localhost:8000/callback", "com.example.app:/callback")
		}},
		{name: "two credentials", change: func(o *object) {
			o.Status.Credentials = append(o.Status.Credentials, v1alpha1.CredentialStatus{ID: "c-2", Verifier: "v-2", ExpiresAt: &expiry})
		}, want: func(c *client) {
			c.Credentials = append(c.Credentials, authserver.Credential{ID: "c-2", Verifier: "v-2", ExpiresAt: expiry.Time})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, reason := clientOf(t, photoprint(row.change))
			if reason != "" && row.name != "a grant type of the future" {
				t.Fatalf("not served: %s", reason)
			}
			if diff := cmp.Diff(served(row.want), got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAClientHasWhatItsProfileHas(t *testing.T) {
	type object = v1alpha1.OAuthClient
	type client = authserver.Client
	suspended := metav1.NewTime(start.Add(time.Hour))
	code := []authserver.GrantType{authserver.GrantAuthorizationCode}
	everything := func(o *object) {
		grants := []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken, v1alpha1.GrantTypeClientCredentials}
		o.Spec.OAuth2 = &v1alpha1.OAuth2Spec{GrantTypes: grants}
		o.Spec.OAuth1 = &v1alpha1.OAuth1Spec{SignatureMethods: []v1alpha1.SignatureMethod{v1alpha1.SignatureHMACSHA1}, OutOfBand: true}
		o.Spec.ConnectionsCloud = &v1alpha1.ConnectionsCloudSpec{OutOfBand: true,
			AllowSecretInURLUntil: "2026-04-01T00:00:00Z", AllowSecretInAuthorizationHeaderUntil: "2026-05-01T02:00:00+02:00"}
		o.Spec.IntegrationCloud = &v1alpha1.IntegrationCloudSpec{GrantTypes: grants, RefreshLimit: new(int32(7)),
			AllowSecretInURLUntil: "2026-04-01T00:00:00Z"}
	}
	inURL, inHeader := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	all := []authserver.GrantType{authserver.GrantAuthorizationCode, authserver.GrantRefreshToken, authserver.GrantClientCredentials}
	for _, row := range []struct {
		name    string
		profile v1alpha1.Profile
		change  func(*object)
		want    func(*client)
	}{
		{name: "OAuth2 has none of it", profile: v1alpha1.ProfileOAuth2, change: everything, want: func(c *client) { c.GrantTypes = all }},
		{name: "OAuth1 with defaults", profile: v1alpha1.ProfileOAuth1, change: func(*object) {}, want: func(c *client) {
			c.GrantTypes, c.AccessTokenLifetime, c.SignatureMethods = code, 10*time.Hour, []string{"HMAC-SHA256", "HMAC-SHA1"}
		}},
		{name: "OAuth1 with everything", profile: v1alpha1.ProfileOAuth1, change: everything, want: func(c *client) {
			c.GrantTypes, c.AccessTokenLifetime, c.SignatureMethods, c.OutOfBand = code, 10*time.Hour, []string{"HMAC-SHA1"}, true
		}},
		{name: "OAuth1 with PLAINTEXT", profile: v1alpha1.ProfileOAuth1, change: func(o *object) {
			o.Spec.OAuth1 = &v1alpha1.OAuth1Spec{SignatureMethods: []v1alpha1.SignatureMethod{v1alpha1.SignaturePLAINTEXT}}
		}, want: func(c *client) {
			c.GrantTypes, c.AccessTokenLifetime, c.SignatureMethods = code, 10*time.Hour, []string{"PLAINTEXT"}
		}},
		{name: "OAuth1 with a method of the future", profile: v1alpha1.ProfileOAuth1, change: func(o *object) {
			o.Spec.OAuth1 = &v1alpha1.OAuth1Spec{SignatureMethods: []v1alpha1.SignatureMethod{"RSA-SHA256"}}
		}, want: func(c *client) { c.GrantTypes, c.AccessTokenLifetime = code, 10*time.Hour }},
		{name: "OAuth1 with a lifetime", profile: v1alpha1.ProfileOAuth1, change: func(o *object) { o.Spec.AccessTokenLifetimeSeconds = 60 },
			want: func(c *client) {
				c.GrantTypes, c.AccessTokenLifetime, c.SignatureMethods = code, time.Minute, []string{"HMAC-SHA256", "HMAC-SHA1"}
			}},
		{name: "ConnectionsCloudOAuth2 with defaults", profile: v1alpha1.ProfileConnectionsCloudOAuth2, change: func(*object) {},
			want: func(c *client) { c.AccessTokenLifetime = 2 * time.Hour }},
		{name: "ConnectionsCloudOAuth2 with everything", profile: v1alpha1.ProfileConnectionsCloudOAuth2, change: everything, want: func(c *client) {
			c.AccessTokenLifetime, c.SecretInURLUntil, c.SecretInHeaderUntil = 2*time.Hour, inURL, inHeader
		}},
		{name: "ConnectionsCloudOAuth1 with defaults", profile: v1alpha1.ProfileConnectionsCloudOAuth1, change: func(*object) {}, want: func(c *client) {
			c.GrantTypes, c.AccessTokenLifetime, c.SignatureMethods = code, 10*time.Hour, []string{"PLAINTEXT"}
		}},
		{name: "ConnectionsCloudOAuth1 with everything", profile: v1alpha1.ProfileConnectionsCloudOAuth1, change: everything, want: func(c *client) {
			c.GrantTypes, c.AccessTokenLifetime, c.SignatureMethods = code, 10*time.Hour, []string{"PLAINTEXT"}
			c.OutOfBand, c.SecretInURLUntil = true, inURL
		}},
		{name: "IntegrationCloud with defaults", profile: v1alpha1.ProfileIntegrationCloud, change: func(*object) {},
			want: func(c *client) { c.OwnerChooses = true }},
		{name: "IntegrationCloud with everything", profile: v1alpha1.ProfileIntegrationCloud, change: everything, want: func(c *client) {
			c.GrantTypes, c.OwnerChooses, c.RefreshLimit, c.SecretInURLUntil = all, true, new(7), inURL
		}},
		{name: "IntegrationCloud without refreshing", profile: v1alpha1.ProfileIntegrationCloud, change: func(o *object) { o.Spec.IntegrationCloud = &v1alpha1.IntegrationCloudSpec{RefreshLimit: new(int32(0))} },
			want: func(c *client) { c.OwnerChooses, c.RefreshLimit = true, new(0) }},
		{name: "a negative refresh limit is none at all", profile: v1alpha1.ProfileIntegrationCloud, change: func(o *object) {
			o.Spec.IntegrationCloud = &v1alpha1.IntegrationCloudSpec{RefreshLimit: new(int32(-1))}
		},
			want: func(c *client) { c.OwnerChooses, c.RefreshLimit = true, new(0) }},
		{name: "IntegrationCloud, public", profile: v1alpha1.ProfileIntegrationCloud, change: func(o *object) {
			o.Spec.IntegrationCloud = &v1alpha1.IntegrationCloudSpec{ClientType: v1alpha1.ClientTypePublic}
		},
			want: func(c *client) { c.OwnerChooses, c.Public = true, true }},
		{name: "a time that cannot be read is past", profile: v1alpha1.ProfileIntegrationCloud, change: func(o *object) {
			o.Spec.IntegrationCloud = &v1alpha1.IntegrationCloudSpec{AllowSecretInURLUntil: "tomorrow"}
		}, want: func(c *client) { c.OwnerChooses = true }},
		{name: "suspended once", profile: v1alpha1.ProfileIntegrationCloud, change: func(o *object) { o.Status.ValidAfter = &suspended },
			want: func(c *client) { c.OwnerChooses, c.NotBefore = true, suspended.Time }},
		{name: "a client ID from elsewhere", profile: v1alpha1.ProfileConnectionsCloudOAuth2, change: func(o *object) {
			o.Spec.ClientID, o.Status.ClientID = "app_1", "app_1"
		}, want: func(c *client) { c.AccessTokenLifetime, c.ID = 2*time.Hour, "app_1" }},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, reason := clientOf(t, photoprint(func(o *object) { o.Spec.Profile = row.profile }, row.change))
			if reason != "" {
				t.Fatalf("not served: %s", reason)
			}
			want := served(func(c *client) { c.Profile = authserver.Profile(row.profile) }, row.want, func(c *client) {
				c.PKCEOptional = c.Profile != authserver.ProfileOAuth2 && !c.Public // older than PKCE
				if c.Profile != authserver.ProfileOAuth2 {
					c.OpenID = authserver.OpenIDSettings{}
				}
			})
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// The two packages name the profiles each for itself.
func TestEveryProfileOfTheAPIIsServed(t *testing.T) {
	declared := []v1alpha1.Profile{v1alpha1.ProfileOAuth2, v1alpha1.ProfileOAuth1, v1alpha1.ProfileConnectionsCloudOAuth2,
		v1alpha1.ProfileConnectionsCloudOAuth1, v1alpha1.ProfileIntegrationCloud}
	for _, p := range declared {
		if _, known := profiles[authserver.Profile(p)]; !known {
			t.Errorf("%s is not served", p)
		}
		if p.Signed() != authserver.Profile(p).Signed() {
			t.Errorf("%s is signed for one of them only", p)
		}
	}
	if len(profiles) != len(declared) {
		t.Errorf("%d profiles are served, %d declared", len(profiles), len(declared))
	}
}

func TestN03CallbacksThatCamePastTheAPIAreNotTheClients(t *testing.T) {
	for _, bad := range []v1alpha1.CallbackURL{
		"javascript:alert(1)", "data:text/html,x", "http://photoprint.example/callback", "https://photoprint.example/callback#fragment",
		"https://bob:secret@photoprint.example/callback", "/callback", "",
	} {
		got, reason := clientOf(t, photoprint(func(o *v1alpha1.OAuthClient) { o.Spec.CallbackURLs = append(o.Spec.CallbackURLs, bad) }))
		want := served(func(c *authserver.Client) { c.Accepted = false })
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || reason == "" {
			t.Errorf("%q: reason %q (-want +got)\n%s", bad, reason, diff)
		}
	}
}

func TestAnObjectThatIsNotToBeServedIsNot(t *testing.T) {
	type object = v1alpha1.OAuthClient
	now := metav1.NewTime(start)
	for _, row := range []struct {
		name   string
		change func(*object)
		want   string
	}{
		{name: "the operator has not seen it", change: func(o *object) { o.Status = v1alpha1.OAuthClientStatus{} }, want: ""},
		{name: "it is being deleted", change: func(o *object) { o.DeletionTimestamp = &now }, want: ""},
		{name: "it has no identity", change: func(o *object) { o.UID = "" }, want: ""},
		{name: "N63 it claims another's client ID", change: func(o *object) { o.Status.ClientID = "bank.app" }, want: reasonClientID},
		{name: "N63 it claims a client ID in another case", change: func(o *object) { o.Status.ClientID = "photos.Photoprint" }, want: reasonClientID},
		{name: "N63 it claims a client ID by a name with a dot", change: func(o *object) {
			o.Namespace, o.Name, o.Status.ClientID = "photos", "print.app", "photos.photoprint"
		}, want: reasonClientID},
		{name: "N63 it brings a client ID that looks like another's", change: func(o *object) {
			o.Namespace, o.Spec.ClientID = "evil", "photos.photoprint"
		}, want: reasonLooksLike},
		{name: "N63 its status names another client ID than its spec", change: func(o *object) {
			o.Spec.ClientID, o.Status.ClientID = "app_1", "app_2"
		}, want: reasonClientID},
		{name: "its status names its name and its spec another", change: func(o *object) { o.Spec.ClientID = "app_1" }, want: reasonClientID},
		{name: "N77 its status was restored from a backup of another object", change: func(o *object) { o.Status.IdentityUID = "u-0" }, want: reasonRestored},
		{name: "N338 its status names another identity for another object", change: func(o *object) {
			o.Status.IdentityUID, o.Status.TakenOver = "u-0", &v1alpha1.TakenOverStatus{UID: "u-0", Proof: takeover(t, "u-0", "u-0")}
		}, want: reasonRestored},
		{name: "N338 its status names another identity without a proof", change: func(o *object) {
			o.Status.IdentityUID, o.Status.TakenOver = "u-0", &v1alpha1.TakenOverStatus{UID: string(o.UID), Proof: "x"}
		}, want: reasonTakenOver},
		{name: "N338 its status has the proof of another identity", change: func(o *object) {
			o.Status.IdentityUID, o.Status.TakenOver = "u-0", &v1alpha1.TakenOverStatus{UID: string(o.UID), Proof: takeover(t, "u-2", string(o.UID))}
		}, want: reasonTakenOver},
		{name: "N338 its status has the proof of another object of its name", change: func(o *object) {
			o.Status.IdentityUID, o.Status.TakenOver = "u-0", &v1alpha1.TakenOverStatus{UID: string(o.UID), Proof: takeover(t, "u-0", "u-9")}
		}, want: reasonTakenOver},
		{name: "N338 its status has the proof of another name", change: func(o *object) {
			o.Status.IdentityUID, o.Status.TakenOver = "u-0", &v1alpha1.TakenOverStatus{UID: string(o.UID), Proof: takeover(t, "u-0", string(o.UID))}
			o.Name, o.Status.ClientID = "photobook", "photos.photobook"
		}, want: reasonTakenOver},
		{name: "N338 its status has the proof of another namespace", change: func(o *object) {
			o.Status.IdentityUID, o.Status.TakenOver = "u-0", &v1alpha1.TakenOverStatus{UID: string(o.UID), Proof: takeover(t, "u-0", string(o.UID))}
			o.Namespace, o.Status.ClientID = "evil", "evil.photoprint"
		}, want: reasonTakenOver},
		{name: "a profile of the future", change: func(o *object) { o.Spec.Profile = "OAuth3" }, want: reasonProfile},
		{name: "a type of the future", change: func(o *object) { o.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: "Device"} }, want: reasonType},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, reason := clientOf(t, photoprint(row.change))
			if c != nil || reason != row.want {
				t.Errorf("clientOf = %v, %q, want %q", c, reason, row.want)
			}
		})
	}
}

// N297: what came past the API is not served either, and the log says why.
func TestN297AClientWhoseClaimsCannotBeMadeIsNotServed(t *testing.T) {
	for _, row := range []struct{ claim, expression, why string }{
		{"login", "owner.password", "undeclared reference"},
		{"sub", "owner.name", "reserved"},
	} {
		c, reason := clientOf(t, photoprint(func(o *v1alpha1.OAuthClient) { o.Spec.OAuth2 = withMapping(row.claim, row.expression) }))
		if c == nil || c.Accepted || !strings.Contains(reason, row.why) {
			t.Errorf("%s = %s: %+v because %q", row.claim, row.expression, c, reason)
		}
	}
}

func withMapping(claim, expression string) *v1alpha1.OAuth2Spec {
	return &v1alpha1.OAuth2Spec{OpenID: &v1alpha1.OpenIDSpec{
		Claims: v1alpha1.IDTokenClaims{Mappings: []v1alpha1.ClaimMapping{{Claim: claim, Expression: expression}}},
	}}
}

func pairwise(kind v1alpha1.SubjectType, sector v1alpha1.SectorIdentifier) *v1alpha1.OAuth2Spec {
	return &v1alpha1.OAuth2Spec{OpenID: &v1alpha1.OpenIDSpec{SubjectType: kind, SectorIdentifier: sector}}
}

// N292: a namespace cannot see the subjects of another one, whichever host it names.
func TestN292ASectorIsOfOneNamespace(t *testing.T) {
	sectors := map[string]bool{}
	for _, namespace := range []string{"photos", "books"} {
		c := &authserver.Client{Namespace: namespace, UID: "1"}
		for _, spec := range []*v1alpha1.OAuthClientSpec{
			{OAuth2: pairwise("Pairwise", "photoprint.example")},
			{OAuth2: pairwise("Pairwise", ""), CallbackURLs: []v1alpha1.CallbackURL{"https://photoprint.example/a", "https://photoprint.example:8443/b"}},
		} {
			sectors[sectorOf(c, spec)] = true
		}
	}
	if len(sectors) != 2 || !sectors["photos/photoprint.example"] || !sectors["books/photoprint.example"] {
		t.Errorf("the sectors are %v", sectors)
	}
}
