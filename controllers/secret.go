// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// secretContent is what the Secret of an object has to hold; it may hold more.
type secretContent struct {
	namespace, name     string
	kind                corev1.SecretType
	labels, annotations map[string]string
	data                map[string][]byte
	owner               metav1.OwnerReference // the zero one: the Secret outlives the object
	manager             string
	// accepted reports whether data that a Secret holds lets an application in: the authorization server takes what it says.
	accepted func(data map[string][]byte) bool
	// digest is of all of the above but the record, which holds it.
	digest string
}

// contentOf returns the Secret of the object with the credentials.
func contentOf(in input, issued issue) secretContent {
	s := in.subject
	c := secretContent{
		namespace: s.namespace(), name: s.secretName, kind: typeOf(s),
		labels: map[string]string{}, annotations: map[string]string{}, data: dataOf(in, issued.secret, issued.previous),
		manager: managerOf(s), accepted: acceptedBy(in, issued),
	}
	if !s.retain {
		c.owner = ownerReference(s)
	}
	for key, value := range s.template().Labels {
		c.labels[key] = string(value)
	}
	maps.Copy(c.labels, presetOf(s).Labels)
	for key, value := range s.template().Annotations {
		c.annotations[key] = string(value)
	}
	c.labels[v1alpha1.LabelOwnerUID] = string(s.uid())
	c.digest = c.digestOf()
	c.annotations[v1alpha1.AnnotationIssued] = newRecord(in, issued, c.digest).text()
	return c
}

// ownerReference is that of a Secret that goes with its object.
func ownerReference(s subject) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: s.kind, Name: s.name(), UID: s.uid(), Controller: new(true)}
}

// dataOf returns the data of the Secret. An empty client secret is that of a Public client; an empty
// previous one is not in the Secret.
func dataOf(in input, clientSecret, previous string) map[string][]byte {
	s, values := in.subject, standardValues(in)
	if clientSecret != "" {
		values[v1alpha1.KeyClientSecret] = clientSecret
	}
	if previous != "" {
		values[v1alpha1.KeyPreviousClientSecret] = previous
	}
	data := make(map[string][]byte, len(values))
	for key, text := range s.template().Data {
		data[key] = []byte(fill(string(text), s, values))
	}
	files, err := presetFiles(s, values)
	if err != nil {
		panic(err) // unfit keeps such a Secret from being written
	}
	for key, text := range files {
		data[key] = []byte(text)
	}
	for _, g := range slices.Concat(s.template().Generate, presetOf(s).Generate) {
		length := int(g.Length)
		if length == 0 {
			length = defaultGeneratedLength
		}
		data[string(g.Key)] = []byte(credential.DeriveValue(rootOf(s, in.keys), s.identityUID(), string(g.Key), length))
	}
	for standard, value := range values {
		data[s.dataKey(standard)] = []byte(value)
	}
	return data
}

// standardValues returns what is public of the values of the standard keys.
func standardValues(in input) map[string]string {
	values := in.subject.endpoints(in.issuer)
	values[v1alpha1.KeyClientID] = in.subject.clientID
	values[v1alpha1.KeyIssuer] = in.issuer
	return values
}

// defaultGeneratedLength is the length of a generated value that names none.
const defaultGeneratedLength = 32

// fill puts the values in place of the placeholders. One that the object does not have is empty.
func fill(text string, s subject, values map[string]string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{{")
		out.WriteString(before)
		name, after, closed := strings.Cut(rest, "}}")
		if !found || !closed {
			if found {
				out.WriteString("{{" + rest)
			}
			return out.String()
		}
		switch name {
		case "scopes":
			for n, scope := range s.scopes {
				if n > 0 {
					out.WriteByte(' ')
				}
				out.WriteString(string(scope))
			}
		case "callback-url":
			out.WriteString(s.callbackURL)
		default:
			out.WriteString(values[name])
		}
		text = after
	}
}

// matches reports whether the Secret of the cluster holds all that is wanted, and nothing
// that was wanted once and is wanted no more. What others added does not matter. The record,
// which is an annotation, has the digest of what is wanted: data that is as recorded is as wanted
// where the record is.
func (c secretContent) matches(secret *corev1.Secret) bool {
	for key, value := range c.data {
		if have, there := secret.Data[key]; !isWithoutData(secret) && (!there || !bytes.Equal(have, value)) {
			return false
		}
	}
	var owner types.UID
	if ref := metav1.GetControllerOfNoCopy(secret); ref != nil {
		owner = ref.UID
	}
	return secret.Type == c.kind && owner == c.owner.UID &&
		contains(secret.Labels, c.labels) && contains(secret.Annotations, c.annotations)
}

func contains(have, want map[string]string) bool {
	for key, value := range want {
		if got, there := have[key]; !there || got != value {
			return false
		}
	}
	return true
}

// digestOf returns a hash of the content.
func (c secretContent) digestOf() string {
	h := sha256.New()
	write := func(parts ...string) {
		for _, part := range parts {
			fmt.Fprintf(h, "%d:%s", len(part), part)
		}
	}
	write(string(c.kind), string(c.owner.UID))
	for _, m := range []map[string]string{c.labels, c.annotations} {
		write(fmt.Sprint(len(m)))
		for _, key := range slices.Sorted(maps.Keys(m)) {
			write(key, m[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.data)) {
		write(key, string(c.data[key]))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// object returns the Secret for a create.
func (c secretContent) object() *corev1.Secret {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: c.name, Labels: c.labels, Annotations: c.annotations},
		Type:       c.kind, Data: c.data,
	}
	if c.owner.UID != "" {
		secret.OwnerReferences = []metav1.OwnerReference{c.owner}
	}
	return secret
}

// applyConfiguration returns the Secret for a server-side apply over the version that was
// seen, so that check and write are one.
func (c secretContent) applyConfiguration(version string) *corev1ac.SecretApplyConfiguration {
	ac := corev1ac.Secret(c.name, c.namespace).WithType(c.kind).WithResourceVersion(version).
		WithLabels(c.labels).WithAnnotations(c.annotations).WithData(c.data)
	if c.owner.UID != "" {
		ac = ac.WithOwnerReferences(metav1ac.OwnerReference().WithAPIVersion(c.owner.APIVersion).WithKind(c.owner.Kind).
			WithName(c.owner.Name).WithUID(c.owner.UID).WithController(true))
	}
	return ac
}
