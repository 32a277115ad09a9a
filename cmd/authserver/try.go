// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gatehouse-dev/gatehouse/authserver/identity"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/ldap"
)

// checkCommand reads the configuration and tries each source of people. It starts nothing and writes nothing.
func checkCommand(ctx context.Context, args []string, sys system) int {
	_, c, status, ok := configured("authserver check", args, sys)
	if !ok {
		return status
	}
	for i, s := range c.Identity.Sources {
		for _, r := range s.try(ctx) {
			said := "good"
			if r.err != nil {
				said, status = "FAILED: "+r.err.Error(), exitFailed
			}
			fmt.Fprintf(sys.stdout, "identity.sources[%d] %s, %s: %s\n", i, s.name(), r.what, said)
		}
	}
	return status
}

// trial is how a part of a source answered.
type trial struct {
	what string
	err  error
}

// name is what people read.
func (s sourceConfig) name() string {
	if s.DisplayName == "" {
		return s.Key
	}
	return s.DisplayName + " (" + s.Key + ")"
}

// try asks everything that the source names.
func (s sourceConfig) try(ctx context.Context) (trials []trial) {
	log := slog.New(slog.DiscardHandler)
	if s.OpenIDConnect != nil || s.OAuth2 != nil {
		people, err := s.upstream(log)
		if err != nil {
			return []trial{{"source", err}}
		}
		defer people.Close()
		for _, t := range people.Try(ctx) {
			trials = append(trials, trial{t.URL, t.Err})
		}
		return trials
	}
	if s.LDAP == nil {
		_, err := identity.OpenUsersFile(identity.Config{Path: s.UsersFile.Path, SourceKey: s.Key, IDFromName: s.UsersFile.IDFromName, Log: log})
		return []trial{{s.UsersFile.Path, err}}
	}
	c := *s.LDAP
	c.Key = s.Key
	people, err := ldap.New(c, log)
	if err != nil {
		return []trial{{"ldap", err}}
	}
	for _, t := range people.Try(ctx) {
		trials = append(trials, trial{t.URL, t.Err})
	}
	return trials
}
