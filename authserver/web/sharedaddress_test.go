// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

func TestManyAccountsBehindOneAddressAreWarnedAboutOnceAnHour(t *testing.T) {
	var log bytes.Buffer
	clock, metrics := authtest.NewClock(authtest.Start), NewMetrics()
	s := newSharedAddresses(slog.New(slog.NewTextHandler(&log, nil)), metrics, clock.Now)
	said := func() int { return strings.Count(log.String(), "many accounts log in from one address") }

	for n := range 200 { // one account again and again, and one account each from many addresses
		s.note(t.Context(), "192.0.2.1", "bob")
		s.note(t.Context(), fmt.Sprintf("198.51.100.%d", n), "alice")
	}
	for n := range manyAccounts - 1 {
		s.note(t.Context(), "203.0.113.7", fmt.Sprintf("user%d", n))
	}
	if said() != 0 {
		t.Fatalf("few accounts are warned about:\n%s", &log)
	}
	for n := range 3 * manyAccounts {
		s.note(t.Context(), "203.0.113.7", fmt.Sprintf("user%d", n))
	}
	if said() != 1 || !strings.Contains(log.String(), "address=203.0.113.7") || strings.Contains(log.String(), "user") {
		t.Errorf("the log:\n%s", &log)
	}
	clock.Advance(time.Hour)
	for n := range 3 * manyAccounts {
		s.note(t.Context(), "203.0.113.7", fmt.Sprintf("user%d", n))
	}
	if said() != 2 {
		t.Errorf("in the next hour it is said %d times more, want once", said()-1)
	}
	if got := metricOf(t, metrics, "gatehouse_shared_addresses_total"); got != 2 {
		t.Errorf("the metric says %v, want 2", got)
	}
}

func TestWhatIsKnownOfSharedAddressesIsBounded(t *testing.T) {
	s := newSharedAddresses(slog.New(slog.DiscardHandler), NewMetrics(), authtest.NewClock(authtest.Start).Now)
	for n := range 2 * maxSharedAddresses {
		s.note(t.Context(), fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255), "bob")
	}
	if len(s.accounts) > maxSharedAddresses {
		t.Errorf("%d addresses are kept", len(s.accounts))
	}
}

func metricOf(t *testing.T, m *Metrics, name string) float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
