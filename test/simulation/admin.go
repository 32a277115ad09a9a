// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// administrator changes clients, people and keys.
type administrator struct{ s *simulation }

// act is what administrators do in a run.
func (a administrator) act() {
	for range 1 + a.s.rng.IntN(4) {
		a.s.pause("administrate")
		client := []string{photoPrint, photoPrint, desktop, limited, photoBook, report, calendar}[a.s.rng.IntN(7)]
		owner := []string{bob, bob, alice}[a.s.rng.IntN(3)]
		switch a.s.rng.IntN(9) {
		case 0:
			a.suspend(client)
		case 1:
			a.delete(client)
		case 2:
			a.restrict(client)
		case 3:
			a.withdraw(owner, client)
		case 4:
			a.removePerson(owner)
		case 5:
			a.changePassword(owner)
		case 6, 7:
			a.rotateKeys()
		default:
			a.apiServer()
		}
	}
}

// publish makes a version of the registry the newest one. Replicas learn of it later.
func (a administrator) publish(what, client string, v *version) {
	a.s.ledger.touch(client)
	a.s.versions = append(a.s.versions, v)
	a.s.coverage.count(what)
	a.s.note(what + " " + client)
}

func (a administrator) newest() *version { return a.s.versions[len(a.s.versions)-1] }

func (a administrator) suspend(client string) {
	c := a.newest().byID[client]
	if c == nil {
		return
	}
	changed := *c
	changed.Suspended = !c.Suspended
	a.publish("suspend or resume", client, a.newest().with(changed))
}

// delete deletes a client. Then, or later, the same object is created again, with another UID.
func (a administrator) delete(client string) {
	if a.newest().byID[client] != nil && a.newest().byID[client].UID == templates[client].client.UID {
		a.publish("delete", client, a.newest().without(client))
		if a.s.one(2) {
			return
		}
	}
	if a.newest().byID[client] == nil {
		a.publish("create again", client, a.newest().with(templates[client].again))
		if app := a.s.apps[client]; app != nil {
			app.uid = templates[client].again.UID // its Secret changes
		}
	}
}

// restrict takes a scope from a client, or gives it back.
func (a administrator) restrict(client string) {
	c := a.newest().byID[client]
	if c == nil {
		return
	}
	changed := *c
	if len(c.Scopes) == 1 {
		changed.Scopes = []string{scopeRead, scopeWrite}
	} else {
		n := a.s.rng.IntN(len(c.Scopes))
		changed.Scopes = slices.Delete(slices.Clone(c.Scopes), n, n+1)
	}
	if client == report {
		changed.ScopesWithoutOwner = slices.DeleteFunc([]string{scopeRead}, func(scope string) bool { return !slices.Contains(changed.Scopes, scope) })
	}
	a.publish("take or give a scope", client, a.newest().with(changed))
}

// withdraw takes from an owner that they may use a client, or gives it back.
func (a administrator) withdraw(owner, client string) {
	if templates[client].client.EveryoneEntitled || client == report {
		return
	}
	key := [2]string{owner, client}
	a.s.ledger.touch(owner + " " + client)
	delete(a.s.ledger.withdrawn, owner+" "+client)
	a.s.access.withdrawn[key] = !a.s.access.withdrawn[key]
	if a.s.access.withdrawn[key] && !a.s.access.away {
		a.s.ledger.withdrawn[owner+" "+client] = a.s.tick()
	}
	a.s.coverage.count("withdraw or give entitlement")
}

// apiServer makes the API server silent, or answer again.
func (a administrator) apiServer() {
	access := a.s.access
	access.away = !access.away
	if access.away {
		access.since, access.then = a.s.elapsed, map[[2]string]bool{}
		for key, withdrawn := range access.withdrawn {
			access.then[key] = withdrawn
		}
		a.s.coverage.count("API server away")
		for _, client := range []string{photoPrint, desktop, limited, photoBook} {
			a.s.ledger.touch(client)
		}
	}
}

// removePerson takes a person out of the directory, or brings them back. The replicas are told, as a watch does.
func (a administrator) removePerson(owner string) {
	a.s.ledger.touch(owner)
	delete(a.s.ledger.removed, owner)
	a.s.directory.gone[owner] = !a.s.directory.gone[owner]
	gone := a.s.directory.gone[owner]
	a.s.coverage.count("person removed or back")
	if a.confirm() == nil && gone && a.s.directory.gone[owner] {
		a.s.ledger.removed[owner] = a.s.tick()
	}
}

// changePassword gives a person another password.
func (a administrator) changePassword(owner string) {
	a.s.ledger.touch(owner)
	a.s.directory.passwords[owner]++
	now := a.s.directory.passwords[owner]
	a.s.coverage.count("password changed")
	if a.confirm() == nil && !a.s.directory.gone[owner] {
		a.s.ledger.changed[owner] = change{a.s.tick(), now}
	}
}

// confirm makes a replica ask the directory about everybody, until one answers.
func (a administrator) confirm() (err error) {
	for range 4 {
		_, err = once(a.s, "confirm people", func(_ *call, e *authserver.Server) (bool, error) { return true, e.ConfirmPeople(a.s.ctx) })
		if err == nil {
			return nil
		}
	}
	return err
}

// rotateKeys publishes the next key, long before it becomes the active one.
func (a administrator) rotateKeys() {
	if a.s.elapsed < a.s.nextKey {
		return
	}
	at := a.s.elapsed + credential.PublishBefore
	n := len(a.s.keySets)
	a.s.keys = append(slices.Clone(a.s.keys), credential.SetKey{
		ID: "0000000" + string(rune('1'+n)), NotBefore: start.Add(at).Truncate(time.Second), Key: fixedKey(byte(10 + n)),
	})
	a.s.keySets = append(a.s.keySets, mustKeys(credential.KeySet{Keys: a.s.keys}))
	a.s.nextKey = at + time.Minute
	a.s.ledger.deadlines = append(a.s.ledger.deadlines, at)
	a.s.coverage.count("key published")
	a.s.note("a key is published")
	for _, r := range a.s.replicas {
		if a.s.wildClocks { // a clock that is ahead by more than that hour uses the key at once
			platform(a).learnKeys(r)
		}
	}
}
