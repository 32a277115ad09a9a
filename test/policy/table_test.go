// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const anyCallback = `callbackURLs: ["https://h.example/cb"]`

// table says for each rule, each way, which fields of a spec a policy denies.
var table = []struct {
	policy, kind, spec string
	denied             []string
}{
	{"default", "OAuthClient", `{` + anyCallback + `}`, nil},
	{"default", "OAuthClient", `{` + anyCallback + `, profile: OAuth1}`, nil},
	{"default", "OAuthClient", `{` + anyCallback + `, profile: ""}`, nil},
	{"default", "OAuthClient", `{` + anyCallback + `, profile: IntegrationCloud}`, []string{"spec.profile"}},
	{"default", "OAuthClient", `{` + anyCallback + `, profile: ConnectionsCloudOAuth1}`, []string{"spec.profile"}},
	{"default", "OAuthClient", `{oauth2: {grantTypes: [ClientCredentials]}}`, nil},
	{"default", "OAuthClient", `{` + anyCallback + `, consent: Skip}`, []string{"spec.consent"}},
	{"default", "OAuthClient", `{` + anyCallback + `, consent: Prompt}`, nil},
	{"default", "OAuthClient", `{` + anyCallback + `, entitlement: Everyone}`, []string{"spec.entitlement"}},
	{"default", "OAuthClient", `{` + anyCallback + `, entitlement: ""}`, nil},
	{"default", "OAuthClient", `{` + anyCallback + `, clientID: app_2}`, []string{"spec.clientID"}},
	{"default", "OAuthClient", `{` + anyCallback + `, clientID: ""}`, nil},
	{"default", "OAuthClient", `{` + anyCallback + `, oauth2: {pkce: Optional}}`, []string{"spec.oauth2.pkce"}},
	{"default", "OAuthClient", `{` + anyCallback + `, oauth2: {pkce: Required}}`, nil},
	{"default", "OAuthClient", `{` + anyCallback + `, profile: OAuth1, oauth1: {outOfBand: true}}`, []string{"spec.oauth1.outOfBand"}},
	{"default", "OAuthClient", `{` + anyCallback + `, profile: OAuth1, oauth1: {signatureMethods: [PLAINTEXT]}}`, []string{"spec.oauth1.signatureMethods"}},
	{"default", "OAuthClient", `{` + anyCallback + `, profile: OAuth1, oauth1: {signatureMethods: [HMAC-SHA1]}}`, nil},
	{"default", "OAuthClient", `{callbackURLs: ["http://localhost:3000/cb", "http://[::1]/cb"]}`, nil},
	{"default", "OAuthClient", `{callbackURLs: ["com.example.app:/cb"], oauth2: {clientType: Public}}`, nil},
	{"default", "OAuthClient", `{callbackURLs: ["com.example.app:/cb", "cursor://cb"], oauth2: {clientType: Public}}`, []string{"spec.callbackURLs[1]"}},
	{"default", "OAuthClient", `{` + anyCallback + `, credentials: {secretTemplate: {type: nginx.org/oidc}}}`, []string{"spec.credentials.secretTemplate.type"}},
	{"default", "OAuthClient", `{` + anyCallback + `, credentials: {secretTemplate: {type: gatehouse.dev/oauth-client}}}`, nil},
	{"default", "OAuthClient", `{` + anyCallback + `, credentials: {secretTemplate: {labels: {team: a}, annotations: {note: b}}}}`,
		[]string{"spec.credentials.secretTemplate.labels", "spec.credentials.secretTemplate.annotations"}},
	{"default", "OAuthClient", `{` + anyCallback + `, credentials: {secretTemplate: {keys: {client-id: ID}, data: {a: b}, generate: [{key: c}]}}}`, nil},
	{"default", "OAuthClient", `{` + anyCallback + `, credentials: {secretTemplate: {preset: OAuth2Proxy}}}`, nil},
	{"default", "OAuthClient", `{` + anyCallback + `, credentials: {secretTemplate: {preset: NginxIngressController}}}`, []string{"spec.credentials.secretTemplate.preset"}},
	{"default", "OAuthClient", `{` + anyCallback + `, credentials: {secretTemplate: {preset: ArgoCD}}}`, []string{"spec.credentials.secretTemplate.preset"}},
	{"default", "ResourceServer", `{scopes: [{name: "{namespace}.read", description: Read}], credentials: {secretTemplate: {preset: EnvFrom}}}`, nil},
	{"default", "OAuthClient", `{oauth2: {grantTypes: [ClientCredentials]}, credentials: {source: ServiceAccount, serviceAccount: {names: [app]}}}`, nil},
	{"everything", "OAuthClient", `{oauth2: {grantTypes: [ClientCredentials]}, credentials: {source: ServiceAccount, serviceAccount: {names: [app], clusters: [west, in-cluster, east]}}}`, nil},
	{"everything", "OAuthClient", `{oauth2: {grantTypes: [ClientCredentials]}, credentials: {source: ServiceAccount, serviceAccount: {names: [app], clusters: [east, north, south]}}}`,
		[]string{"spec.credentials.serviceAccount.clusters"}},
	{"everything", "ResourceServer", `{scopes: [{name: "{namespace}.read", description: Read}], credentials: {source: ServiceAccount, serviceAccount: {names: [app], clusters: [north]}}}`,
		[]string{"spec.credentials.serviceAccount.clusters"}},
	{"default", "OAuthClient", `{oauth2: {grantTypes: [ClientCredentials]}, credentials: {source: ServiceAccount, serviceAccount: {names: [app], clusters: [in-cluster]}}}`, nil},
	{"default", "OAuthClient", `{oauth2: {grantTypes: [ClientCredentials]}, credentials: {source: ServiceAccount, serviceAccount: {names: [app], clusters: [in-cluster, east]}}}`,
		[]string{"spec.credentials.serviceAccount.clusters"}},
	{"default", "OAuthClient", `{` + anyCallback + `, credentials: {source: PrivateKeyJWT, privateKeyJWT: {jwksURI: "https://anywhere.example/keys"}}}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, credentials: {source: ServiceAccount, serviceAccount: {names: [app]}}}`,
		[]string{"spec.credentials.source"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, credentials: {source: FromSecret, fromSecret: {name: given}}}`,
		[]string{"spec.credentials.source"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, credentials: {source: PrivateKeyJWT, privateKeyJWT: {jwksURI: "https://b.shop.example:8443/keys?x=/y"}}}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, credentials: {source: PrivateKeyJWT, privateKeyJWT: {jwksURI: "https://evil.example/a.shop.example"}}}`,
		[]string{"spec.credentials.privateKeyJWT.jwksURI"}},
	{"team", "ResourceServer", `{scopes: [{name: photos.read, description: Read}], credentials: {source: ServiceAccount, serviceAccount: {names: [app]}}}`, []string{"spec.credentials.source"}},
	{"team", "ResourceServer", `{scopes: [{name: photos.read, description: Read}], credentials: {source: PrivateKeyJWT, privateKeyJWT: {jwksURI: "https://evil.example/keys"}}}`,
		[]string{"spec.credentials.privateKeyJWT.jwksURI"}},
	{"default", "ResourceServer", `{scopes: [{name: "{namespace}.read", description: Read}], credentials: {source: ServiceAccount, serviceAccount: {names: [app]}}}`, nil},
	{"default", "ResourceServer", `{scopes: [{name: "{namespace}.read", description: Read}], identifiers: ["api://{namespace}", "api://{namespace}/x"]}`, nil},
	{"default", "ResourceServer", `{scopes: [{name: photos.read, description: Read}]}`, []string{"spec.scopes[0].name"}},
	{"default", "ResourceServer", `{scopes: [{name: "{namespace}read", description: Read}]}`, []string{"spec.scopes[0].name"}},
	{"default", "ResourceServer", `{scopes: [{name: "{namespace}.a", description: A, from: All, withoutOwner: true}, {name: "{namespace}.b", description: B, from: Same}]}`, nil},
	{"default", "ResourceServer", `{scopes: [{name: "{namespace}.a", description: A}], identifiers: ["https://photos.example", "api://{namespace}2/x"]}`,
		[]string{"spec.identifiers[0]", "spec.identifiers[1]"}},

	{"team", "OAuthClient", `{callbackURLs: ["https://{namespace}.apps.example/cb", "https://a.{namespace}.apps.example/cb?x"], grantDurationDays: 30}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://other.apps.example/cb", "https://apps.example/cb"], grantDurationDays: 30}`, []string{"spec.callbackURLs[0]", "spec.callbackURLs[1]"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example", "https://a.b.shop.example?x", "https://a.shop.example:8443/cb"], grantDurationDays: 1}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://shop.example/cb", "https://evilshop.example/cb", "https://a.shop.example:8444/cb"], grantDurationDays: 1}`,
		[]string{"spec.callbackURLs[0]", "spec.callbackURLs[1]", "spec.callbackURLs[2]"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example.evil.example/cb", "https://evil.example/a.shop.example"], grantDurationDays: 1}`,
		[]string{"spec.callbackURLs[0]", "spec.callbackURLs[1]"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://login.example:9443/cb", "https://[2001:db8::1]/cb", "https://10.0.0.5/cb"], grantDurationDays: 1}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://login.example/cb", "https://[2001:db8::2]/cb", "https://10.0.0.6/cb"], grantDurationDays: 1}`,
		[]string{"spec.callbackURLs[0]", "spec.callbackURLs[1]", "spec.callbackURLs[2]"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, oauth2: {openID: {backChannelLogout: {uri: "https://b.shop.example:8443/told?x=/y"}}}}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, oauth2: {openID: {backChannelLogout: {uri: "https://evil.example/a.shop.example"}}}}`,
		[]string{"spec.oauth2.openID.backChannelLogout.uri"}},
	{"default", "OAuthClient", `{` + anyCallback + `, oauth2: {openID: {backChannelLogout: {uri: "https://anywhere.example"}}}}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["http://127.0.0.1/cb"], grantDurationDays: 1}`, []string{"spec.callbackURLs[0]"}},
	{"team", "OAuthClient", `{callbackURLs: ["cursor://cb", "com.example.app:/cb", "com.{namespace}.app:/cb"], oauth2: {clientType: Public}, grantDurationDays: 1}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["cursors://cb", "com.example:/cb", "com.other.app:/cb"], oauth2: {clientType: Public}, grantDurationDays: 1}`,
		[]string{"spec.callbackURLs[0]", "spec.callbackURLs[1]", "spec.callbackURLs[2]"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 31}`, []string{"spec.grantDurationDays"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"]}`, []string{"spec.grantDurationDays"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, accessTokenLifetimeSeconds: 7201}`, []string{"spec.accessTokenLifetimeSeconds"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, accessTokenLifetimeSeconds: 7200}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, profile: OAuth1}`, []string{"spec.accessTokenLifetimeSeconds"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, profile: OAuth1, accessTokenLifetimeSeconds: 60}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, profile: ConnectionsCloudOAuth2}`, nil},
	{"team", "OAuthClient", `{grantDurationDays: 1, oauth2: {grantTypes: [ClientCredentials]}}`, []string{"spec.oauth2.grantTypes"}},
	{"team", "OAuthClient", `{grantDurationDays: 1, profile: IntegrationCloud, integrationCloud: {grantTypes: [ClientCredentials]}}`, []string{"spec.integrationCloud.grantTypes"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, profile: IntegrationCloud, integrationCloud: {allowSecretInURLUntil: "2027-06-30T00:00:00Z"}}`,
		[]string{"spec.integrationCloud.allowSecretInURLUntil"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, profile: ConnectionsCloudOAuth2,
		connectionsCloud: {allowSecretInURLUntil: "2001-06-30T00:00:00Z", allowSecretInAuthorizationHeaderUntil: "2027-06-30T00:00:00Z"}}`,
		[]string{"spec.connectionsCloud.allowSecretInURLUntil", "spec.connectionsCloud.allowSecretInAuthorizationHeaderUntil"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, clientID: app_1, oauth2: {pkce: Optional}}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, clientID: "{namespace}_"}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, clientID: exact-1}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, clientID: exact-12}`, []string{"spec.clientID"}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1,
		credentials: {secretTemplate: {type: nginx.org/oidc, labels: {team: a, example.com/x: b}, annotations: {note: c, "{namespace}.example/y": d}}}}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1,
		credentials: {secretTemplate: {labels: {teams: a, argocd.argoproj.io/secret-type: repository}, annotations: {notes: c, other.example/y: d}}}}`,
		[]string{
			"spec.credentials.secretTemplate.labels", "spec.credentials.secretTemplate.labels",
			"spec.credentials.secretTemplate.annotations", "spec.credentials.secretTemplate.annotations",
		}},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, credentials: {secretTemplate: {preset: NginxIngressController}}}`, nil},
	{"team", "OAuthClient", `{callbackURLs: ["https://a.shop.example"], grantDurationDays: 1, credentials: {secretTemplate: {preset: ArgoCD}}}`,
		[]string{"spec.credentials.secretTemplate.preset"}},
	{"everything", "OAuthClient", `{` + anyCallback + `, credentials: {secretTemplate: {preset: ArgoCD}}}`, nil},
	{"team", "ResourceServer", `{scopes: [{name: photos.read, description: A}, {name: admin, description: B}, {name: "{namespace}.x", description: C, from: Selector, selector: {}}]}`, nil},
	{"team", "ResourceServer", `{scopes: [{name: photos.write, description: A}, {name: admin, description: B, from: All}, {name: "{namespace}.x", description: C, withoutOwner: true}]}`,
		[]string{"spec.scopes[0].name", "spec.scopes[1].from", "spec.scopes[2].withoutOwner"}},
	{"team", "ResourceServer", `{scopes: [{name: admin, description: A, from: ""}], identifiers: ["https://photos.example"], credentials: {secretTemplate: {labels: {team: a}}}}`, nil},
	{"team", "ResourceServer", `{scopes: [{name: admin, description: A}], identifiers: ["https://photos.example/"], credentials: {secretTemplate: {labels: {teams: a}, type: a.b/c}}}`,
		[]string{"spec.identifiers[0]", "spec.credentials.secretTemplate.type", "spec.credentials.secretTemplate.labels"}},

	{"rotating", "OAuthClient", `{` + anyCallback + `, credentials: {rotation: {intervalDays: 30}}}`, nil},
	{"rotating", "OAuthClient", `{` + anyCallback + `, credentials: {source: "", rotation: {intervalDays: 1}}}`, nil},
	{"rotating", "OAuthClient", `{` + anyCallback + `, credentials: {rotation: {intervalDays: 31}}}`, []string{"spec.credentials.rotation.intervalDays"}},
	{"rotating", "OAuthClient", `{` + anyCallback + `}`, []string{"spec.credentials.rotation.intervalDays"}},
	{"rotating", "OAuthClient", `{` + anyCallback + `, credentials: {rotation: {overlapHours: 1}}}`, []string{"spec.credentials.rotation.intervalDays"}},
	{"rotating", "OAuthClient", `{` + anyCallback + `, profile: OAuth1}`, []string{"spec.credentials.rotation.intervalDays"}},
	{"rotating", "OAuthClient", `{` + anyCallback + `, credentials: {source: FromSecret, fromSecret: {name: given}}}`, []string{"spec.credentials.source"}},
	{"rotating", "OAuthClient", `{` + anyCallback + `, oauth2: {clientType: Public}}`, nil},
	{"rotating", "OAuthClient", `{` + anyCallback + `, profile: IntegrationCloud, integrationCloud: {clientType: Public}}`, nil},
	{"rotating", "ResourceServer", `{scopes: [{name: a, description: A}], credentials: {rotation: {intervalDays: 30}}}`, nil},
	{"rotating", "ResourceServer", `{scopes: [{name: a, description: A}]}`, []string{"spec.credentials.rotation.intervalDays"}},
	{"rotating", "ResourceServer", `{scopes: [{name: a, description: A}], credentials: {source: FromSecret, fromSecret: {name: given}}}`, []string{"spec.credentials.source"}},
	{"everything", "OAuthClient", `{` + anyCallback + `, credentials: {source: FromSecret, fromSecret: {name: given}}}`, nil},

	{"everything", "OAuthClient", `{` + anyCallback + `, profile: ConnectionsCloudOAuth1, connectionsCloud: {outOfBand: true, allowSecretInURLUntil: "2030-01-01T00:00:00Z"}}`, nil},
	{"everything", "OAuthClient", `{` + anyCallback + `, consent: Skip, entitlement: Everyone, clientID: x, oauth2: {pkce: Optional}}`, nil},
	{"everything", "OAuthClient", `{callbackURLs: ["cursor://cb"], oauth2: {clientType: Public}}`, []string{"spec.callbackURLs[0]"}},
	{"everything", "ResourceServer", `{scopes: [{name: everything, description: A, from: All, withoutOwner: true}], identifiers: ["https://h.example"]}`, nil},
	{"nothing", "OAuthClient", `{oauth2: {grantTypes: [ClientCredentials]}}`, []string{"spec.profile", "spec.oauth2.grantTypes"}},
	{"nothing", "OAuthClient", `{` + anyCallback + `}`, []string{"spec.profile", "spec.oauth2.grantTypes", "spec.oauth2.grantTypes", "spec.callbackURLs[0]"}},
	{"nothing", "OAuthClient", `{` + anyCallback + `, profile: OAuth1, oauth1: {outOfBand: true}}`, []string{"spec.profile", "spec.callbackURLs[0]", "spec.oauth1.outOfBand"}},
	{"nothing", "ResourceServer", `{scopes: [{name: a, description: A}]}`, []string{"spec.scopes[0].name"}},
	{"unlabelled", "OAuthClient", `{` + anyCallback + `, consent: Skip}`, nil},
	{"empty label", "OAuthClient", `{` + anyCallback + `, consent: Skip}`, nil},
	// Admission has no policy to ask: it admits what the programs refuse.
	{"missing", "OAuthClient", `{` + anyCallback + `}`, []string{"metadata.namespace"}},
	{"missing", "ResourceServer", `{scopes: [{name: a, description: A}]}`, []string{"metadata.namespace"}},
}

// The programs and the API server say the same of each object, with the same words. N391: of a client that rotates too seldom, or does not.
// N412: of a client of another cluster that the policy does not list, which the one that is shipped does not.
func TestProgramsAndAdmissionAgreeOnTheTable(t *testing.T) {
	f := setUp(t)
	if len(table) < 60 {
		t.Fatalf("the table has %d rows", len(table))
	}
	for _, row := range table {
		t.Run(row.policy+" "+row.kind+" "+row.spec, func(t *testing.T) {
			var object client.Object
			if row.kind == "OAuthClient" {
				object = f.oauthClient(t, row.policy, row.spec)
			} else {
				object = f.resourceServer(t, row.policy, row.spec)
			}
			fields, texts := denials(f.policies[row.policy], object)
			if diff := cmp.Diff(row.denied, fields); diff != "" {
				t.Errorf("denied fields (-want +got):\n%s", diff)
			}
			got, err := refusal(f.warned.Create(t.Context(), object, client.DryRunAll))
			if err != nil {
				t.Fatal(err)
			}
			if row.policy == "missing" {
				texts = nil
			}
			if (got == "") != (len(texts) == 0) || got != "" && !slices.Contains(texts, got) {
				t.Errorf("admission says %q\nthe programs say %q", got, texts)
			}
		})
	}
}
