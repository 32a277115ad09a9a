// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// record is what the operator remembers in the Secret of what it wrote last. From it a lost
// status is rebuilt, and it tells what somebody else changed from what is wanted anew.
type record struct {
	UID         string               `json:"uid"`
	Credentials []recordedCredential `json:"credentials,omitempty"`
	Reset       string               `json:"reset,omitempty"`    // a hash of the value that was handled last
	Rotation    string               `json:"rotation,omitempty"` // likewise
	ValidAfter  int64                `json:"validAfter,omitempty"`
	Content     string               `json:"content"`
	MAC         string               `json:"mac"`
	// Object is the UID of the object, where it took over the identity UID of an earlier one.
	Object string `json:"object,omitempty"`
	// Retain: an object of this namespace and name may take over the identity once this one is gone. Name
	// is the name of the object then, because no owner reference tells it.
	Retain bool   `json:"retain,omitempty"`
	Name   string `json:"name,omitempty"`
}

// objectUID returns the UID of the object that the record was written for.
func (r record) objectUID() string { return cmp.Or(r.Object, r.UID) }

// recordedCredential is a credential in a record. Its times are in seconds since 1970; no end: 0. It is
// written as <ID>/<issued>/<end>, because the cache holds a record for each object.
type recordedCredential struct {
	ID                  string
	IssuedAt, ExpiresAt int64
}

// MarshalText is part of encoding.TextMarshaler.
func (c recordedCredential) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%s/%d/%d", c.ID, c.IssuedAt, c.ExpiresAt), nil
}

// UnmarshalText is part of encoding.TextUnmarshaler.
func (c *recordedCredential) UnmarshalText(text []byte) error {
	parts := strings.Split(string(text), "/")
	if len(parts) != 3 {
		return errors.New("a credential in a record has three parts")
	}
	issued, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return fmt.Errorf("read when a credential was issued: %w", err)
	}
	ends, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return fmt.Errorf("read when a credential ends: %w", err)
	}
	*c = recordedCredential{ID: parts[0], IssuedAt: issued, ExpiresAt: ends}
	return nil
}

func newRecord(in input, issued issue, digest string) record {
	r := record{
		UID: in.subject.identityUID(), Reset: hashOf(issued.handled), Rotation: hashOf(issued.handledRotation),
		ValidAfter: unixOf(issued.validAfter), Content: digest, Retain: in.subject.retain,
	}
	if uid := string(in.subject.uid()); uid != r.UID {
		r.Object = uid
	}
	if r.Retain {
		r.Name = in.subject.name()
	}
	for _, c := range issued.credentials {
		r.Credentials = append(r.Credentials, recordedCredential{ID: c.ID, IssuedAt: c.IssuedAt.Unix(), ExpiresAt: unixOf(c.ExpiresAt)})
	}
	return r.signed(in)
}

// signed returns the record with its MAC.
func (r record) signed(in input) record {
	r.MAC = credential.Record(rootOf(in.subject, in.keys), r.parts(in.subject, in.subject.secretName)...)
	return r
}

// unixOf returns the time as a record has it.
func unixOf(t *metav1.Time) int64 {
	if t == nil {
		return 0
	}
	return t.Unix()
}

// timeOf is the reverse of unixOf.
func timeOf(seconds int64) *metav1.Time {
	if seconds == 0 {
		return nil
	}
	t := second(time.Unix(seconds, 0))
	return &t
}

// status returns the credential as it was in the status.
func (c recordedCredential) status(in input) v1alpha1.CredentialStatus {
	status := credentialStatus(in, c.ID, second(time.Unix(c.IssuedAt, 0)))
	status.ExpiresAt = timeOf(c.ExpiresAt)
	return status
}

// recordIn returns what the annotation of a Secret says, whoever wrote it.
func recordIn(o metav1.Object) (r record, ok bool) {
	text := o.GetAnnotations()[v1alpha1.AnnotationIssued]
	ok = text != "" && json.Unmarshal([]byte(text), &r) == nil
	return r, ok
}

// readRecord returns the record of the Secret, if the operator wrote it for the identity of this object.
func readRecord(in input, secret *corev1.Secret) (record, bool) {
	if in.looked != nil && secret == in.seen.secret {
		return in.looked.record, in.looked.recorded
	}
	r, ok := recordFor(in.subject, in.keys, secret)
	return r, ok && r.UID == in.subject.identityUID()
}

// parts are what the MAC is over, in a Secret of the name. Only the last ones vary in number.
func (r record) parts(s subject, secretName string) []string {
	parts := []string{
		r.UID, r.Object, strconv.FormatBool(r.Retain), r.Name, s.kind, s.namespace(), s.name(), secretName, s.form, s.clientID,
		r.Reset, r.Rotation, strconv.FormatInt(r.ValidAfter, 10), r.Content,
	}
	for _, c := range r.Credentials {
		parts = append(parts, c.ID, strconv.FormatInt(c.IssuedAt, 10), strconv.FormatInt(c.ExpiresAt, 10))
	}
	return parts
}

func (r record) text() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and numbers can always be written
	}
	return string(text)
}

// hashOf shortens a value that may be as long as an annotation.
func hashOf(value string) string {
	if value == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:16])
}
