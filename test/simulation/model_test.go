// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store/storetest"
)

func TestModelKeepsThePromisesOfAStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open:   func(*testing.T) authserver.Store { return newModel() },
		Reopen: func(_ *testing.T, s authserver.Store) authserver.Store { return s }, // what it kept is what it has
	})
}
