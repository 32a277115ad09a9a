// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net"
	"sync"

	"github.com/pires/go-proxyproto"
)

// proxied is a connection of a trusted proxy that names the client in a header of the PROXY
// protocol. Without that header there is no connection: what the proxy passes on would
// otherwise be read as the header.
type proxied struct {
	net.Conn
	below *connection
	count func()
}

func newProxied(c *connection) *proxied {
	conn := proxyproto.NewConn(c, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.ValidateHeader(onlyVersion2),
		proxyproto.SetReadHeaderTimeout(readHeaderTimeout))
	p := &proxied{Conn: conn, below: c}
	p.count = sync.OnceFunc(func() {
		if client, ok := parsePeer(conn.RemoteAddr().String()); ok && conn.ProxyHeader() != nil {
			c.owner.countFor(c, networkOf(client))
		}
	})
	return p
}

func onlyVersion2(h *proxyproto.Header) error {
	if h.Version != 2 {
		return errors.New("the PROXY protocol is accepted in version 2 only")
	}
	return nil
}

// RemoteAddr returns the client's address. It waits for the header: net/http asks when the
// connection has a goroutine of its own.
func (p *proxied) RemoteAddr() net.Addr {
	p.count()
	return p.Conn.RemoteAddr()
}
