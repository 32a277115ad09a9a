// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func TestN108TheRegistryMayBeAsOldAsTheConfigurationSays(t *testing.T) {
	contact := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	now := contact
	check := current(10*time.Minute, func() time.Time { return contact }, func() time.Time { return now })
	for _, row := range []struct {
		name string
		age  time.Duration
		old  bool
	}{
		{"new", 0, false}, {"as old as it may be", 10 * time.Minute, false}, {"older", 10*time.Minute + time.Second, true},
		{"a clock that was set back", -time.Hour, false},
	} {
		now = contact.Add(row.age)
		if err := check(); (err != nil) != row.old || row.old && !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	if current(0, nil, nil) != nil {
		t.Error("there is a limit by default")
	}
}
