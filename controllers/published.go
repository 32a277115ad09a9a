// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// published remembers when a status that brings a credential was written. The Secret gets that credential publishLag later: how long what
// comes before takes, a dry run or the write itself, must not shorten that. An operator that was started meanwhile goes by the time in the
// status. The zero value is ready.
type published struct {
	mu sync.Mutex
	of map[objectRef]publication
}

// publication is when the API server had answered that it has the status with the credential.
type publication struct {
	credential string
	at         time.Time
}

// wrote notes it, and forgets what counts no more.
func (p *published) wrote(of objectRef, credential string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.of, func(_ objectRef, last publication) bool { return now.Sub(last.at).Abs() >= publishLag })
	if p.of == nil {
		p.of = map[objectRef]publication{}
	}
	p.of[of] = publication{credential: credential, at: now}
}

// at returns when the status with the last of the credentials was written. Zero: it is not known, or long ago.
func (p *published) at(of objectRef, credentials []v1alpha1.CredentialStatus) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.of[of]
	if n := len(credentials) - 1; n < 0 || credentials[n].ID != last.credential {
		return time.Time{}
	}
	return last.at
}

// publish writes a status that was decided. A credential that a rotation made is dated when the status is written.
func (i *Issuance) publish(ctx context.Context, s subject, status v1alpha1.OAuthClientStatus) (subject, error) {
	before, last := s.status.Credentials, len(status.Credentials)-1
	// Where the operator makes the secrets, the one before has no end until the Secret is written.
	rotated := last > 0 && len(before) > 0 && before[len(before)-1].ID == status.Credentials[last-1].ID && status.Credentials[last-1].ExpiresAt == nil
	if !rotated {
		return i.writeStatus(ctx, s, status)
	}
	status = *status.DeepCopy()
	status.Credentials[last].IssuedAt = second(i.Now())
	after, err := i.writeStatus(ctx, s, status)
	if err == nil {
		i.published.wrote(s.ref(), status.Credentials[last].ID, i.Now())
	}
	return after, err
}
