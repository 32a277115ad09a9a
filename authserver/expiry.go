// SPDX-License-Identifier: Apache-2.0

package authserver

import "time"

// expiring are the clients as they are now: one whose time is over is marked, so that whoever asks whether it is served
// need not know of times.
type expiring struct {
	Clients
	now func() time.Time
}

// ByID returns the client with this client ID.
func (e expiring) ByID(id string) (*Client, bool) { return e.marked(e.Clients.ByID(id)) }

// ByUID returns the client with this UID.
func (e expiring) ByUID(uid string) (*Client, bool) { return e.marked(e.Clients.ByUID(uid)) }

// marked returns a copy of a client that has expired: clients are shared.
func (e expiring) marked(c *Client, known bool) (*Client, bool) {
	if !known || c.ExpiresAt.IsZero() || e.now().Before(c.ExpiresAt) {
		return c, known
	}
	expired := *c
	expired.Expired = true
	return &expired, true
}
