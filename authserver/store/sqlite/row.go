// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// row hands out the columns of one row from left to right and remembers the first one
// that was not what its table declares.
type row struct {
	columns []driver.Value
	next    int
	err     error
}

// column returns the next column as what the table declares it to be.
func column[T driver.Value](r *row) T {
	v, ok := r.columns[r.next].(T)
	if !ok && r.err == nil {
		r.err = fmt.Errorf("column %d of the row is a %T", r.next, r.columns[r.next])
	}
	r.next++
	return v
}

func (r *row) text() string    { return column[string](r) }
func (r *row) integer() int64  { return column[int64](r) }
func (r *row) time() time.Time { return time.UnixMilli(r.integer()).UTC() }

// optionalTime returns the zero time for NULL.
func (r *row) optionalTime() time.Time {
	if r.columns[r.next] == nil {
		r.next++
		return time.Time{}
	}
	return r.time()
}

// optionalInteger returns noTime for NULL.
func (r *row) optionalInteger() int64 {
	if r.columns[r.next] == nil {
		r.next++
		return noTime
	}
	return r.integer()
}

// scopes reads what scopeText wrote.
func (r *row) scopes() []string { return strings.Fields(r.text()) }

// methods returns no list for an empty text.
func (r *row) methods() []string {
	if text := r.text(); text != "" {
		return strings.Fields(text)
	}
	return nil
}

// lines returns no list for an empty text.
func (r *row) lines() []string {
	if text := r.text(); text != "" {
		return strings.Split(text, "\n")
	}
	return nil
}

// bytes fills into, which has the length that the table demands of the column.
func (r *row) bytes(into []byte) {
	if b := column[[]byte](r); copy(into, b) != len(into) && r.err == nil {
		r.err = fmt.Errorf("column %d of the row has %d bytes instead of %d", r.next-1, len(b), len(into))
	}
}

// optionalBytes returns nil for NULL.
func (r *row) optionalBytes() []byte {
	if r.columns[r.next] == nil {
		r.next++
		return nil
	}
	return slices.Clone(column[[]byte](r))
}

// optionalHash returns the zero hash for NULL.
func (r *row) optionalHash() (h authserver.Hash) {
	if r.columns[r.next] == nil {
		r.next++
		return h
	}
	r.bytes(h[:])
	return h
}

// millis is how a time is kept.
func millis(t time.Time) int64 { return t.UnixMilli() }

// optionalMillis is how a time is kept that may be zero.
func optionalMillis(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// methodText is how the names of RFC 8176 are kept, which hold no blank.
func methodText(methods []string) string { return strings.Join(methods, " ") }

// optionalBytes is how bytes are kept of which there may be none.
func optionalBytes(b []byte) driver.Value {
	if len(b) == 0 {
		return nil
	}
	return b
}

// optionalHash is how a hash is kept that may be zero.
func optionalHash(h authserver.Hash) driver.Value {
	if h == (authserver.Hash{}) {
		return nil
	}
	return h[:]
}

// scopeText is how scopes and resources are kept. They hold no blank (RFC 6749 §3.3, RFC 3986).
func scopeText(scopes []string) string { return strings.Join(scopes, " ") }
