// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var _ authserver.Directory = (*UsersFile)(nil)

// entry returns a line of a users file for a user whose password costs nothing to check.
func entry(t testing.TB, name, password string) string {
	t.Helper()
	return "- {name: " + name + ", passwordHash: " + cheap(t, password) + "}\n"
}

// open writes a users file, opens it, and returns its path and what is logged.
func open(t testing.TB, content string) (*UsersFile, string, *bytes.Buffer) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.yaml")
	write(t, path, content)
	var logged bytes.Buffer
	u, err := OpenUsersFile(Config{Path: path, Log: slog.New(slog.NewTextHandler(&logged, nil)), Pool: NewPool(2, 0), SourceKey: "users", IDFromName: true})
	if err != nil {
		t.Fatal(err)
	}
	return u, path, &logged
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// known reports whether the name can be looked up.
func known(t *testing.T, u *UsersFile, name string) bool {
	t.Helper()
	_, err := u.Lookup(t.Context(), name)
	if err != nil && !errors.Is(err, authserver.ErrNotFound) {
		t.Fatalf("Lookup(%q): %v", name, err)
	}
	return err == nil
}

func TestAPersonLogsInWithTheirOwnPasswordOnly(t *testing.T) {
	u, _, _ := open(t, "users:\n"+entry(t, "bob", "tulip")+entry(t, "alice", "rose"))
	for _, row := range []struct {
		name, user, password string
		want                 error
	}{
		{name: "bob", user: "bob", password: "tulip"},
		{name: "alice", user: "alice", password: "rose"},
		{name: "another's password", user: "bob", password: "rose", want: authserver.ErrWrongPassword},
		{name: "no password", user: "bob", want: authserver.ErrWrongPassword},
		{name: "unknown", user: "eve", password: "tulip", want: authserver.ErrWrongPassword},
		{name: "nobody", want: authserver.ErrWrongPassword},
		{name: "another case", user: "Bob", password: "tulip", want: authserver.ErrWrongPassword},
		{name: "a space more", user: "bob ", password: "tulip", want: authserver.ErrWrongPassword},
		{name: "more than bcrypt reads", user: "bob", password: strings.Repeat("t", 100), want: authserver.ErrWrongPassword},
	} {
		t.Run(row.name, func(t *testing.T) {
			owner, err := u.Authenticate(t.Context(), row.user, row.password, authserver.LaneAnybody)
			if !errors.Is(err, row.want) {
				t.Fatalf("error %v, want %v", err, row.want)
			}
			if err == nil && owner.Name != row.user || err != nil && owner.Subject != "" {
				t.Errorf("owner %+v", owner)
			}
		})
	}
}

func TestAnUnknownNameAndAWrongPasswordGiveTheSameAnswer(t *testing.T) {
	u, _, _ := open(t, "users:\n"+entry(t, "bob", "tulip"))
	_, unknown := u.Authenticate(t.Context(), "eve", "x", authserver.LaneAnybody)
	_, wrong := u.Authenticate(t.Context(), "bob", "x", authserver.LaneAnybody)
	if diff := cmp.Diff(wrong.Error(), unknown.Error()); diff != "" {
		t.Errorf("(-wrong password +unknown name)\n%s", diff)
	}
}

// countingHash counts comparisons with the hash it stands for.
type countingHash struct {
	hash
	compared *atomic.Int32
}

func (c countingHash) verify(password []byte) bool {
	c.compared.Add(1)
	return c.hash.verify(password)
}

func TestAnUnknownNameCostsOneComparisonWithTheDecoyAsAKnownOneWithItsHash(t *testing.T) {
	u, _, _ := open(t, "users:\n"+entry(t, "bob", "tulip"))
	var decoy, bob atomic.Int32
	all := *u.users.Load()
	all.decoy = countingHash{all.decoy, &decoy}
	who := all.byName["bob"]
	who.hash = countingHash{who.hash, &bob}
	all.byName = map[string]user{"bob": who}
	u.users.Store(&all)

	for _, row := range []struct {
		name, user string
		decoy, bob int32
	}{
		{name: "known", user: "bob", bob: 1},
		{name: "unknown", user: "eve", decoy: 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			decoy.Store(0)
			bob.Store(0)
			if _, err := u.Authenticate(t.Context(), row.user, "x", authserver.LaneAnybody); !errors.Is(err, authserver.ErrWrongPassword) {
				t.Fatal(err)
			}
			if decoy.Load() != row.decoy || bob.Load() != row.bob {
				t.Errorf("compared with the decoy %d times and with bob's hash %d times", decoy.Load(), bob.Load())
			}
		})
	}
}

func TestThePasswordOfTheDecoyOpensNothing(t *testing.T) {
	u, _, _ := open(t, "users: []")
	all := *u.users.Load()
	all.decoy = mustParse(t, cheap(t, "tulip"))
	u.users.Store(&all)
	if _, err := u.Authenticate(t.Context(), "", "tulip", authserver.LaneAnybody); !errors.Is(err, authserver.ErrWrongPassword) {
		t.Errorf("error %v", err)
	}
}

func TestAServerDoesNotStartWithoutAUsersFileItUnderstands(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "broken.yaml"), "users: [{name: bob}]")
	for name, path := range map[string]string{
		"absent": filepath.Join(dir, "absent.yaml"), "broken": filepath.Join(dir, "broken.yaml"), "a folder": dir,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := OpenUsersFile(Config{Path: path, Log: slog.New(slog.DiscardHandler)}); err == nil {
				t.Error("it was opened")
			}
		})
	}
}

func TestAChangedFileIsUsedWithoutARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, path, logged := open(t, "users:\n"+entry(t, "bob", "tulip"))
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { u.Watch(ctx) })

		write(t, path, "users:\n"+entry(t, "alice", "rose"))
		tick(t, 3)
		if known(t, u, "bob") || !known(t, u, "alice") {
			t.Error("the new content is not in use")
		}
		if _, err := u.Authenticate(t.Context(), "alice", "rose", authserver.LaneAnybody); err != nil {
			t.Errorf("alice cannot log in: %v", err)
		}
		stop()
		watching.Wait()
		if !strings.Contains(logged.String(), "read again") {
			t.Errorf("logged %q", logged)
		}
	})
}

// tick lets n poll intervals of the bubble's clock pass.
func tick(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*pollInterval+pollInterval/2)
	defer cancel()
	<-ctx.Done()
	synctest.Wait()
}

func TestABrokenFileIsLoggedOnceAndTheUsersStay(t *testing.T) {
	u, path, logged := open(t, "users:\n"+entry(t, "bob", "tulip"))
	write(t, path, "users: [{name: eve, passwordHash: hunter2}]")
	for range 4 {
		u.look(t.Context())
	}
	if !known(t, u, "bob") || known(t, u, "eve") {
		t.Error("the broken content is in use")
	}
	if n := strings.Count(logged.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors were logged:\n%s", n, logged)
	}
	if strings.Contains(logged.String(), "hunter2") {
		t.Error("a password was logged")
	}
	write(t, path, "users:\n"+entry(t, "eve", "x"))
	u.look(t.Context())
	u.look(t.Context())
	if known(t, u, "bob") || !known(t, u, "eve") {
		t.Error("the repaired content is not in use")
	}
}

func TestAFileThatIsGoneForAWhileChangesNothing(t *testing.T) {
	u, path, logged := open(t, "users:\n"+entry(t, "bob", "tulip"))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		u.look(t.Context())
	}
	if !known(t, u, "bob") {
		t.Error("bob is gone")
	}
	if n := strings.Count(logged.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors were logged:\n%s", n, logged)
	}
	write(t, path, "users:\n"+entry(t, "alice", "rose"))
	u.look(t.Context())
	u.look(t.Context())
	if !known(t, u, "alice") {
		t.Error("the new file is not in use")
	}
}

func TestAHalfWrittenFileIsNotUsed(t *testing.T) {
	u, path, _ := open(t, "users:\n"+entry(t, "bob", "tulip")+entry(t, "alice", "rose"))
	write(t, path, "users:\n"+entry(t, "bob", "tulip")) // valid, and not all of it
	u.look(t.Context())
	if !known(t, u, "alice") {
		t.Fatal("alice is gone at the first look")
	}
	write(t, path, "users:\n"+entry(t, "bob", "tulip")+entry(t, "alice", "rose")+entry(t, "carol", "lily"))
	u.look(t.Context())
	u.look(t.Context())
	if !known(t, u, "alice") || !known(t, u, "carol") {
		t.Error("the whole file is not in use")
	}
}

func TestAFileThatIsReadAgainSaysSoAndKnowsPeopleByTheirIDs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.yaml")
	write(t, path, "users: [{id: 1, name: bob, passwordHash: "+cheap(t, "tulip")+"}]")
	changes := 0
	u, err := OpenUsersFile(Config{Path: path, Log: slog.New(slog.DiscardHandler), SourceKey: "users", Changed: func() { changes++ }})
	if err != nil || changes != 0 {
		t.Fatalf("%d changes at the start, %v", changes, err)
	}
	before, err := u.Lookup(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "users: [{id: 1, name: robert, passwordHash: "+cheap(t, "rose")+"}, {id: 2, name: bob, passwordHash: "+cheap(t, "lily")+"}]")
	u.look(t.Context())
	u.look(t.Context())
	u.look(t.Context())
	if changes != 1 {
		t.Errorf("%d changes were told, want 1", changes)
	}
	after, err := u.Confirm(t.Context(), authserver.Person{Owner: before})
	if err != nil || after.Name != "robert" || after.CredentialVersion == before.CredentialVersion {
		t.Errorf("the person who was bob is %+v, %v", after, err)
	}
	other, err := u.Lookup(t.Context(), "bob")
	if err != nil || other.Subject == before.Subject {
		t.Errorf("who is called bob now is %+v, %v", other, err)
	}
	write(t, path, "users: []")
	u.look(t.Context())
	u.look(t.Context())
	if _, err := u.Confirm(t.Context(), authserver.Person{Owner: before}); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("a person who is gone: %v", err)
	}
}

func TestPeopleWithoutAnIDAreWarnedAbout(t *testing.T) {
	_, _, logged := open(t, "users:\n"+entry(t, "bob", "tulip")+"- {id: 2, name: alice, passwordHash: "+cheap(t, "rose")+"}\n")
	if !strings.Contains(logged.String(), "level=WARN") || !strings.Contains(logged.String(), "users=1") {
		t.Errorf("logged %q", logged)
	}
}

// A mounted Secret is a link to ..data/<key>, where ..data is a link to a folder with a time
// in its name, and a change replaces ..data by a rename.
func TestASwappedLinkOfAMountedSecretIsSeen(t *testing.T) {
	dir := t.TempDir()
	publish := func(version, content string) {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "users.yaml"), content)
		if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	publish("..1", "users:\n"+entry(t, "bob", "tulip"))
	path := filepath.Join(dir, "users.yaml")
	if err := os.Symlink("..data/users.yaml", path); err != nil {
		t.Fatal(err)
	}
	u, err := OpenUsersFile(Config{Path: path, Log: slog.New(slog.DiscardHandler), SourceKey: "users", IDFromName: true})
	if err != nil {
		t.Fatal(err)
	}
	publish("..2", "users:\n"+entry(t, "alice", "rose"))
	u.look(t.Context())
	u.look(t.Context())
	if known(t, u, "bob") || !known(t, u, "alice") {
		t.Error("the new version is not in use")
	}
}

func TestLoginsGoOnWhileTheFileChanges(t *testing.T) {
	versions := []string{
		"users:\n" + entry(t, "bob", "tulip") + entry(t, "alice", "rose"),
		"users:\n" + entry(t, "bob", "tulip"),
	}
	u, path, _ := open(t, versions[0])
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 25 {
				if _, err := u.Authenticate(t.Context(), "bob", "tulip", authserver.LaneAnybody); err != nil {
					t.Errorf("bob: %v", err)
				}
			}
		})
	}
	for i := range 20 {
		write(t, path, versions[i%2])
		u.look(t.Context())
		u.look(t.Context())
	}
	readers.Wait()
}
