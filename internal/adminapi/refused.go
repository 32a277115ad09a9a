// SPDX-License-Identifier: Apache-2.0

package adminapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
)

// Refused asks every replica that the host of the URL leads to for the newest requests that differ from what their clients
// declare. What could be read is returned beside the error about the rest.
func (c *Client) Refused(ctx context.Context) (found []Refusal, err error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("the URL of the admin endpoint cannot be used")
	}
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("find the replicas of the admin endpoint: %w", err)
	}
	var errs []error
	for _, address := range addresses[:min(len(addresses), MaxReplicas)] {
		config.Address = net.JoinHostPort(address, u.Port())
		s := NewSession(config)
		var list RefusalList
		if err := s.Get(ctx, PathRefused, &list); err != nil {
			errs = append(errs, fmt.Errorf("replica %s: %w", address, err))
		}
		s.Close()
		found = append(found, list.Items...)
	}
	return found, errors.Join(errs...)
}
