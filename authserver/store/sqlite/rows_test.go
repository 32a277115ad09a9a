// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func TestRowsWrittenPerStep(t *testing.T) {
	s := openNew(t)
	fill(t, s, 30) // other people's
	g := grantNumber(1000)
	told := func(n int) authserver.Grant {
		told := grantNumber(n)
		told.ClientUID, told.Owner, told.EndOf = g.ClientUID, g.Owner, &authserver.Session{Hash: hashNumber(2), ExpiresAt: noon.Add(time.Hour)}
		return told
	}
	for _, step := range []struct {
		name string
		rows int64
		call func() error
	}{
		{"first login", 2, func() error {
			return s.CreateSession(t.Context(), authserver.Session{Hash: hashNumber(1), Owner: g.Owner, ExpiresAt: noon, CredentialVersion: "first"}, confirmed(g.Owner))
		}},
		{"login", 1, func() error {
			later := confirmed(g.Owner)
			later.ConfirmedAt = noon.Add(time.Hour)
			return s.CreateSession(t.Context(), authserver.Session{Hash: hashNumber(2), Owner: g.Owner, ExpiresAt: noon, CredentialVersion: "first"}, later)
		}},
		{"confirmation of what is known", 0, func() error {
			return s.ConfirmPeople(t.Context(), []authserver.Confirmation{confirmed(g.Owner)})
		}},
		{"approval", 1, func() error { return s.Approve(t.Context(), g, nil) }},
		{"approval for a client that is told of the session's end", 2, func() error { return s.Approve(t.Context(), told(1002), nil) }},
		{"another one in the same session", 1, func() error { return s.Approve(t.Context(), told(1003), nil) }},
		{"sign-out", 2, func() error { return s.DeleteSession(t.Context(), g.Owner, hashNumber(2)) }},
		{"sign-out where nobody is told", 1, func() error { return s.DeleteSession(t.Context(), g.Owner, hashNumber(1)) }},
		{"redemption", 1, func() error { _, err := s.Redeem(t.Context(), g.Proof.Hash, noon); return err }},
		{"refresh", 1, func() error { _, _, err := s.Rotate(t.Context(), rotation(g, 1), noon); return err }},
		{"revocation", 1, func() error { return revoked(s.Revoke(t.Context(), g.ID, noon)) }},
		{"second revocation", 0, func() error { return revoked(s.Revoke(t.Context(), g.ID, noon)) }},
		{"approval with consent", 2, func() error {
			return s.Approve(t.Context(), grantNumber(1001), &authserver.Consent{Owner: g.Owner, ClientUID: g.ClientUID})
		}},
		{"spending", 1, func() error { return s.Spend(t.Context(), hashNumber(1), noon, noon.Add(time.Hour)) }},
		{"reading", 0, func() error { _, err := s.Grant(t.Context(), g.ID); return err }},
	} {
		before := number(t, s, `SELECT total_changes()`)
		if err := step.call(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if rows := number(t, s, `SELECT total_changes()`) - before; rows != step.rows {
			t.Errorf("%s wrote %d rows, want %d", step.name, rows, step.rows)
		}
	}
}

// N62: the store's file holds no usable token, code, secret or password.
func TestTheFilesHoldNoClearValue(t *testing.T) {
	folder := t.TempDir()
	s := openAt(t, filepath.Join(folder, "gatehouse.db"))
	cookie, proof, unredeemed, nonce := rand.Text(), rand.Text(), rand.Text(), rand.Text()
	hash := func(clear string) authserver.Hash { return sha256.Sum256([]byte(clear)) }

	g, second := grantNumber(1), grantNumber(2)
	g.Proof.Hash, second.Proof.Hash = hash(proof), hash(unredeemed)
	err := errors.Join(
		s.CreateSession(t.Context(), authserver.Session{Hash: hash(cookie), Owner: g.Owner, ExpiresAt: noon.Add(time.Hour)}, confirmed(g.Owner)),
		s.Approve(t.Context(), g, &authserver.Consent{Owner: g.Owner, ClientUID: g.ClientUID, Scopes: g.Scopes, GivenAt: noon}),
		s.Approve(t.Context(), second, nil),
		s.Spend(t.Context(), hash(nonce), noon, noon.Add(time.Hour)),
	)
	_, redeemErr := s.Redeem(t.Context(), g.Proof.Hash, noon)
	_, _, rotateErr := s.Rotate(t.Context(), rotation(g, 1), noon)
	if err := errors.Join(err, redeemErr, rotateErr); err != nil {
		t.Fatal(err)
	}

	scan := func(t *testing.T) {
		content := contentOf(t, folder)
		for _, clear := range []string{cookie, proof, unredeemed, nonce} {
			if bytes.Contains(content, []byte(clear)) {
				t.Errorf("the files hold %s", clear)
			}
			h := hash(clear)
			if !bytes.Contains(content, h[:]) {
				t.Error("the files do not hold the hash of a value they should know: this scan sees nothing")
			}
		}
	}
	t.Run("while the server runs", scan)
	if err := s.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	t.Run("after it has stopped", scan)
}

// contentOf returns the bytes of all files in the folder.
func contentOf(t *testing.T, folder string) []byte {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	return all
}

// wholeTable is a step that reads a table, by its name or the letter that stands for it in a join.
var wholeTable = regexp.MustCompile(`^SCAN (grants|sessions|session_clients|factors|consents|spent|people|uses|absent_clients|[a-z])\b`)

func TestNoStatementReadsAWholeTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	s := openAt(t, path)
	for name, call := range everyCall(t.Context(), s) {
		if err := call(); err != nil && !refusal(err) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	statements := map[string]bool{}
	for range cap(s.readers.idle) {
		c := <-s.readers.idle
		for sql := range c.statements {
			statements[sql] = true
		}
		s.readers.idle <- c
	}
	number(t, s, `SELECT 1`) // the writer is at rest from here on
	for sql := range s.writer.conn.statements {
		statements[sql] = true
	}

	explained := 0
	c, err := connector(t.Context(), path, reading())()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.close() }()
	for sql := range statements {
		if strings.Contains(sql, "LIMIT 1)") { // the ping
			continue
		}
		anything := make([]driver.Value, 21)
		_, err := c.query("EXPLAIN QUERY PLAN "+sql, func(r *row) {
			_, _, _ = r.integer(), r.integer(), r.integer()
			if step := r.text(); wholeTable.MatchString(step) {
				t.Errorf("%s\nis carried out with %s", sql, step)
			} else if strings.HasPrefix(step, "SEARCH") {
				explained++
			}
		}, anything...)
		if err != nil {
			t.Errorf("explain %s: %v", sql, err)
		}
	}
	if explained < 15 {
		t.Errorf("only %d searches were explained: this test sees too little", explained)
	}
}

// A sweep is many transactions where rows are slow to remove, and others write in between.
func TestASweepEndsItsTransactionsEarly(t *testing.T) {
	for _, row := range []struct {
		name    string
		took    time.Duration // each time somebody looks at the clock
		commits int           // 20 rows, and one more that finds nothing
	}{
		{"each look takes no time", 0, 2},
		{"each look takes the whole budget", sweepBudget, 21},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, o, _ := openObserved(t)
			fill(t, s, 20)
			number(t, s, `SELECT 1`) // the writer is at rest from here on
			now := noon
			s.writer.health.now = func() time.Time { now = now.Add(row.took); return now }
			before := o.count()
			if n, err := s.Sweep(t.Context(), grantNumber(0).EndsAt, 100); n != 20 || err != nil {
				t.Errorf("Sweep() = %d, %v, want 20", n, err)
			}
			number(t, s, `SELECT 1`)
			if got := o.count() - before - 1; got != row.commits {
				t.Errorf("%d transactions, want %d", got, row.commits)
			}
			if n, err := s.Sweep(t.Context(), grantNumber(0).EndsAt, 100); n != 0 || err != nil {
				t.Errorf("Sweep() again = %d, %v", n, err)
			}
		})
	}
}
