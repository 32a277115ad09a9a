// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// maxRequestID bounds the ID of a request in the query, in bytes. The web takes none that is longer.
const maxRequestID = 64

// listRefusals returns what this replica remembers of refused requests: of a client, of the clients of a namespace, or all.
// Requests whose client is not known are in the list of the whole cluster only.
func (e *endpoint) listRefusals(r *request) (any, error) {
	given, err := r.parameters("requestID", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(given["limit"], adminapi.MaxPage)
	if err != nil {
		return nil, err
	}
	id := given["requestID"]
	if len(id) > maxRequestID {
		return nil, badRequest("requestID has at most %d bytes", maxRequestID)
	}
	namespace, name := r.PathValue("namespace"), r.PathValue("name")
	if name != "" {
		if _, ok := e.clientNamed(namespace, name); !ok {
			return nil, noSuchClient
		}
	}
	list := adminapi.RefusalList{Items: []adminapi.Refusal{}}
	for _, refused := range e.refusals.List(e.now(), func(r *authserver.RefusedRequest) bool { return id == "" || r.RequestID == id }) {
		item := e.spellRefusal(refused)
		if namespace != "" && item.Namespace != namespace || name != "" && item.Client != name {
			continue
		}
		if len(list.Items) == limit {
			list.More = true
			break
		}
		list.Items = append(list.Items, item)
	}
	return list, nil
}

// spellRefusal names the client as it is now: who had a namespace before learns nothing.
func (e *endpoint) spellRefusal(r authserver.RefusedRequest) adminapi.Refusal {
	item := adminapi.Refusal{
		RequestID: r.RequestID, At: r.At.UTC(), ClientUID: r.ClientUID, Person: r.Owner, Error: string(r.Code), Description: r.Description, Cause: r.Reason,
	}
	if c, ok := e.auth.ClientOf(r.ClientUID); ok && r.ClientUID != "" {
		item.Namespace, item.Client = c.Namespace, c.Name
	}
	if m := r.Mismatch; m.Is != "" {
		item.Mismatch = &adminapi.Mismatch{Reason: string(m.Is), Asked: m.Asked, Declared: m.Declared}
	}
	return item
}

// listRefused returns, for each client and reason, the newest request that differs from what the client declares. It tells
// nothing of people: the operator reads it. All of it is one answer, so an entry has only what an Event says: even if everything that
// is remembered is as long as it may be, the answer is less than adminapi.MaxBody.
func (e *endpoint) listRefused(r *request) (any, error) {
	if _, err := r.parameters(); err != nil {
		return nil, err
	}
	type key struct {
		uid string
		is  authserver.Mismatch
	}
	listed := map[key]bool{}
	list := adminapi.RefusalList{Items: []adminapi.Refusal{}}
	for _, refused := range e.refusals.List(e.now(), func(r *authserver.RefusedRequest) bool { return r.ClientUID != "" && r.Mismatch.Is != "" }) {
		k := key{refused.ClientUID, refused.Mismatch.Is}
		if listed[k] {
			continue
		}
		item := e.spellRefusal(refused)
		if item.Namespace == "" {
			continue
		}
		listed[k] = true
		item.Person, item.Error, item.Description, item.Cause = "", "", "", ""
		list.Items = append(list.Items, item)
	}
	return list, nil
}
