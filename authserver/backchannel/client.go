// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/smallfile"
)

const (
	// answerTime is how long a client may take to answer, from the look-up of its name on.
	answerTime = 10 * time.Second
	// maxHeader bounds the header of an answer. Its body is not read.
	maxHeader = 16 << 10
)

// outbound goes to addresses that clients name, or the configuration. It uses no proxy, which would look names up by itself, and follows no redirect.
type outbound struct {
	allowed []netip.Prefix
	caFile  string
	caKey   string // what names caFile in the configuration
	timeout time.Duration
	// lookup is for tests; nil: the machine's resolver.
	lookup *net.Resolver

	mu     sync.Mutex
	pem    []byte
	client *http.Client
}

// caFileKey is the key of the configuration with the authorities of what clients name.
const caFileKey = "backChannelLogout.caFile"

// poster sends logout tokens.
type poster struct{ outbound }

// CheckCAFile returns what is wrong with a file of authorities.
func CheckCAFile(path string) error {
	_, err := authorities(path)
	return err
}

// authorities returns the certificates in a file. The empty path has none.
func authorities(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	return smallfile.Certificates(path)
}

// current returns a client with the authorities of the file as it is now. They come beside those of the machine.
func (p *outbound) current() (*http.Client, error) {
	pem, err := authorities(p.caFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.caKey, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil && bytes.Equal(pem, p.pem) {
		return p.client, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the authorities of the machine: %w", err)
	}
	roots.AppendCertsFromPEM(pem)
	dialer := &net.Dialer{Timeout: p.timeout, Control: control(p.allowed), Resolver: p.lookup}
	p.pem, p.client = pem, &http.Client{
		Timeout: p.timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout: p.timeout, MaxResponseHeaderBytes: maxHeader,
			// A connection that is kept would outlive the look-up of its name.
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p.client, nil
}

// post sends a logout token (OpenID Connect Back-Channel Logout 1.0 §2.5). The client has taken it when it answers 200 or, as some
// frameworks make of an empty answer, 204 (§2.8).
func (p *poster) post(ctx context.Context, to, token string) error {
	client, err := p.current()
	if err != nil {
		return errors.Join(errNotReady, err)
	}
	body := url.Values{"logout_token": {token}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		return errors.New("the address is no URL")
	}
	if r.URL.Scheme != "https" {
		return errors.New("the address is not https")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", "gatehouse-authserver")
	res, err := client.Do(r)
	if err != nil {
		return explain(err)
	}
	_ = res.Body.Close() // what it says beside the status is for nobody
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNoContent {
		return statusError(res.StatusCode)
	}
	return nil
}

// statusError is an answer of a client that did not take the logout token.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("the answer has status %d", int(e)) }

// answered reports whether the host did its part: it need not rest.
func answered(err error) bool {
	_, ok := errors.AsType[statusError](err)
	return ok
}

// explain says in words of ours why nobody answered. The errors of the network name addresses, and whoever may declare a client
// could find out by them what is where inside the cluster.
func explain(err error) error {
	if errors.Is(err, errInside) {
		return errInside
	}
	if _, failed := errors.AsType[*net.DNSError](err); failed {
		return errors.New("the name of the host could not be looked up")
	}
	if _, failed := errors.AsType[*tls.CertificateVerificationError](err); failed {
		return errors.New("the certificate of the host could not be verified")
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errors.New("the host did not answer in time")
	}
	return errors.New("the host could not be reached, or broke off")
}
