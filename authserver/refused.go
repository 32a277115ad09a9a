// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/terminal"
)

// Bounds of what is remembered of refused requests. All of it takes less than 8 MiB: the values of an entry have at most 2 KiB,
// and what holds them less than two.
const (
	maxRefused = 2048
	// maxRefusedOfClient bounds the entries of one client, and maxRefusedUnknown those of requests whose client is not known.
	maxRefusedOfClient = 64
	maxRefusedUnknown  = 256
	// RefusedMemory is how long a refused request is remembered at most.
	RefusedMemory = 24 * time.Hour

	maxRefusedValue  = 256 // bytes of one value
	maxRefusedValues = 8   // values of one list
	maxRefusedList   = 512 // bytes of the values of one list
	// moreValues stands for the values of a list that are left out.
	moreValues = "..."
)

// RefusedRequest is what is remembered of a request that was refused. It holds no secret, token, code or password: what came
// with the request is kept only where a Mismatch names it, and cleaned.
type RefusedRequest struct {
	RequestID string
	At        time.Time
	ClientUID string // empty: the client is not known
	Owner     string // the name of the person it was about; may be empty
	Code      Code
	// Description is what the outside was told, and Reason what only those who run the server are. Either may be empty.
	Description, Reason string
	// Mismatch says how the request differs from what the client declares; zero: that is not why.
	Mismatch MismatchDetail
}

// Refusals remembers the requests that were refused lately, in this process only. It is bounded in all and for each client, so
// that no client pushes out what is remembered of another one. Its methods may be called in parallel. Nil remembers nothing.
type Refusals struct {
	mu   sync.Mutex
	of   map[string][]RefusedRequest // by client UID, oldest first
	size int
}

// NewRefusals returns a memory that is empty.
func NewRefusals() *Refusals { return &Refusals{of: map[string][]RefusedRequest{}} }

// Remember takes in a refused request, with its values cleaned and cut to a bounded length.
func (m *Refusals) Remember(r RefusedRequest) {
	if m == nil || r.RequestID == "" {
		return
	}
	r = r.cleaned()
	m.mu.Lock()
	defer m.mu.Unlock()
	limit := maxRefusedOfClient
	if r.ClientUID == "" {
		limit = maxRefusedUnknown
	}
	m.forget(r.ClientUID, r.At)
	switch {
	case len(m.of[r.ClientUID]) >= limit:
		m.drop(r.ClientUID, 1)
	case m.size >= maxRefused:
		m.drop(m.largest(), 1)
	}
	m.of[r.ClientUID] = append(m.of[r.ClientUID], r)
	m.size++
}

// largest returns whose entries are the most. Of several the one with the oldest entry.
func (m *Refusals) largest() (uid string) {
	most, oldest := 0, time.Time{}
	for other, entries := range m.of {
		if n := len(entries); n > most || n == most && entries[0].At.Before(oldest) {
			uid, most, oldest = other, n, entries[0].At
		}
	}
	return uid
}

// forget drops the entries of a client that are too old at now.
func (m *Refusals) forget(uid string, now time.Time) {
	entries, old := m.of[uid], 0
	for old < len(entries) && now.Sub(entries[old].At) >= RefusedMemory {
		old++
	}
	m.drop(uid, old)
}

// drop drops the n oldest entries of a client.
func (m *Refusals) drop(uid string, n int) {
	if n == 0 {
		return
	}
	if m.of[uid] = slices.Delete(m.of[uid], 0, n); len(m.of[uid]) == 0 {
		delete(m.of, uid)
	}
	m.size -= n
}

// List returns the refused requests that wanted chooses and that are not too old at now, newest first.
func (m *Refusals) List(now time.Time, wanted func(*RefusedRequest) bool) (found []RefusedRequest) {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, entries := range m.of {
		for n := range entries {
			if now.Sub(entries[n].At) < RefusedMemory && wanted(&entries[n]) {
				found = append(found, entries[n])
			}
		}
	}
	slices.SortStableFunc(found, func(a, b RefusedRequest) int { return b.At.Compare(a.At) })
	return found
}

// cleaned returns the entry with bounded values in printable ASCII. It shares no memory with the request, which would live as long.
func (r RefusedRequest) cleaned() RefusedRequest {
	r.ClientUID = strings.Clone(r.ClientUID)
	r.RequestID, r.Owner = cleanValue(r.RequestID), cleanText(r.Owner)
	r.Description, r.Reason = cleanText(r.Description), cleanText(r.Reason)
	r.Mismatch.Asked, r.Mismatch.Declared = cleanValues(r.Mismatch.Asked), cleanValues(r.Mismatch.Declared)
	return r
}

// cleanText cuts a text of our own, or a name, to a bounded length, without line breaks and other signs that steer a terminal.
func cleanText(text string) string {
	return mapped(text, func(r rune) rune {
		if terminal.Steers(r) {
			return '?'
		}
		return r
	})
}

// cleanValue leaves of what came with a request only printable ASCII, at most maxRefusedValue bytes.
func cleanValue(value string) string {
	return mapped(value, func(r rune) rune {
		if r <= ' ' || r > '~' || r == '"' || r == '\\' || r == '`' {
			return '?'
		}
		return r
	})
}

// mapped returns a copy of a text, cut to a bounded length, with its signs changed. Both strings.Map and a slice of a string can share
// the memory of the text.
func mapped(text string, change func(rune) rune) string {
	if len(text) > maxRefusedValue {
		text = strings.ToValidUTF8(text[:maxRefusedValue], "")
	}
	return strings.Clone(strings.Map(change, strings.ToValidUTF8(text, "?")))
}

// cleanValues cleans the first values, as many as there is room for, and says whether there were more.
func cleanValues(values []string) []string {
	out, room := make([]string, 0, min(len(values), maxRefusedValues)), maxRefusedList
	for n, v := range values {
		v = cleanValue(v)
		if room -= len(v); room < 0 || n == maxRefusedValues-1 && len(values) > maxRefusedValues {
			return append(out, moreValues)
		}
		out = append(out, v)
	}
	return out
}
