// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// many is how many requests are generated.
const many = 50_000

func TestN155ForeignSignaturesAreVerifiedAsRFC5849Says(t *testing.T) {
	requests := make([]request, many)
	for n := range requests {
		requests[n] = generate(n)
	}
	verified := make([]atomic.Bool, many)
	var accepted, different atomic.Int64
	signAll(t, requests, 5, func(s signer, r *request, a answer) {
		m, err := r.signed(a)
		if err == nil {
			err = r.verify(m)
		}
		switch {
		case err == nil:
			accepted.Add(1)
			verified[r.Number].Store(true)
			r.mutate(t, s, m)
		case differenceOf(s, r) != nil:
			different.Add(1)
		default:
			t.Errorf("%s: %v\n%+v\n%+v", s.name, err, *r, a)
		}
	})
	for n := range verified {
		if !verified[n].Load() {
			t.Errorf("nobody signs this request as we verify it: %+v", requests[n])
		}
	}
	t.Logf("%d requests: %d signatures are accepted, %d differ as the table says", many, accepted.Load(), different.Load())
}

// signed is the message that a signer has made.
func (r *request) signed(a answer) (oauth1.Message, error) {
	if a.Error != "" {
		return oauth1.Message{}, fmt.Errorf("it cannot sign: %s", a.Error)
	}
	m := oauth1.Message{Method: r.Method, URL: a.URL, Authorization: a.Authorization}
	if r.Form {
		m.Form = a.Body
	}
	return m, nil
}

var errSignature = errors.New("the signature is wrong")

// verify verifies a message as a resource would, but with any secrets in the URL.
func (r *request) verify(m oauth1.Message) error { return verify(m, r.ConsumerSecret, r.TokenSecret) }

func verify(m oauth1.Message, consumerSecret, tokenSecret string) error {
	rules := oauth1.Resource()
	rules.SecretsInURL = true
	parsed, err := oauth1.Parse(m, rules)
	if err != nil {
		return err
	}
	if !parsed.Verify(consumerSecret, tokenSecret) {
		return errSignature
	}
	return nil
}

// mutate changes a message that was accepted: in a way that breaks the signature, and in one that does not.
func (r *request) mutate(t *testing.T, s signer, m oauth1.Message) {
	g := generator{rand.New(rand.NewPCG(uint64(r.Number), uint64(len(s.name))))} //nolint:gosec // repeatable, not secret
	wrong := [][2]string{{r.ConsumerSecret + "x", r.TokenSecret}, {r.ConsumerSecret, r.TokenSecret + "x"}}[r.Number%2]
	if verify(m, wrong[0], wrong[1]) == nil {
		t.Errorf("%s: another secret is accepted: %+v", s.name, *r)
	}
	for _, kind := range []struct {
		mutations []mutation
		accepted  bool
	}{{breaking, false}, {harmless, true}} {
		c, changed := kind.mutations[g.IntN(len(kind.mutations))], m
		if !kind.accepted && r.SignatureMethod == oauth1.Plaintext {
			c = breaking[len(breaking)-1] // nothing but the signature itself is signed (§3.4.4)
		}
		for !c.change(g, &changed) {
			c, changed = kind.mutations[g.IntN(len(kind.mutations))], m
		}
		if err := r.verify(changed); (err == nil) != kind.accepted {
			t.Errorf("%s, %s: %v\n%+v\nsigned  %q\nchanged %q", s.name, c.name, err, *r, printed(m), printed(changed))
		}
	}
}

// printed shows a message, which does not print itself: it may hold secrets. These are made up.
func printed(m oauth1.Message) []string { return []string{m.Method, m.URL, m.Authorization, m.Form} }
