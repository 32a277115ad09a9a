// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// DefaultPort is the base port that ReservePorts tries first. With it PhotoPrint is where config/samples says.
const DefaultPort = 9440

// Ports are the TCP ports of an environment, all on 127.0.0.1: DEV_PORT and the seven after it. etcd takes any free port besides.
type Ports struct{ base int }

// What each port is for.
func (p Ports) authserver() int        { return p.base }
func (p Ports) authserverMetrics() int { return p.base + 1 }
func (p Ports) operatorMetrics() int   { return p.base + 2 }
func (p Ports) photoPrint() int        { return p.base + 3 }
func (p Ports) photoStorage() int      { return p.base + 4 }
func (p Ports) operatorProbes() int    { return p.base + 5 }
func (p Ports) apiServer() int         { return p.base + 6 }
func (p Ports) admin() int             { return p.base + 7 }

// String names the range.
func (p Ports) String() string { return fmt.Sprintf("%d to %d", p.base, p.admin()) }

// users names who needs which port, in the order of the ports.
func (p Ports) users() []string {
	return []string{"the authorization server", "the authorization server's metrics", "the operator's metrics",
		"PhotoPrint", "PhotoStorage", "the operator's probes", "the API server", "the admin endpoint"}
}

// ParsePorts reads DEV_PORT.
func ParsePorts(text string) (Ports, error) {
	base, err := strconv.Atoi(text)
	if err != nil || base < 1024 || base > 65535-7 {
		return Ports{}, fmt.Errorf("DEV_PORT is %q: it must be a port number from 1024 to %d", text, 65535-7)
	}
	return Ports{base}, nil
}

// Check returns an error that names each port in use and who needs it. It looks for two seconds: what was killed a moment
// ago may still be on its way out.
func (p Ports) Check(ctx context.Context) error {
	for range 20 {
		if len(p.taken()) == 0 {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if taken := p.taken(); len(taken) > 0 {
		return fmt.Errorf("%s\nStop what uses it, or set DEV_PORT to another port: it is the first of the 8 that are needed, now %s",
			strings.Join(taken, "\n"), p)
	}
	return nil
}

// taken says of each port that cannot be had who needs it and why not.
func (p Ports) taken() (taken []string) {
	for i, user := range p.users() {
		listener, err := net.Listen("tcp4", address(p.base+i))
		switch {
		case err == nil:
			_ = listener.Close() // it was for looking only
		case errors.Is(err, syscall.EADDRINUSE):
			taken = append(taken, fmt.Sprintf("Port %d, for %s, is in use.", p.base+i, user))
		default:
			taken = append(taken, fmt.Sprintf("Port %d, for %s, cannot be had: %v.", p.base+i, user, err))
		}
	}
	return taken
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
