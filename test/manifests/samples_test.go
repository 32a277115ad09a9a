// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"
)

func TestEverySampleIsAcceptedWithoutAWarning(t *testing.T) {
	env := deployed(t)
	apply(t, env, build(t, root+"/config/samples"))
	for _, name := range []string{"photostorage", "photoprint", "photoframe", "photoreport"} {
		kubectl(t, env, nil, "get", "oauthclients.gatehouse.dev", "--namespace=photos", name)
		kubectl(t, env, nil, "get", "gclient", "--namespace=photos", name)
	}
	kubectl(t, env, nil, "get", "gatehouse", "--all-namespaces")
}

func TestTheSamplesEntitleBobAndNobodyElse(t *testing.T) {
	env := deployed(t)
	apply(t, env, build(t, root+"/config/samples"))
	bob, alice := account{user: "gatehouse:bob"}, account{user: "gatehouse:alice", groups: []string{"gatehouse:family"}}
	check(t, env, []row{
		{bob, "authorize", "oauthclients.gatehouse.dev/photoprint", "photos", allowed},
		{bob, "authorize", "oauthclients.gatehouse.dev/photostorage", "photos", refused},
		{bob, "get", "oauthclients.gatehouse.dev/photoprint", "photos", refused},
		{alice, "authorize", "oauthclients.gatehouse.dev/photoprint", "photos", refused},
	})
}
