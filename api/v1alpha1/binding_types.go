// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// BindingStatus is what the Service Binding specification for Kubernetes 1.0 reads of a provisioned service.
type BindingStatus struct {
	// Name is the Secret that was written last: that of status.secretName.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}
