// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// maxToken bounds a code, and a refresh token that is kept.
const maxToken = 4096

// Begin is as of authserver.Upstreams.
func (s *Source) Begin(ctx context.Context, r authserver.UpstreamRequest) (string, error) {
	e, err := s.endpoint(ctx, r.RedirectURI, false)
	if err != nil {
		return "", err
	}
	if e.provider == nil && r.MaxAge != nil {
		return "", authserver.NewUpstreamError(authserver.UpstreamLoginOld, errors.New("OAuth 2.0 has no way to ask for a new login"))
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(r.CodeVerifier)}
	for name, value := range s.common.AuthorizationParameters {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	if e.provider != nil {
		options = append(options, oauth2.SetAuthURLParam("nonce", r.Nonce))
		if r.LoginHint != "" {
			options = append(options, oauth2.SetAuthURLParam("login_hint", r.LoginHint))
		}
		if r.MaxAge != nil {
			options = append(options, oauth2.SetAuthURLParam("max_age", strconv.FormatUint(uint64(*r.MaxAge), 10)))
		}
		switch {
		case r.MaxAge != nil && *r.MaxAge == 0:
			options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
		case r.SelectAccount:
			options = append(options, oauth2.SetAuthURLParam("prompt", "select_account"))
		}
	}
	return e.AuthCodeURL(r.State, options...), nil
}

// Finish is as of authserver.Upstreams.
func (s *Source) Finish(ctx context.Context, a authserver.UpstreamAnswer) (authserver.UpstreamLogin, error) {
	if a.Code == "" || len(a.Code) > maxToken {
		return authserver.UpstreamLogin{}, answerUnfit(errors.New("there is no code of usual length"))
	}
	e, err := s.endpoint(ctx, a.RedirectURI, true)
	if err != nil {
		return authserver.UpstreamLogin{}, err
	}
	if e.provider != nil && a.Nonce == "" { // it would be taken for a refresh
		return authserver.UpstreamLogin{}, answerUnfit(errors.New("the login has no nonce"))
	}
	// RFC 9207 §2.4: before anything is sent to a server that did not send the code.
	if e.provider != nil && (a.Issuer != e.provider.Issuer) && (a.Issuer != "" || e.provider.NamesIssuer) {
		return authserver.UpstreamLogin{}, answerUnfit(errors.New("the answer is from another server (iss)"))
	}
	token, err := e.Exchange(withClient(ctx, s.client), a.Code, oauth2.VerifierOption(a.CodeVerifier))
	if err != nil {
		return authserver.UpstreamLogin{}, s.refused(ctx, err, false)
	}
	i, err := s.identify(ctx, e, token, a.Nonce)
	if err != nil {
		return authserver.UpstreamLogin{}, err
	}
	if e.provider != nil {
		if err := i.checkAge(a); err != nil {
			return authserver.UpstreamLogin{}, err
		}
	}
	return s.login(ctx, i)
}

// identify finds out who an access token is of.
func (s *Source) identify(ctx context.Context, e endpoint, token *oauth2.Token, nonce string) (identity, error) {
	ctx = withClient(ctx, s.client)
	if e.provider == nil {
		claims, err := get(ctx, s.client, s.oauth2.UserInfoURL, token.AccessToken)
		if err != nil {
			return identity{}, s.userInfoFailed(ctx, fmt.Errorf("userInfoURL: %w", err))
		}
		s.state.answered(ctx)
		return identity{claims: claims, refreshToken: token.RefreshToken}, nil
	}
	i, err := e.provider.verify(ctx, s.common.ClientID, token, nonce)
	if errors.Is(err, authserver.ErrUnavailable) {
		return identity{}, s.failed(ctx, err)
	}
	if err != nil {
		return identity{}, answerUnfit(err)
	}
	if s.openID.config.UserInfo {
		err = e.provider.addUserInfo(ctx, s.client, token.AccessToken, i)
	}
	if unfit, ok := errors.AsType[authserver.UpstreamError](err); ok {
		return identity{}, unfit
	}
	if err != nil {
		return identity{}, s.userInfoFailed(ctx, err)
	}
	s.state.answered(ctx)
	return i, nil
}

// login makes a person of what the source said.
func (s *Source) login(ctx context.Context, i identity) (authserver.UpstreamLogin, error) {
	owner, err := s.rules.owner(ctx, i.claims)
	if err != nil {
		return authserver.UpstreamLogin{}, err
	}
	if len(i.refreshToken) > maxToken {
		i.refreshToken = "" // nobody can be asked; the confirmation ends after a day
	}
	return authserver.UpstreamLogin{Owner: owner, RefreshToken: i.refreshToken, AuthenticatedAt: i.authenticatedAt}, nil
}

// refused tells a server that does not take a code or token from one that does not answer, and from one that does not take the client. kept
// is set where this server itself has kept what was sent.
func (s *Source) refused(ctx context.Context, err error, kept bool) error {
	said, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return s.failed(ctx, fmt.Errorf("token endpoint: %w", err))
	}
	status := 0
	if said.Response != nil {
		status = said.Response.StatusCode
	}
	code := fmt.Errorf("the token endpoint says %.100q with status %d", said.ErrorCode, status)
	switch { // what a code that somebody made up is answered with says nothing about the source
	case said.ErrorCode == "invalid_grant" || said.ErrorCode == "bad_verification_code" || said.ErrorCode == "bad_refresh_token": // the last two are GitHub's
		s.state.answered(ctx)
		return answerUnfit(code)
	case said.ErrorCode == "invalid_client" || said.ErrorCode == "unauthorized_client":
		return s.failed(ctx, code)
	case kept && isFault(status):
		return s.failed(ctx, code)
	}
	return unavailable(code)
}

// isFault reports whether a status says that a server cannot answer now, whatever it is asked.
func isFault(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// The source does not say who an access token is of that it has just issued.
var (
	// errAccessRefused: it does not take the access token (RFC 6750 §3.1, invalid_token).
	errAccessRefused = errors.New("the access token is not taken")
	// errNotTold: it takes the token, and does not say it for another reason, such as a scope that is missing or a limit.
	errNotTold = errors.New("the source does not say who it is of")
)

// userInfoFailed tells a server that does not answer from one that says no about one person, which says nothing about the source.
func (s *Source) userInfoFailed(ctx context.Context, err error) error {
	status, ok := errors.AsType[statusError](err)
	if !ok || isFault(int(status)) {
		return s.failed(ctx, err)
	}
	s.state.answered(ctx)
	cause := errNotTold
	if status == http.StatusUnauthorized {
		cause = errAccessRefused
	}
	return answerUnfit(fmt.Errorf("%w: %w", cause, err))
}
