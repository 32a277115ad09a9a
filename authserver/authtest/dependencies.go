// SPDX-License-Identifier: Apache-2.0

package authtest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Clock is a clock that stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows now.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now returns what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Clients stands in for the cluster's clients.
type Clients struct {
	mu     sync.RWMutex
	byID   map[string]*authserver.Client
	apis   map[string]*authserver.ResourceServer
	scopes map[string]string
	public []string
}

// PutResourceServer adds a resource server, or replaces the one with its ID.
func (c *Clients) PutResourceServer(r authserver.ResourceServer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apis == nil {
		c.apis = map[string]*authserver.ResourceServer{}
	}
	c.apis[r.ID] = &r
}

// ChangeResourceServer replaces the resource server with a changed copy. There must be one.
func (c *Clients) ChangeResourceServer(id string, change func(*authserver.ResourceServer)) {
	r, _ := c.ResourceServerByID(id)
	changed := *r
	change(&changed)
	c.PutResourceServer(changed)
}

// ResourceServerByID is of authserver.Clients.
func (c *Clients) ResourceServerByID(id string) (*authserver.ResourceServer, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.apis[id]
	return r, ok
}

// ResourceServerByIdentifier is of authserver.Clients.
func (c *Clients) ResourceServerByIdentifier(identifier string) (*authserver.ResourceServer, bool) {
	return c.findResourceServer(func(r *authserver.ResourceServer) []string { return r.Identifiers }, identifier)
}

// ResourceServerOf is of authserver.Clients.
func (c *Clients) ResourceServerOf(scope string) (*authserver.ResourceServer, bool) {
	return c.findResourceServer(func(r *authserver.ResourceServer) []string { return r.OwnedScopes }, scope)
}

func (c *Clients) findResourceServer(has func(*authserver.ResourceServer) []string, name string) (*authserver.ResourceServer, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, r := range c.apis {
		if slices.Contains(has(r), name) {
			return r, true
		}
	}
	return nil, false
}

// Put adds a client, or replaces the one with its ID.
func (c *Clients) Put(client authserver.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = map[string]*authserver.Client{}
	}
	c.byID[client.ID] = &client
}

// Change replaces the client with a changed copy. There must be one.
func (c *Clients) Change(id string, change func(*authserver.Client)) {
	client, _ := c.ByID(id)
	changed := *client
	change(&changed)
	c.Put(changed)
}

// Delete removes a client.
func (c *Clients) Delete(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byID, id)
}

// Explain gives a scope its description.
func (c *Clients) Explain(scope, description string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.scopes == nil {
		c.scopes = map[string]string{}
	}
	c.scopes[scope] = description
}

// ByID is of authserver.Clients.
func (c *Clients) ByID(id string) (*authserver.Client, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	client, ok := c.byID[id]
	return client, ok
}

// ByUID is of authserver.Clients.
func (c *Clients) ByUID(uid string) (*authserver.Client, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, client := range c.byID {
		if client.UID == uid {
			return client, true
		}
	}
	return nil, false
}

// Scope is of authserver.Clients.
func (c *Clients) Scope(name string) (authserver.Scope, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	description, ok := c.scopes[name]
	return authserver.Scope{Name: name, Description: description}, ok
}

// OpenToAll sets the scopes that are open to the clients of all namespaces.
func (c *Clients) OpenToAll(scopes ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.public = scopes
}

// PublicScopes is of authserver.Clients.
func (c *Clients) PublicScopes() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.public
}

// Entitlement stands in for the API server's answers.
type Entitlement struct {
	mu      sync.Mutex
	allowed map[[2]string]bool
	down    bool
	age     time.Duration
	asked   int
}

// Allow entitles an owner to a client.
func (e *Entitlement) Allow(owner, clientID string) { e.set(owner, clientID, true) }

// Withdraw takes the entitlement back.
func (e *Entitlement) Withdraw(owner, clientID string) { e.set(owner, clientID, false) }

func (e *Entitlement) set(owner, clientID string, allowed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.allowed == nil {
		e.allowed = map[[2]string]bool{}
	}
	e.allowed[[2]string{owner, clientID}] = allowed
}

// Down makes the API server silent. What is remembered of it is as old as age.
func (e *Entitlement) Down(age time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down, e.age = true, age
}

// Up makes the API server answer again.
func (e *Entitlement) Up() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = false
}

// Asked returns how many questions there were.
func (e *Entitlement) Asked() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

// Entitled is of authserver.Entitlement.
func (e *Entitlement) Entitled(_ context.Context, o authserver.Owner, c *authserver.Client, stale time.Duration) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	if e.down && (stale == 0 || e.age > stale) {
		return false, authserver.ErrUnavailable
	}
	return e.allowed[[2]string{o.Name, c.ID}], nil
}

// Audit keeps the audit events in memory.
type Audit struct {
	mu     sync.Mutex
	events []authserver.Event
}

// Record is of authserver.Auditor.
func (a *Audit) Record(_ context.Context, e authserver.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
}

// Events returns the events so far with this name, or all if it is "".
func (a *Audit) Events(name authserver.EventName) []authserver.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []authserver.Event
	for _, e := range a.events {
		if name == "" || e.Name == name {
			out = append(out, e)
		}
	}
	return out
}
