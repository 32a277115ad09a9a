// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver/store/transfer"
)

var (
	errNotDurable = errors.New("the database answers before a write is on disk: set synchronous_commit to on for it, for its role or for the server")
	errPooler     = errors.New("a connection pooler stands before the database and does not take the settings of a session: " +
		"add default_query_exec_mode=exec to the PostgreSQL address")
	errConfiguration = errors.New("the database refuses this configuration")
)

// explain adds to an error of the first connection what an operator can do about it.
func explain(err error) error {
	switch state := sqlState(err); {
	case err == nil:
		return nil
	case state == stateProtocol && strings.Contains(err.Error(), "unsupported startup parameter"):
		return fmt.Errorf("%w: %w", errPooler, err)
	case strings.HasPrefix(state, "28"): // invalid authorization specification
		return fmt.Errorf("%w: it does not accept the user or the password: %w", errConfiguration, err)
	case state == "3D000": // invalid catalog name
		return fmt.Errorf("%w: there is no database of that name: %w", errConfiguration, err)
	case state == "42501": // insufficient privilege
		return fmt.Errorf("%w: the user lacks a right: %w", errConfiguration, err)
	case state == "42704" || state == "22023": // undefined object, invalid parameter value
		return fmt.Errorf("%w: it does not take a parameter of the address: %w", errConfiguration, err)
	default:
		return err
	}
}

// permanent reports whether err lies in the configuration: waiting does not help.
func permanent(err error) bool {
	return errors.Is(err, errConfiguration) || errors.Is(err, errPooler) || errors.Is(err, errNotDurable) || errors.Is(err, errTooNew) ||
		errors.Is(err, transfer.ErrUnfinished)
}
