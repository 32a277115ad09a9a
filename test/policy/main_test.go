// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
