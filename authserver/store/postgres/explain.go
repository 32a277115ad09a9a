// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

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
	case wrongCertificate(err):
		return fmt.Errorf("%w: the certificate of the database is not for the name that the address has, or sslrootcert does not vouch for it: %w", errConfiguration, err)
	case strings.Contains(err.Error(), "server refused TLS"):
		return fmt.Errorf("%w: sslmode demands TLS and the database has no TLS: %w", errConfiguration, err)
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

// wrongCertificate reports whether the database's certificate was refused.
func wrongCertificate(err error) bool {
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return authority || name || invalid
}

// permanent reports whether err lies in the configuration: waiting does not help.
func permanent(err error) bool {
	return errors.Is(err, errConfiguration) || errors.Is(err, errPooler) || errors.Is(err, errNotDurable) || errors.Is(err, errTooNew) || errors.Is(err, errTooOld) ||
		errors.Is(err, transfer.ErrUnfinished)
}

// look reports what is wrong with the database: it cannot be reached, does not keep what it is told, or is
// behind a pooler of connections for which the address is not made.
func (s *Store) look(ctx context.Context) error {
	connection, err := s.pool.acquire(ctx)
	if err != nil {
		return explain(err)
	}
	defer connection.Release()
	return explain(inspect(ctx, connection))
}

func inspect(ctx context.Context, c *pgxpool.Conn) error {
	const query = `SELECT current_setting('synchronous_commit'), current_setting('statement_timeout')`
	var synchronous, timeout string
	if err := c.QueryRow(ctx, query).Scan(&synchronous, &timeout); err != nil {
		return fmt.Errorf("read the settings of the database: %w", err)
	}
	asked := c.Conn().Config()
	switch wanted := asked.RuntimeParams["statement_timeout"]; {
	case synchronous == "off":
		return errNotDurable
	case named(asked) && timeout == "0" && wanted != "0": // what was sent with the start of the session did not arrive
		return errPooler
	}
	return nil
}
