// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
)

// Services of the namespace are nothing to either program, and a program that is asked to stop has
// more time than it takes: the operator's manager 30 seconds, the authserver 30 and its logs.
func TestBothPodsGetNoServiceLinksAndTimeToStop(t *testing.T) {
	objects := build(t, root+"/config/default")
	for _, name := range []string{"gatehouse-operator", "gatehouse-authserver"} {
		pod := find[appsv1.Deployment](t, objects, "Deployment", name).Spec.Template.Spec
		if pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
			t.Errorf("%s: the environment holds an entry for each Service", name)
		}
		if pod.TerminationGracePeriodSeconds == nil || time.Duration(*pod.TerminationGracePeriodSeconds)*time.Second < 40*time.Second {
			t.Errorf("%s is killed while it stops", name)
		}
	}
}
