// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Trial is how one address of the source answered.
type Trial struct {
	URL string
	Err error // nil: as a login needs it
}

// Try does what a login does before somebody has logged in: it reads the client secret and the metadata of the server with its keys.
// Of an OAuth 2.0 server it asks each address whether it is there. What only a login shows it cannot tell: whether the
// server knows the client, its secret and its callback.
func (s *Source) Try(ctx context.Context) []Trial {
	trials := []Trial{{s.common.ClientSecretFile, errorOf(clientSecret(s.common.ClientSecretFile))}}
	if s.openID == nil {
		for _, address := range []string{s.oauth2.TokenURL, s.oauth2.UserInfoURL} {
			trials = append(trials, Trial{address, s.reach(ctx, address)})
		}
		return trials
	}
	p, err := s.openID.read(ctx)
	trials = append(trials, Trial{s.openID.config.Issuer, err})
	if err == nil {
		trials = append(trials, Trial{p.JWKS, s.tryKeys(ctx, p)})
	}
	return trials
}

func errorOf[T any](_ T, err error) error { return err }

// tryKeys asks for a key that is not there: the answer tells keys that can be read from keys that cannot.
func (s *Source) tryKeys(ctx context.Context, p *provider) error {
	// {"alg":"RS256"}.{}.0
	_, err := oidc.NewRemoteKeySet(withClient(ctx, s.client), p.JWKS).VerifySignature(ctx, "eyJhbGciOiJSUzI1NiJ9.e30.MA")
	if err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		return bounded(err)
	}
	return nil
}

// reach asks an address without a token. Any answer but 404 and those of a broken server will do.
func (s *Source) reach(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := s.client.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // the address is there already
		}
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode == http.StatusNotFound || res.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("the answer has status %d", res.StatusCode)
	}
	return nil
}
