// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// slimManager stands for the client's own field manager in a Secret of the cache. The
// API server takes no such name, so no entry of somebody else can look like it.
const slimManager = "\tthe client's own"

// ownedFields are the names of the fields a manager has applied, as the API server
// records them: each behind "f:".
type ownedFields struct {
	Data     map[string]struct{} `json:"f:data,omitempty"`
	Metadata struct {
		Labels      map[string]struct{} `json:"f:labels,omitempty"`
		Annotations map[string]struct{} `json:"f:annotations,omitempty"`
	} `json:"f:metadata"`
}

// fieldsOf returns what the manager has applied, and whether it has applied at all.
func fieldsOf(entries []metav1.ManagedFieldsEntry, manager string) (ownedFields, bool) {
	var owned ownedFields
	for _, entry := range entries {
		mine := entry.Manager == manager || entry.Manager == slimManager
		if !mine || entry.Operation != metav1.ManagedFieldsOperationApply || entry.FieldsV1 == nil {
			continue
		}
		err := json.NewDecoder(entry.FieldsV1.GetRawReader()).Decode(&owned)
		return owned, err == nil
	}
	return owned, false
}

// names writes the fields as fieldsOf reads them: equal fields, equal text.
func (o ownedFields) names() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // maps of strings can always be written
	}
	return string(text)
}

// only reports whether every owned field is a wanted one. "." is the map itself.
func only[V any](owned map[string]struct{}, want map[string]V) bool {
	for field := range owned {
		if _, wanted := want[strings.TrimPrefix(field, "f:")]; !wanted && field != "." {
			return false
		}
	}
	return true
}
