// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// mapRefused returns the status that says that the API server does not take the ConfigMap, or keeps an old one. It comes after the
// Secret, and has all that was decided: no client secret waits for a ConfigMap. What the Secret needs said is said first.
func (o outcome) mapRefused(message string) v1alpha1.OAuthClientStatus {
	return o.withoutMap(message, progressStalled)
}

// mapDelayed is the same for what may pass by itself.
func (o outcome) mapDelayed(message string) v1alpha1.OAuthClientStatus {
	return o.withoutMap(message, progressReconciling)
}

func (o outcome) withoutMap(message string, waits progress) v1alpha1.OAuthClientStatus {
	ready := o.summary()
	if ready.reason == string(v1alpha1.ReadyReasonIssued) {
		ready = readiness{metav1.ConditionFalse, string(v1alpha1.ReadyReasonConfigMapNotWritten), message, waits}
	}
	return o.statusWith(ready)
}

// errMapChanged: the API server stored another ConfigMap than was sent. An admission webhook can have it do so.
var errMapChanged = errors.New("the ConfigMap as the API server stored it holds other values than were sent")

// mapRefusal says why the ConfigMap is not as it should be.
func mapRefusal(failed step, cause error) string {
	if errors.Is(cause, errRewritten) {
		return rewrittenMessage("ConfigMap", failed.mapName())
	}
	if failed.removeMap != nil && !errors.Is(cause, errMapChanged) {
		why := "The API server does not delete the old ConfigMap %q now: it failed, or an admission webhook that it asks. The log of the operator says more."
		if isPermanent(cause) {
			why = "The API server does not let the operator delete the old ConfigMap %q: look at the admission policies and webhooks of ConfigMaps and at the operator's roles."
		}
		return fmt.Sprintf(why, failed.removeMap.name) + " It is tried again."
	}
	why := "The API server does not write the ConfigMap %q now: it failed, or an admission webhook that it asks. The log of the operator says more."
	switch {
	case errors.Is(cause, errMapChanged):
		why = "The API server took the ConfigMap %q and stored other values than the operator sent. Look for an admission webhook or a MutatingAdmissionPolicy that changes ConfigMaps, " +
			"and leave out those with the label " + v1alpha1.LabelOwnerUID + "."
	case apierrors.IsForbidden(cause):
		why = "The API server does not let the operator write the ConfigMap %q: look at the quota of the namespace, its admission policies and the operator's roles."
	case isPermanent(cause):
		why = "The API server refuses the ConfigMap %q as invalid: look for an admission webhook that changes ConfigMaps, and for a key of ours in its binaryData. If you delete it, it is made anew."
	}
	return fmt.Sprintf(why, failed.mapName()) + " It is tried again."
}
