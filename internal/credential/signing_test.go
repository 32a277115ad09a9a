// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/credential/credentialtest"
)

func TestANewSigningKeyIsOfTheKindOfItsAlgorithm(t *testing.T) {
	kids := map[string]bool{}
	for _, algorithm := range credential.SigningAlgorithms() {
		k := credential.NewSigningKey(algorithm)
		kids[k.ID] = true
		switch public := k.Public().(type) {
		case *rsa.PublicKey:
			if algorithm == credential.ES256 || public.N.BitLen() != 2048 {
				t.Errorf("%s: an RSA key of %d bits", algorithm, public.N.BitLen())
			}
		case *ecdsa.PublicKey:
			if algorithm != credential.ES256 || public.Curve != elliptic.P256() {
				t.Errorf("%s: an ECDSA key on %s", algorithm, public.Curve.Params().Name)
			}
		default:
			t.Errorf("%s: a %T", algorithm, public)
		}
		back, err := credential.ParseSigningKey(algorithm, k.DER())
		if err != nil || !back.Equal(k) || !bytes.Equal(back.DER(), k.DER()) {
			t.Errorf("%s: the key did not come back from its bytes: %v", algorithm, err)
		}
	}
	if len(kids) != 3 {
		t.Errorf("kids %v", kids)
	}
}

// A signature is verified by the standard library, with the salt length that RFC 7518 §3.5 demands.
func TestASigningKeySignsWithItsAlgorithmOnly(t *testing.T) {
	var pool credentialtest.SigningKeys
	digest := sha256.Sum256([]byte("header.payload"))
	options := map[string]crypto.SignerOpts{
		"plain": crypto.SHA256, "longest salt": &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: crypto.SHA256},
		"salt of the hash": &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256},
		"SHA-1":            crypto.SHA1, "SHA-512": crypto.SHA512, "PSS with SHA-512": &rsa.PSSOptions{Hash: crypto.SHA512}, "none": nil,
	}
	allowed := map[credential.SigningAlgorithm][]string{
		credential.RS256: {"plain"}, credential.ES256: {"plain"}, credential.PS256: {"longest salt", "salt of the hash"},
	}
	for algorithm, allowed := range allowed {
		k := pool.New(algorithm)
		for name, opts := range options {
			signature, err := k.Sign(rand.Reader, digest[:], opts)
			if want := strings.Contains(strings.Join(allowed, ","), name); want != (err == nil) {
				t.Errorf("%s with %s: %v", algorithm, name, err)
				continue
			} else if !want {
				continue
			}
			var valid bool
			switch public := k.Public().(type) {
			case *rsa.PublicKey:
				if algorithm == credential.PS256 {
					valid = rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, &rsa.PSSOptions{SaltLength: sha256.Size}) == nil
				} else {
					valid = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
				}
			case *ecdsa.PublicKey:
				valid = ecdsa.VerifyASN1(public, digest[:], signature)
			}
			if !valid {
				t.Errorf("%s with %s: the signature is not valid", algorithm, name)
			}
		}
	}
}

func pkcs8(t *testing.T, private any, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// shortRSA returns an RSA key that has too few bits for any algorithm.
func shortRSA(t *testing.T) []byte {
	t.Helper()
	var primes []*big.Int
	for range 2 {
		p, err := rand.Prime(rand.Reader, 1000)
		if err != nil {
			t.Fatal(err)
		}
		primes = append(primes, p)
	}
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(primes[0], one), new(big.Int).Sub(primes[1], one))
	k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(primes[0], primes[1]), E: 65537}, Primes: primes}
	k.D = new(big.Int).ModInverse(big.NewInt(65537), phi)
	return pkcs8(t, k, nil)
}

func TestN198ASetWithASigningKeyThatIsWrongIsRefused(t *testing.T) {
	var pool credentialtest.SigningKeys
	set := pool.Complete(credential.KeySet{Keys: []credential.SetKey{at(t, 10, 0), at(t, 11, day)}})
	rs256, _ := set.SigningKey(credential.RS256, start.Add(day))
	es256, _ := set.SigningKey(credential.ES256, start.Add(day))
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	short, onP384 := shortRSA(t), pkcs8(t, p384, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	ofEdDSA := pkcs8(t, edwards, err)
	pkcs1, err := x509.ParsePKCS8PrivateKey(rs256.DER())
	if err != nil {
		t.Fatal(err)
	}
	const entry = "0000000b.20260302T120000Z"
	for _, row := range []struct {
		name, entry string
		value       []byte
		want        string
	}{
		{name: "empty", entry: entry + ".RS256", want: "no private key in PKCS#8"},
		{name: "text", entry: entry + ".RS256", value: []byte("hunter2"), want: "no private key in PKCS#8"},
		{name: "cut off", entry: entry + ".RS256", value: rs256.DER()[:1000], want: "no private key in PKCS#8"},
		{name: "more after it", entry: entry + ".RS256", value: append(pool.New(credential.RS256).DER(), 0), want: "no private key in PKCS#8"},
		{name: "PKCS#1", entry: entry + ".RS256", value: x509.MarshalPKCS1PrivateKey(pkcs1.(*rsa.PrivateKey)), want: "no private key in PKCS#8"},
		{name: "PEM", entry: entry + ".RS256", value: []byte("-----BEGIN PRIVATE KEY-----\n"), want: "no private key in PKCS#8"},
		{name: "large", entry: entry + ".RS256", value: make([]byte, 4097), want: "at most 4096 bytes"},
		{name: "RSA that is too short", entry: entry + ".RS256", value: short, want: "an RSA key has 2048 to 4096 bits, this has"},
		{name: "PSS that is too short", entry: entry + ".PS256", value: short, want: "an RSA key has 2048 to 4096 bits, this has"},
		{name: "ECDSA for RS256", entry: entry + ".RS256", value: es256.DER(), want: "a key of RS256 is an RSA key"},
		{name: "ECDSA for PS256", entry: entry + ".PS256", value: es256.DER(), want: "a key of PS256 is an RSA key"},
		{name: "RSA for ES256", entry: entry + ".ES256", value: rs256.DER(), want: "a key of ES256 is an ECDSA key"},
		{name: "another curve", entry: entry + ".ES256", value: onP384, want: "on the curve P-256"},
		{name: "Ed25519 for ES256", entry: entry + ".ES256", value: ofEdDSA, want: "a key of ES256 is an ECDSA key"},
		{name: "EdDSA", entry: entry + ".EdDSA", value: ofEdDSA, want: "one of RS256, PS256 and ES256"},
		{name: "none", entry: entry + ".none", want: "one of RS256, PS256 and ES256"},
		{name: "lower case", entry: entry + ".rs256", value: rs256.DER(), want: "one of RS256, PS256 and ES256"},
		{name: "a dot too much", entry: entry + ".RS256.RS256", value: rs256.DER(), want: "is missing"},
		{name: "one key for two algorithms", entry: entry + ".PS256", value: rs256.DER(), want: `the same key as the entry "` + entry + `.PS256"`},
		{name: "one key for two entries", entry: "0000000a.20260301T120000Z.RS256", value: rs256.DER(), want: "the same key as the entry"},
		{name: "of no key of the set", entry: "0000000c.20260301T120000Z.RS256", value: pool.New(credential.RS256).DER(), want: "is missing"},
		{name: "of the key at another time", entry: "0000000b.20260301T120000Z.RS256", value: pool.New(credential.RS256).DER(), want: "is missing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			data := maps.Clone(set.Data())
			data[row.entry] = row.value
			got, err := credential.ParseKeySet(data)
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "0000000") || len(got.Keys) != 0 {
				t.Fatalf("error %v, want one with %q", err, row.want)
			}
			if text := err.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, "asn1") || strings.Contains(text, "x509") {
				t.Errorf("the error %q may quote the key", text)
			}
		})
	}
	if got, err := credential.ParseKeySet(set.Data()); err != nil {
		t.Error(err)
	} else if diff := cmp.Diff(set, got); diff != "" {
		t.Errorf("the set did not come back (-want +got)\n%s", diff)
	}
}

func TestASetMayLackSigningKeys(t *testing.T) {
	data := credential.KeySet{Keys: []credential.SetKey{at(t, 10, 0)}}.Data()
	data["0000000a.20260301T120000Z.PS256"] = new(credentialtest.SigningKeys).New(credential.PS256).DER()
	set, err := credential.ParseKeySet(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(data, set.Data()); diff != "" {
		t.Errorf("what was read does not print back (-read +printed)\n%s", diff)
	}
}

// printed is v in every form that a careless line could give it.
func printed(t *testing.T, v any) string {
	t.Helper()
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%p", "%T"} {
		fmt.Fprintf(&out, verb+"\n", v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", v)
	fmt.Fprintln(&out, fmt.Errorf("wrap %v", v), cmp.Diff(v, nil))
	return out.String()
}

// carried holds a signing key where fmt does not call methods.
type carried struct{ inner credential.SigningKey }

func TestN199ASigningKeyIsNeverPrinted(t *testing.T) {
	var pool credentialtest.SigningKeys
	for _, algorithm := range credential.SigningAlgorithms() {
		k := pool.New(algorithm)
		private, err := x509.ParsePKCS8PrivateKey(k.DER())
		if err != nil {
			t.Fatal(err)
		}
		secrets := map[string]*big.Int{}
		switch private := private.(type) {
		case *rsa.PrivateKey:
			secrets["D"], secrets["P"], secrets["Q"] = private.D, private.Primes[0], private.Primes[1]
		case *ecdsa.PrivateKey:
			raw, err := private.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			secrets["D"] = new(big.Int).SetBytes(raw)
		}
		sealed := credential.SetKey{ID: "00000000", Key: counting(t), Signing: []credential.SigningKey{k}}
		var all strings.Builder
		for _, v := range []any{
			k, &k, []credential.SigningKey{k}, map[string]credential.SigningKey{"k": k}, sealed, credential.KeySet{Keys: []credential.SetKey{sealed}},
		} {
			all.WriteString(printed(t, v))
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			fmt.Fprintf(&all, verb+verb, carried{k}, &carried{k})
		}
		text := strings.ToLower(all.String())
		if !strings.Contains(text, strings.ToLower(string(algorithm)+" "+k.ID+" [redacted]")) {
			t.Errorf("%s: the key is not named by its kid", algorithm)
		}
		for name, n := range secrets {
			raw := n.Bytes()[4:24]
			decimals := strings.Trim(fmt.Sprint(raw), "[]")
			for _, form := range []string{
				n.String()[:30], hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(n.Bytes()[3:24]), base64.RawURLEncoding.EncodeToString(n.Bytes()[3:24]),
				decimals, strings.ReplaceAll(decimals, " ", ","), strings.ReplaceAll(decimals, " ", ", "), string(raw),
			} {
				if strings.Contains(text, strings.ToLower(form)) {
					t.Errorf("%s: %s leaks", algorithm, name)
				}
			}
		}
		for _, form := range []string{base64.StdEncoding.EncodeToString(k.DER())[60:90], hex.EncodeToString(k.DER())[80:120]} {
			if strings.Contains(text, strings.ToLower(form)) {
				t.Errorf("%s: the DER leaks", algorithm)
			}
		}
	}
}

func TestTheZeroSigningKeySignsNothing(t *testing.T) {
	if !(credential.SigningKey{}).IsZero() {
		t.Error("the zero SigningKey is one")
	}
	for name, use := range map[string]func(){
		"Public": func() { credential.SigningKey{}.Public() },
		"DER":    func() { credential.SigningKey{}.DER() },
		"Sign":   func() { _, _ = credential.SigningKey{}.Sign(rand.Reader, make([]byte, 32), crypto.SHA256) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			use()
		})
	}
}
