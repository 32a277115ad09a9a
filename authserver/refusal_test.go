// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func TestEachRefusalIsFoundByItsCodeAndItsCause(t *testing.T) {
	for _, tc := range []struct {
		err  authserver.Refusal
		is   []error
		isnt []error
	}{
		{authserver.Refuse(authserver.InvalidScope, "d"), []error{authserver.InvalidScope}, []error{authserver.InvalidGrant}},
		{authserver.NewParameterError(authserver.ParameterEmpty, "d", "code"),
			[]error{authserver.InvalidRequest, authserver.ParameterEmpty}, []error{authserver.ParameterAbsent}},
		{authserver.NewTimestampError(time.Unix(1, 0), time.Unix(2, 0), "d"), []error{authserver.TimestampRefused}, []error{authserver.NonceUsed}},
		{authserver.NewGrantError(authserver.GrantExpired, "d"),
			[]error{authserver.InvalidGrant, authserver.GrantExpired}, []error{authserver.GrantOfRefreshToken, authserver.GrantUnknown}},
		{authserver.NewRefreshTokenError(authserver.GrantUsedBefore, "d"),
			[]error{authserver.InvalidGrant, authserver.GrantUsedBefore, authserver.GrantOfRefreshToken}, []error{authserver.GrantExpired}},
		{authserver.NewAccessDeniedError(authserver.OwnerNotEntitled, "d"),
			[]error{authserver.AccessDenied, authserver.OwnerNotEntitled}, []error{authserver.DeniedByOwner}},
		{authserver.NewWaitError(authserver.TooManyAttempts, time.Second, "d"), []error{authserver.TooManyAttempts}, []error{authserver.TemporarilyUnavailable}},
	} {
		for how, err := range map[string]error{
			"itself": tc.err, "wrapped": fmt.Errorf("do it: %w", tc.err),
			"returned": authserver.NewReturnError(tc.err, authserver.Return{State: "s"}),
			"both":     fmt.Errorf("do it: %w: %w", authserver.ErrUnavailable, authserver.NewReturnError(tc.err, authserver.Return{})),
		} {
			for _, want := range tc.is {
				if !errors.Is(err, want) {
					t.Errorf("%v, %s, is not %v", tc.err, how, want)
				}
			}
			for _, other := range tc.isnt {
				if errors.Is(err, other) {
					t.Errorf("%v, %s, is %v", tc.err, how, other)
				}
			}
			found, ok := errors.AsType[authserver.Refusal](err)
			if !ok || found.Code() != tc.err.Code() || found.Description() != tc.err.Description() || found.Error() != tc.err.Error() {
				t.Errorf("%v, %s, is found as %v", tc.err, how, found)
			}
		}
	}
}

func TestNobodyChangesTheNamesOfAParameterError(t *testing.T) {
	names := []string{"code", "state"}
	err := authserver.NewParameterError(authserver.ParameterAbsent, "", names...)
	names[0] = "changed"
	err.Names()[1] = "changed"
	if got := err.Names(); got[0] != "code" || got[1] != "state" {
		t.Errorf("the names are %q", got)
	}
}
