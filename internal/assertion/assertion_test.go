// SPDX-License-Identifier: Apache-2.0

package assertion

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	return must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, bits))
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	return must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(curve, rand.Reader))
}

// setOf spells keys as a JWK Set.
func setOf(t *testing.T, keys ...jose.JSONWebKey) string {
	t.Helper()
	return string(must[[]byte](t)(json.Marshal(jose.JSONWebKeySet{Keys: keys})))
}

func parsed(t *testing.T, keys ...jose.JSONWebKey) []Key {
	t.Helper()
	return must[[]Key](t)(ParseKeys([]byte(setOf(t, keys...))))
}

const claimsOfMine = `{"iss":"a.b","sub":"a.b","aud":"https://auth.example.com","jti":"1","exp":1780315260}`

// sign returns the payload signed with the key.
func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, payload string, header map[jose.HeaderKey]any) string {
	t.Helper()
	signer := must[jose.Signer](t)(jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, &jose.SignerOptions{ExtraHeaders: header}))
	return must[string](t)(must[*jose.JSONWebSignature](t)(signer.Sign([]byte(payload))).CompactSerialize())
}

func TestAnAssertionOfEachAlgorithmIsVerified(t *testing.T) {
	r, e := rsaKey(t, 2048), ecKey(t, elliptic.P256())
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := parsed(t, jose.JSONWebKey{Key: r.Public(), KeyID: "r"}, jose.JSONWebKey{Key: e.Public()}, jose.JSONWebKey{Key: public, KeyID: "ed", Algorithm: "EdDSA", Use: "sig"})
	for algorithm, key := range map[jose.SignatureAlgorithm]any{jose.RS256: r, jose.PS256: r, jose.ES256: e, jose.EdDSA: private} {
		if !slices.Contains(Algorithms(), string(algorithm)) {
			t.Errorf("%s is not among the algorithms", algorithm)
		}
		a := must[*Assertion](t)(Parse(sign(t, algorithm, key, claimsOfMine, map[jose.HeaderKey]any{"typ": "JWT"})))
		if a.Issuer != "a.b" || a.Subject != "a.b" || a.ID != "1" || !a.ExpiresAt.Equal(time.Unix(1780315260, 0)) || !a.NotBefore.IsZero() || !a.IssuedAt.IsZero() {
			t.Errorf("%s says %+v", algorithm, a)
		}
		if _, ok := a.SignedBy(keys); !ok {
			t.Errorf("%s is not verified", algorithm)
		}
	}
	if len(Algorithms()) != 4 {
		t.Errorf("the algorithms are %v", Algorithms())
	}
}

func TestAKeyIsNamedByItsThumbprint(t *testing.T) {
	// The example of RFC 7638 §3.1.
	const rfc = `{"keys":[{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}]}`
	keys := must[[]Key](t)(ParseKeys([]byte(rfc)))
	if keys[0].ID != "k-"+"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"[:22] || keys[0].KeyID != "2011-04-29" {
		t.Errorf("the key is %+v", keys[0])
	}
	again := must[[]Key](t)(ParseKeys([]byte(must[string](t)(PublicSet(keys)))))
	if len(again) != 1 || again[0].ID != keys[0].ID || !slices.Equal(again[0].algorithms, keys[0].algorithms) {
		t.Errorf("spelled again it is %+v", again)
	}
	if one, other := ServiceAccountID("1"), ServiceAccountID("2"); one == other || len(one) != len(keys[0].ID) || one[:2] == "k-" {
		t.Errorf("ServiceAccounts are named %s and %s", one, other)
	}
}

// A set of the greatest length that is read must have room in a status, whatever stands in its kids.
func TestAPublicSetIsNotLongerThanTheSetThatWasRead(t *testing.T) {
	for _, kid := range []string{strings.Repeat("<", 256), strings.Repeat("&", 256), `a\\u003cb\\`} {
		text := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"%s"}]}`, kid)
		keys := must[[]Key](t)(ParseKeys([]byte(text)))
		spelled := must[string](t)(PublicSet(keys))
		again := must[[]Key](t)(ParseKeys([]byte(spelled)))
		if len(spelled) > len(text) || again[0].KeyID != keys[0].KeyID {
			t.Errorf("%d bytes became %d: %s", len(text), len(spelled), spelled)
		}
	}
}

func TestN350AnAlgorithmThatTheKeyIsNotForIsRefused(t *testing.T) {
	r, e := rsaKey(t, 2048), ecKey(t, elliptic.P256())
	encoded := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, text := range map[string]string{
		"none":                   encoded(`{"alg":"none"}`) + "." + encoded(claimsOfMine) + ".",
		"None":                   encoded(`{"alg":"None"}`) + "." + encoded(claimsOfMine) + ".",
		"no algorithm":           encoded(`{}`) + "." + encoded(claimsOfMine) + ".",
		"none with a signature":  encoded(`{"alg":"none"}`) + "." + encoded(claimsOfMine) + "." + encoded("signature"),
		"HS256 with the modulus": sign(t, jose.HS256, r.N.Bytes(), claimsOfMine, nil),
		"HS256 with the JWK Set": sign(t, jose.HS256, []byte(setOf(t, jose.JSONWebKey{Key: r.Public()})), claimsOfMine, nil),
		"RS512":                  sign(t, jose.RS512, r, claimsOfMine, nil),
		"ES384":                  sign(t, jose.ES384, ecKey(t, elliptic.P384()), claimsOfMine, nil),
	} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	a := must[*Assertion](t)(Parse(sign(t, jose.RS256, r, claimsOfMine, nil)))
	for name, keys := range map[string][]Key{
		"the key says PS256":  parsed(t, jose.JSONWebKey{Key: r.Public(), Algorithm: "PS256"}),
		"a key for ES256":     parsed(t, jose.JSONWebKey{Key: e.Public()}),
		"another RSA key":     parsed(t, jose.JSONWebKey{Key: rsaKey(t, 2048).Public()}),
		"there is none":       nil,
		"a key with this kid": parsed(t, jose.JSONWebKey{Key: rsaKey(t, 2048).Public(), KeyID: "x"}),
	} {
		if _, ok := a.SignedBy(keys); ok {
			t.Errorf("%s, and the assertion is verified", name)
		}
	}
}

func TestN351AKidChoosesAmongTheKeysOfTheClientAndDoesNothingElse(t *testing.T) {
	mine, other := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	keys := parsed(t, jose.JSONWebKey{Key: mine.Public(), KeyID: "mine"}, jose.JSONWebKey{Key: other.Public(), KeyID: "other"})
	of := func(header map[jose.HeaderKey]any) (Key, bool) {
		return must[*Assertion](t)(Parse(sign(t, jose.ES256, mine, claimsOfMine, header))).SignedBy(keys)
	}
	for name, header := range map[string]map[jose.HeaderKey]any{"none": nil, "its own": {"kid": "mine"}} {
		if k, ok := of(header); !ok || k.KeyID != "mine" {
			t.Errorf("with the kid %s: %+v, %t", name, k, ok)
		}
	}
	for _, kid := range []string{"other", "MINE", "mine ", "../../mine", "/dev/null", "mine\x00", "' OR '1'='1", "https://evil.example/keys", strings.Repeat("m", 4000)} {
		if _, ok := of(map[jose.HeaderKey]any{"kid": kid}); ok {
			t.Errorf("with the kid %.20q it is verified", kid)
		}
	}
}

func TestN349AKeyThatTheHeaderBringsIsNotUsed(t *testing.T) {
	mine, forged := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	keys := parsed(t, jose.JSONWebKey{Key: mine.Public(), KeyID: "mine"})
	for name, header := range map[string]map[jose.HeaderKey]any{
		"jwk":         {"jwk": jose.JSONWebKey{Key: forged.Public(), KeyID: "mine"}},
		"jwk and kid": {"jwk": jose.JSONWebKey{Key: forged.Public(), KeyID: "mine"}, "kid": "mine"},
		"jku":         {"jku": "https://evil.example/keys", "kid": "mine"},
		"x5u":         {"x5u": "https://evil.example/cert", "kid": "mine"},
	} {
		a, err := Parse(sign(t, jose.ES256, forged, claimsOfMine, header))
		if err != nil {
			continue
		}
		if _, ok := a.SignedBy(keys); ok {
			t.Errorf("%s: it is verified", name)
		}
	}
}

func TestN352WhatIsNoSignedJWTOfOneReadingIsRefused(t *testing.T) {
	e := ecKey(t, elliptic.P256())
	good := sign(t, jose.ES256, e, claimsOfMine, nil)
	parts := strings.Split(good, ".")
	encrypter := must[jose.Encrypter](t)(jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: make([]byte, 16)}, nil))
	jwe := must[string](t)(must[*jose.JSONWebEncryption](t)(encrypter.Encrypt([]byte(claimsOfMine))).CompactSerialize())
	signedHeader := func(header string) string {
		encoded := base64.RawURLEncoding.EncodeToString([]byte(header))
		return encoded + "." + parts[1] + "." + parts[2]
	}
	for name, text := range map[string]string{
		"a JWE":                    jwe,
		"nothing":                  "",
		"JSON":                     fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]),
		"a fourth part":            good + ".x",
		"two parts":                parts[0] + "." + parts[1],
		"a blank before":           " " + good,
		"padding":                  parts[0] + "=." + parts[1] + "." + parts[2],
		"too long":                 sign(t, jose.ES256, e, `{"iss":"`+strings.Repeat("a", MaxLength)+`"}`, nil),
		"sub twice":                sign(t, jose.ES256, e, `{"sub":"a","sub":"b"}`, nil),
		"aud twice":                sign(t, jose.ES256, e, `{"aud":"a","aud":"b"}`, nil),
		"a claim of ours twice":    sign(t, jose.ES256, e, `{"kubernetes.io":{"serviceaccount":{"uid":"a","uid":"b"}}}`, nil),
		"alg twice":                signedHeader(`{"alg":"ES256","alg":"RS256"}`),
		"kid twice":                signedHeader(`{"alg":"ES256","kid":"a","kid":"b"}`),
		"crit":                     signedHeader(`{"alg":"ES256","crit":["exp"],"exp":1}`),
		"an unencoded payload":     signedHeader(`{"alg":"ES256","crit":["b64"],"b64":false}`),
		"b64 alone":                signedHeader(`{"alg":"ES256","b64":true}`),
		"claims that are a list":   sign(t, jose.ES256, e, `[1]`, nil),
		"claims that are a text":   sign(t, jose.ES256, e, `"text"`, nil),
		"claims that are null":     sign(t, jose.ES256, e, `null`, nil),
		"an exp that is a text":    sign(t, jose.ES256, e, `{"exp":"tomorrow"}`, nil),
		"an exp without end":       sign(t, jose.ES256, e, `{"exp":1e300}`, nil),
		"an aud that is an object": sign(t, jose.ES256, e, `{"aud":{"a":"b"}}`, nil),
		"an iss that is a number":  sign(t, jose.ES256, e, `{"iss":1}`, nil),
		"a long jti":               sign(t, jose.ES256, e, `{"jti":"`+strings.Repeat("j", maxID+1)+`"}`, nil),
	} {
		if a, err := Parse(text); err == nil {
			t.Errorf("%s is read: %+v", name, a)
		} else if strings.Contains(err.Error(), "evil") || len(err.Error()) > 200 {
			t.Errorf("%s: the error quotes: %v", name, err)
		}
	}
}

func TestN353AJWTOfAnotherTypeIsNoAssertion(t *testing.T) {
	e := ecKey(t, elliptic.P256())
	for typ, want := range map[string]bool{
		"": true, "JWT": true, "jwt": true, "application/jwt": true, "client-authentication+jwt": true,
		"at+jwt": false, "application/at+jwt": false, "logout+jwt": false, "dpop+jwt": false, "secevent+jwt": false, "JOSE": false,
	} {
		var header map[jose.HeaderKey]any
		if typ != "" {
			header = map[jose.HeaderKey]any{"typ": typ}
		}
		if _, err := Parse(sign(t, jose.ES256, e, claimsOfMine, header)); (err == nil) != want {
			t.Errorf("typ %q: %v", typ, err)
		}
	}
}

func TestN420AKeyWhosePrivateHalfIsShownIsTakenOut(t *testing.T) {
	r, e := rsaKey(t, 2048), ecKey(t, elliptic.P256())
	public, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := parsed(t, jose.JSONWebKey{Key: r.Public(), KeyID: "r"}, jose.JSONWebKey{Key: e.Public(), KeyID: "e"}, jose.JSONWebKey{Key: public, KeyID: "ed"})
	one := func(k jose.JSONWebKey) string { return string(must[[]byte](t)(json.Marshal(k))) }
	without := func(k jose.JSONWebKey, names ...string) string {
		var members map[string]any
		if err := json.Unmarshal([]byte(one(k)), &members); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			delete(members, name)
		}
		return string(must[[]byte](t)(json.Marshal(members)))
	}
	inPEM := func(kind string, der []byte, err error) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: must[[]byte](t)(der, err)}))
	}
	pkcs8 := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		return inPEM("PRIVATE KEY", der, err)
	}
	sec1, err := x509.MarshalECPrivateKey(e)
	ofEC := inPEM("EC PRIVATE KEY", sec1, err)
	spki, err := x509.MarshalPKIXPublicKey(r.Public())
	public8 := inPEM("PUBLIC KEY", spki, err)
	ofRSA := inPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r), nil)
	long := `{"keys":[` + one(jose.JSONWebKey{Key: r}) + `,{"kid":"` + strings.Repeat("k", MaxSet) + `"},` + one(jose.JSONWebKey{Key: e}) + `]}`
	for name, row := range map[string]struct{ text, left string }{
		"RSA":                        {setOf(t, jose.JSONWebKey{Key: r}), "e ed"},
		"EC":                         {setOf(t, jose.JSONWebKey{Key: e, KeyID: "another"}), "r ed"},
		"Ed25519, for something":     {setOf(t, jose.JSONWebKey{Key: ed, Use: "enc"}), "r e"},
		"two, beside a public one":   {setOf(t, jose.JSONWebKey{Key: r.Public()}, jose.JSONWebKey{Key: e}, jose.JSONWebKey{Key: ed}), "r"},
		"all":                        {setOf(t, jose.JSONWebKey{Key: r}, jose.JSONWebKey{Key: e}, jose.JSONWebKey{Key: ed}), ""},
		"one JWK":                    {one(jose.JSONWebKey{Key: e}), "r ed"},
		"of another pair":            {setOf(t, jose.JSONWebKey{Key: ecKey(t, elliptic.P256()), KeyID: "e"}), "r e ed"},
		"public ones":                {setOf(t, jose.JSONWebKey{Key: r.Public()}, jose.JSONWebKey{Key: e.Public()}), "r e ed"},
		"a private half of no point": {`{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ","d":"AQ"}]}`, "r e ed"},
		"RSA without d":              {`{"keys":[` + without(jose.JSONWebKey{Key: r}, "d") + `]}`, "e ed"},
		"RSA with a prime alone":     {`{"keys":[` + without(jose.JSONWebKey{Key: r}, "d", "q", "dp", "dq", "qi") + `]}`, "e ed"},
		"two JWKs":                   {one(jose.JSONWebKey{Key: r}) + "\n" + one(jose.JSONWebKey{Key: e}), "ed"},
		"two sets":                   {setOf(t, jose.JSONWebKey{Key: r.Public()}) + setOf(t, jose.JSONWebKey{Key: ed}), "r e"},
		"too deep":                   {strings.Repeat("[", 5000) + one(jose.JSONWebKey{Key: e}), "r e ed"},
		"no end":                     {strings.Repeat(`{"a":`, 5000), "r e ed"},
		"a list":                     {`[` + one(jose.JSONWebKey{Key: e}) + `]`, "r ed"},
		"deep inside":                {`{"data":{"jwks":{"keys":[` + one(jose.JSONWebKey{Key: e}) + `]}}}`, "r ed"},
		"a set that was cut":         {long[:MaxSet+1], "e ed"},
		"a JWK that was cut":         {strings.TrimSuffix(one(jose.JSONWebKey{Key: r}), "}"), "e ed"},
		"a set, and what is no JSON": {setOf(t, jose.JSONWebKey{Key: r}) + "<html>", "e ed"},
		"PEM, PKCS #8":               {"# ours\n" + pkcs8(r) + pkcs8(e) + pkcs8(ed), ""},
		"PEM, PKCS #1":               {ofRSA, "e ed"},
		"PEM, SEC 1":                 {ofEC, "r ed"},
		"PEM, after public ones":     {strings.Repeat(public8, 3) + pkcs8(ed), "r e"},
		"PEM, a public key":          {public8, "r e ed"},
		"PEM, of no key":             {inPEM("PRIVATE KEY", []byte("none"), nil), "r e ed"},
		"no set":                     {`[1]`, "r e ed"},
		"no JSON":                    {"-----BEGIN PRIVATE KEY-----", "r e ed"},
		"nothing":                    {"", "r e ed"},
	} {
		var left []string
		for _, k := range Undisclosed(keys, []byte(row.text)) {
			left = append(left, k.KeyID)
		}
		if got := strings.Join(left, " "); got != row.left {
			t.Errorf("%s: %q are left, want %q", name, got, row.left)
		}
	}
	if len(keys) != 3 || keys[0].KeyID != "r" || keys[2].KeyID != "ed" {
		t.Errorf("what was given in is changed: %v", keys)
	}
}

func TestN356ASetThatIsNotOfGoodPublicKeysIsRefused(t *testing.T) {
	r, e := rsaKey(t, 2048), ecKey(t, elliptic.P256())
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var many []jose.JSONWebKey
	for range MaxKeys + 1 {
		many = append(many, jose.JSONWebKey{Key: ecKey(t, elliptic.P256()).Public()})
	}
	for name, row := range map[string]struct{ set, word string }{
		"a private RSA key":       {setOf(t, jose.JSONWebKey{Key: r}), "private key"},
		"a private EC key":        {setOf(t, jose.JSONWebKey{Key: r.Public()}, jose.JSONWebKey{Key: e}), "private key"},
		"a private Ed25519 key":   {setOf(t, jose.JSONWebKey{Key: ed}), "private key"},
		"a symmetric key":         {setOf(t, jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef")}), "private key"},
		"RSA of 1024 bits":        {setOf(t, jose.JSONWebKey{Key: rsaKey(t, 1024).Public()}), "2048"},
		"RSA of 4112 bits":        {`{"keys":[{"kty":"RSA","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString(slices.Repeat([]byte{0xff}, 514)) + `"}]}`, "key 1"},
		"RSA with the exponent 1": {`{"keys":[{"kty":"RSA","e":"AQ","n":"` + base64.RawURLEncoding.EncodeToString(r.N.Bytes()) + `"}]}`, "key 1"},
		"only P-384":              {setOf(t, jose.JSONWebKey{Key: ecKey(t, elliptic.P384()).Public()}), "no public key"},
		"only for encryption":     {setOf(t, jose.JSONWebKey{Key: r.Public(), Use: "enc"}), "no public key"},
		"a point off the curve":   {`{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]}`, "key 1"},
		"no base64":               {`{"keys":[{"kty":"EC","crv":"P-256","x":"evil~","y":"AQ","kid":"evil","alg":"ES256"}]}`, "key 1"},
		"a kid that is a number":  {`{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ","kid":4711}]}`, "key 1"},
		"a use that is a number":  {`{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ","use":4711}]}`, "key 1"},
		"HS256 for an RSA key":    {setOf(t, jose.JSONWebKey{Key: r.Public(), Algorithm: "HS256"}), "alg"},
		"one kid for two":         {setOf(t, jose.JSONWebKey{Key: r.Public(), KeyID: "evil"}, jose.JSONWebKey{Key: e.Public(), KeyID: "evil"}), "kid"},
		"one key twice":           {setOf(t, jose.JSONWebKey{Key: r.Public(), KeyID: "evil"}, jose.JSONWebKey{Key: r.Public(), KeyID: "evil-2"}), "twice"},
		"too many":                {setOf(t, many...), "at most 8"},
		"none":                    {`{"keys":[]}`, "no public key"},
		"an object":               {`{}`, "JWK Set"},
		"keys that are null":      {`{"keys":null}`, "JWK Set"},
		"no set":                  {`[]`, "JWK Set"},
		"no JSON":                 {`-----BEGIN PUBLIC KEY-----`, "JWK Set"},
		"two sets":                {`{"keys":[]}{"keys":[]}`, "JWK Set"},
		"a number among them":     {`{"keys":[1]}`, "key 1"},
		"too long":                {strings.Repeat(" ", MaxSet+1), "longer"},
		"a long kid":              {setOf(t, jose.JSONWebKey{Key: r.Public(), KeyID: strings.Repeat("k", 257)}), "kid"},
	} {
		_, err := ParseKeys([]byte(row.set))
		if err == nil || !strings.Contains(err.Error(), row.word) {
			t.Errorf("%s: %v, want %q", name, err, row.word)
			continue
		}
		if quoted := quotedOf(row.set, err); len(quoted) > 0 {
			t.Errorf("%s: %v quotes %q", name, err, quoted)
		}
		if private := row.word == "private key"; private != errors.Is(err, ErrPrivate) {
			t.Errorf("%s: %v", name, err)
		}
		if none := row.word == "no public key"; none != errors.Is(err, ErrNoKeys) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if keys := parsed(t, jose.JSONWebKey{Key: r.Public(), Use: "enc"}, jose.JSONWebKey{Key: e.Public()}, jose.JSONWebKey{Key: ecKey(t, elliptic.P521()).Public()}); len(keys) != 1 {
		t.Errorf("beside keys for something else there are %d keys, want 1", len(keys))
	}
}

// quotedOf returns what an error holds of the keys of a set, but for what says of which kind they are.
func quotedOf(text string, err error) (quoted []string) {
	var set struct{ Keys []json.RawMessage }
	_ = json.Unmarshal([]byte(text), &set)
	for _, raw := range set.Keys {
		var key map[string]any
		_ = json.Unmarshal(raw, &key)
		for _, name := range append([]string{"n", "x", "y", "kid", "alg", "use"}, privateMembers...) {
			if value := fmt.Sprint(key[name]); key[name] != nil && value != "" && strings.Contains(err.Error(), value) {
				quoted = append(quoted, name)
			}
		}
	}
	return quoted
}

func TestN404TheAlgorithmsOfAClusterAreThoseOfKubernetesAndNoOthers(t *testing.T) {
	r, e, e384, e521 := rsaKey(t, 2048), ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521())
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := setOf(t, jose.JSONWebKey{Key: r.Public(), KeyID: "r", Algorithm: "RS256", Use: "sig"}, jose.JSONWebKey{Key: e.Public(), KeyID: "e", Algorithm: "ES256", Use: "sig"},
		jose.JSONWebKey{Key: e384.Public(), KeyID: "e384"}, jose.JSONWebKey{Key: e521.Public(), KeyID: "e521"}, jose.JSONWebKey{Key: public, KeyID: "ed"},
		jose.JSONWebKey{Key: r.Public(), KeyID: "r", Algorithm: "RS256", Use: "sig"})
	keys := must[[]Key](t)(ParseClusterKeys([]byte(set)))
	if len(keys) != 4 {
		t.Fatalf("%d keys are used: one is there twice, and one is on no curve of Kubernetes", len(keys))
	}
	const claims = `{"sub":"system:serviceaccount:photos:reporter","aud":["https://auth.example.com"],"exp":1780315260,"kubernetes.io":{"namespace":"photos","serviceaccount":{"name":"reporter","uid":"u"}}}`
	for algorithm, key := range map[jose.SignatureAlgorithm]any{jose.RS256: r, jose.ES256: e, jose.ES384: e384, jose.ES512: e521} {
		kid := map[jose.SignatureAlgorithm]string{jose.RS256: "r", jose.ES256: "e", jose.ES384: "e384", jose.ES512: "e521"}[algorithm]
		a := must[*Assertion](t)(ParseServiceAccountToken(sign(t, algorithm, key, claims, map[jose.HeaderKey]any{"kid": kid})))
		if a.Namespace != "photos" || a.ServiceAccount != "reporter" || a.ServiceAccountUID != "u" {
			t.Errorf("%s says %+v", algorithm, a)
		}
		if _, ok := a.SignedBy(keys); !ok {
			t.Errorf("%s is not verified", algorithm)
		}
		if _, ok := a.SignedBy(keys[1:2]); ok != (algorithm == jose.ES256) {
			t.Errorf("%s is verified by a key that is not its own, or not by its own", algorithm)
		}
		for name, header := range map[string]map[jose.HeaderKey]any{"no kid": nil, "an empty kid": {"kid": ""}} {
			nameless := must[*Assertion](t)(ParseServiceAccountToken(sign(t, algorithm, key, claims, header)))
			if slices.ContainsFunc(keys, nameless.Asks) {
				t.Errorf("%s with %s is compared with a key of the cluster", algorithm, name)
			}
		}
	}
	for algorithm, key := range map[jose.SignatureAlgorithm]any{jose.PS256: r, jose.RS512: r, jose.EdDSA: private, jose.HS256: []byte(set)} {
		if _, err := ParseServiceAccountToken(sign(t, algorithm, key, claims, nil)); err == nil {
			t.Errorf("%s is read", algorithm)
		}
	}
	if _, err := ParseKeys([]byte(setOf(t, jose.JSONWebKey{Key: e384.Public()}))); err == nil {
		t.Error("a client may have a key on the curve P-384")
	}
	for name, text := range map[string]string{
		"a private key": setOf(t, jose.JSONWebKey{Key: e, KeyID: "e"}), "none that can be used": setOf(t, jose.JSONWebKey{Key: public}), "too long": strings.Repeat(" ", MaxSet) + set,
		"two keys of one kid": setOf(t, jose.JSONWebKey{Key: e.Public(), KeyID: "x"}, jose.JSONWebKey{Key: r.Public(), KeyID: "x"}), "a short key": setOf(t, jose.JSONWebKey{Key: rsaKey(t, 1024).Public(), KeyID: "x"}),
		"a key without a kid": setOf(t, jose.JSONWebKey{Key: e.Public()}),
	} {
		if _, err := ParseClusterKeys([]byte(text)); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// JOSE tells upper case from lower case (RFC 7515 §4, RFC 7517 §4): a member of another spelling says nothing of the key.
func TestN356AMemberOfAnotherSpellingSaysNothingOfAKey(t *testing.T) {
	e := ecKey(t, elliptic.P256())
	one := string(must[[]byte](t)(json.Marshal(jose.JSONWebKey{Key: e.Public(), KeyID: "e"})))
	a := must[*Assertion](t)(Parse(sign(t, jose.ES256, e, claimsOfMine, map[jose.HeaderKey]any{"kid": "e"})))
	for _, more := range []string{`"KTY":"RSA"`, `"Kty":"OKP","Crv":"Ed25519"`, `"CRV":"P-384"`, `"USE":"enc"`, `"Key_Ops":["sign"]`} {
		for name, parse := range map[string]func([]byte) ([]Key, error){"a client": ParseKeys, "a cluster": ParseClusterKeys} {
			keys, err := parse([]byte(`{"keys":[` + strings.TrimSuffix(one, "}") + "," + more + `}]}`))
			if err != nil {
				t.Errorf("%s, with %s: %v", name, more, err)
			} else if _, ok := a.SignedBy(keys); !ok {
				t.Errorf("%s, with %s: the key verifies nothing", name, more)
			}
		}
	}
	for name, set := range map[string]string{
		"kty":      `{"keys":[` + strings.Replace(one, `"kty"`, `"KTY"`, 1) + `]}`,
		"keys":     `{"Keys":[` + one + `]}`,
		"kty, two": `{"keys":[` + strings.TrimSuffix(one, "}") + `,"kty":"RSA"}]}`,
	} {
		if keys, err := ParseKeys([]byte(set)); err == nil {
			t.Errorf("%s: %+v", name, keys)
		}
	}
}

func TestAServiceAccountOfAnotherClusterIsNamedByAllThatTellsItFromOthers(t *testing.T) {
	names := map[string]bool{ServiceAccountID("u"): true}
	for _, parts := range [][4]string{
		{"east", "i", "photos", "reporter"}, {"west", "i", "photos", "reporter"}, {"east", "j", "photos", "reporter"}, {"east", "i", "books", "reporter"}, {"east", "i", "photos", "other"},
		{"easti", "", "photos", "reporter"}, {"east", "ip", "hotos", "reporter"}, {"east", "i", "photosr", "eporter"},
	} {
		id := OtherClusterAccountID(parts[0], parts[1], parts[2], parts[3])
		if names[id] || len(id) != len(ServiceAccountID("u")) || !strings.HasPrefix(id, "s-") {
			t.Errorf("%v is called %s, as another one, or in another form", parts, id)
		}
		names[id] = true
	}
}
