// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Anybody can put our label on objects of theirs. However large these are, the cache keeps little of them, and finds the same objects by it.
func TestWhatBearsOurLabelTakesLittleOfTheCache(t *testing.T) {
	const large = 1 << 20
	text := strings.Repeat("x", large)
	for name, form := range map[string]func(*corev1.Secret){
		"data":              func(s *corev1.Secret) { s.Data = map[string][]byte{"x": []byte(text)} },
		"annotations":       func(s *corev1.Secret) { s.Annotations = map[string]string{"example.com/x": text} },
		"the record":        func(s *corev1.Secret) { s.Annotations = map[string]string{v1alpha1.AnnotationIssued: text} },
		"the hash":          func(s *corev1.Secret) { s.Annotations = map[string]string{v1alpha1.AnnotationContent: text} },
		"the type":          func(s *corev1.Secret) { s.Type = corev1.SecretType("example.com/" + text) },
		"the owner's name":  func(s *corev1.Secret) { s.OwnerReferences[0].Name = text },
		"the owner's UID":   func(s *corev1.Secret) { s.OwnerReferences[0].UID = types.UID(text) },
		"the owner's group": func(s *corev1.Secret) { s.OwnerReferences[0].APIVersion = "gatehouse.dev/" + text },
		"the owner's kind":  func(s *corev1.Secret) { s.OwnerReferences[0].Kind = text },
		"finalizers":        func(s *corev1.Secret) { s.Finalizers = []string{"example.com/" + text} },
		"many labels": func(s *corev1.Secret) {
			for n := range 10000 {
				s.Labels[fmt.Sprint("example.com/", n)] = strings.Repeat("x", 63)
			}
		},
		"a forged record": func(s *corev1.Secret) {
			s.Data = map[string][]byte{"x": []byte(text)}
			s.Annotations = map[string]string{"example.com/x": text}
			owner := *metav1.GetControllerOf(s)
			held := secretContent{kind: s.Type, owner: owner, labels: s.Labels, annotations: s.Annotations, data: s.Data}
			s.Annotations[v1alpha1.AnnotationIssued] = record{Content: held.digestOf()}.text()
		},
		"many owners": func(s *corev1.Secret) {
			for n := range 10000 {
				s.OwnerReferences = append(s.OwnerReferences, metav1.OwnerReference{APIVersion: "example.com/v1", Kind: "Team", Name: "a", UID: types.UID(fmt.Sprint(n))})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			oc := photoprint(withMap("public"))
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
				Namespace: "team", Name: "theirs", UID: "8", Labels: map[string]string{v1alpha1.LabelOwnerUID: string(oc.UID)},
				OwnerReferences: []metav1.OwnerReference{ownerReference(clientSubject(oc))},
			}}
			form(secret)
			cm := &corev1.ConfigMap{ObjectMeta: *secret.ObjectMeta.DeepCopy(), Data: map[string]string{}}
			for key, value := range secret.Data {
				cm.Data[key] = string(value)
			}
			if _, hash := cm.Annotations[v1alpha1.AnnotationContent]; !hash {
				metav1.SetMetaDataAnnotation(&cm.ObjectMeta, v1alpha1.AnnotationContent, digestOfMap(cm.Data))
			}
			var small transforms
			for range 2 { // client-go may transform an object twice
				if _, err := small.secret(secret); err != nil {
					t.Fatal(err)
				}
				if _, err := small.configMap(cm); err != nil {
					t.Fatal(err)
				}
			}
			for _, o := range []client.Object{secret, cm} {
				kept, err := json.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				if len(kept) > 2*largestKept {
					t.Errorf("%T takes %d bytes", o, len(kept))
				}
			}
			if !isElsewhere(secret) || isWithoutData(secret) {
				t.Error("what was cut from the Secret is not asked for")
			}
			uid := string(oc.UID)
			if !slices.Contains(publicOf(cm), uid) || !slices.Contains(renamedSecret(withLabel(secret)), uid) {
				t.Errorf("they are found under %q and %q", publicOf(cm), renamedSecret(secret))
			}
		})
	}
}

// What is too large for the cache is looked at where it is: what was edited is put right, and what others added stays.
func TestWhatIsTooLargeForTheCacheIsPutRight(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint", withMap("public"))
	mgr, _ := s.start()
	s.eventually("the client is ready", func() bool {
		return strings.Contains(message(s.get("photoprint")), `The ConfigMap "public"`)
	})
	text := strings.Repeat("x", 100<<10)
	s.edit("photoprint-oauth", func(o *corev1.Secret) {
		o.Data["theirs"], o.Data[v1alpha1.KeyIssuer] = []byte(text), []byte("https://evil.example")
	})
	cm := s.configMap("public")
	cm.Data["theirs"], cm.Data[v1alpha1.KeyIssuer] = text, "https://evil.example"
	s.must(s.api.Update(t.Context(), cm, client.FieldOwner("somebody")))
	s.eventually("both are put right", func() bool {
		secret, cm := s.secret("photoprint-oauth"), s.configMap("public")
		return string(secret.Data[v1alpha1.KeyIssuer]) == issuer && cm.Data[v1alpha1.KeyIssuer] == issuer &&
			len(secret.Data["theirs"]) == len(text) && len(cm.Data["theirs"]) == len(text)
	})
	s.eventually("the cache keeps neither", func() bool {
		secret, cm := &corev1.Secret{}, &corev1.ConfigMap{}
		s.must(mgr.GetCache().Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: "photoprint-oauth"}, secret))
		s.must(mgr.GetCache().Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: "public"}, cm))
		return isElsewhere(secret) && isMapElsewhere(cm) && len(secret.Data)+len(cm.Data) == 0
	})
}
