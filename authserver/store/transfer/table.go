// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// table is what both stores keep under one name.
type table struct {
	name    string
	key     []string // the columns of the primary key, or of a unique index
	bytes   bool     // the key is one column of bytes
	columns []string // the others
}

// tables are everything that is copied, in this order. Migrations of either store that add a column add it here.
var tables = []table{
	{name: "people", key: []string{"subject"}, columns: []string{"source", "source_id", "name", "display_name", "email", "group_names",
		"credential_version", "confirmed_at", "confirmed_until", "ended_at", "refresh_token"}},
	{name: "sessions", key: []string{"hash"}, bytes: true, columns: []string{"owner", "authenticated_at", "expires_at", "credential_version", "methods", "first_hash"}},
	{name: "session_clients", key: []string{"id"}, bytes: true, columns: []string{"session", "owner", "client_uid", "due_at", "attempts", "kept_until"}},
	{name: "factors", key: []string{"id"}, bytes: true, columns: []string{"owner", "kind", "name", "data", "counter", "created_at", "used_at"}},
	{name: "grants", key: []string{"id"}, bytes: true, columns: []string{"client_uid", "owner", "scopes", "profile", "approved_at", "ends_at",
		"generation", "rotated_at", "previous_rotated_at", "revoked_at", "proof_hash", "callback", "code_challenge", "proof_expires_at",
		"authenticated_at", "nonce", "methods", "sid", "resources", "kept_until"}},
	{name: "consents", key: []string{"owner", "client_uid"}, columns: []string{"scopes", "given_at"}},
	{name: "uses", key: []string{"client_uid", "credential_id"}, columns: []string{"since", "used_at", "challenged", "unchallenged",
		"challenged_at", "unchallenged_at", "id_token_bytes", "id_token_at"}},
	{name: "absent_clients", key: []string{"client_uid"}, columns: []string{"since"}},
	{name: "spent", key: []string{"key"}, bytes: true, columns: []string{"blocked_until"}},
}

// all are the columns in the order in which rows have them: the key first.
func (t table) all() []string { return append(append([]string{}, t.key...), t.columns...) }

// row holds int64, string, []byte and nil, as all has the columns.
type row []any

// keyOf returns the key as text, the same for both stores.
func (t table) keyOf(r row) (string, error) {
	var parts []string
	for _, v := range r[:len(t.key)] {
		switch v := v.(type) {
		case string:
			parts = append(parts, v)
		case []byte:
			parts = append(parts, base64.StdEncoding.EncodeToString(v))
		default:
			return "", fmt.Errorf("a key of %s is a %T", t.name, v)
		}
	}
	text, err := json.Marshal(parts)
	return string(text), err
}

// readKey reads what keyOf wrote. Nothing stands for the place before the first row.
func (t table) readKey(text string) (row, error) {
	if text == "" {
		return nil, nil
	}
	var parts []string
	if err := json.Unmarshal([]byte(text), &parts); err != nil || len(parts) != len(t.key) {
		return nil, fmt.Errorf("the place %q is no key of %s", text, t.name)
	}
	key := make(row, len(parts))
	for i, part := range parts {
		key[i] = part
		if t.bytes {
			b, err := base64.StdEncoding.DecodeString(part)
			if err != nil {
				return nil, fmt.Errorf("the place %q is no key of %s", text, t.name)
			}
			key[i] = b
		}
	}
	return key, nil
}

// differs returns the first column in which two rows of one key differ, or "".
func (t table) differs(a, b row) string {
	for i, name := range t.all() {
		x, isBytes := a[i].([]byte)
		y, both := b[i].([]byte)
		if isBytes && both && bytes.Equal(x, y) {
			continue
		}
		if isBytes || both || a[i] != b[i] {
			return name
		}
	}
	return ""
}

// scan reads rows, which it closes.
func (t table) scan(rows *sql.Rows) (found []row, err error) {
	defer rows.Close()
	for rows.Next() {
		r := make(row, len(t.key)+len(t.columns))
		into := make([]any, len(r))
		for i := range r {
			into[i] = &r[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("read a row of %s: %w", t.name, err)
		}
		found = append(found, r)
	}
	return found, rows.Err()
}
