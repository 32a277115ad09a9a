// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/hack/bench/replay"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

const systemNamespace = installation.System

// collections are the crowd and its Secrets, and those of both that are really there.
func (c *crowd) collections(ctx context.Context, b *bench) (clients, secrets *replay.Collection, err error) {
	clients = replay.NewCollection("/apis/"+v1alpha1.GroupVersion.String(), "oauthclients", v1alpha1.GroupVersion.String(), v1alpha1.KindOAuthClient)
	secrets = replay.NewCollection("/api/v1", "secrets", "v1", "Secret")
	ofClients, ofSecrets, err := b.there(ctx)
	if err != nil {
		return nil, nil, err
	}
	for n := range c.size {
		m := c.member(n)
		secret, err := c.secretOf(m)
		if err != nil {
			return nil, nil, err
		}
		ofClients, ofSecrets = append(ofClients, c.client(m)), append(ofSecrets, secret)
	}
	if err := clients.Load(ofClients); err != nil {
		return nil, nil, err
	}
	return clients, secrets, secrets.Load(ofSecrets)
}

// there are the clients of the real API server, and all Secrets of the operator.
func (b *bench) there(ctx context.Context) (clients, secrets []replay.Object, err error) {
	ofClients, ofSecrets := &v1alpha1.OAuthClientList{}, &corev1.SecretList{}
	if err := b.API.List(ctx, ofClients); err != nil {
		return nil, nil, fmt.Errorf("list the clients: %w", err)
	}
	if err := b.API.List(ctx, ofSecrets, client.HasLabels{v1alpha1.LabelOwnerUID}); err != nil {
		return nil, nil, fmt.Errorf("list the Secrets: %w", err)
	}
	for _, oc := range ofClients.Items {
		oc.TypeMeta = metav1.TypeMeta{Kind: v1alpha1.KindOAuthClient, APIVersion: v1alpha1.GroupVersion.String()}
		o, err := replayable(&oc)
		if err != nil {
			return nil, nil, err
		}
		clients = append(clients, o)
	}
	for _, secret := range ofSecrets.Items {
		secret.TypeMeta = metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"}
		o, err := replayable(&secret)
		if err != nil {
			return nil, nil, err
		}
		secrets = append(secrets, o)
	}
	return clients, secrets, nil
}

func replayable(o client.Object) (replay.Object, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return replay.Object{}, fmt.Errorf("write %s: %w", o.GetName(), err)
	}
	return replay.Object{Namespace: o.GetNamespace(), Name: o.GetName(), Labels: o.GetLabels(), Text: text}, nil
}

// secretOf is the Secret of a member, as the operator writes it.
func (c *crowd) secretOf(m app) (replay.Object, error) {
	secret := c.pattern.secret.DeepCopy()
	secret.Namespace, secret.Name, secret.UID = m.namespace, m.name+"-oauth", types.UID(uidOf(-1)[:24]+m.uid[24:])
	secret.Labels = map[string]string{v1alpha1.LabelOwnerUID: m.uid}
	owner := &secret.OwnerReferences[0]
	owner.UID, owner.Name = types.UID(m.uid), m.name
	for n := range secret.ManagedFields {
		secret.ManagedFields[n].Manager = "gatehouse-" + m.uid
	}
	of := m.credentials()
	secret.Data[v1alpha1.KeyClientID], secret.Data[v1alpha1.KeyClientSecret] = []byte(of.id), []byte(of.secret)
	record, err := c.record(m, secret)
	if err != nil {
		return replay.Object{}, err
	}
	secret.Annotations = map[string]string{v1alpha1.AnnotationIssued: record}
	return replayable(secret)
}

// record is what the operator writes into a Secret about it. Where this says something else than the operator, the
// operator writes the Secret anew, and the bench fails.
func (c *crowd) record(m app, secret *corev1.Secret) (string, error) {
	h := sha256.New()
	write := func(parts ...string) {
		for _, part := range parts {
			fmt.Fprintf(h, "%d:%s", len(part), part)
		}
	}
	write(string(secret.Type), m.uid, "1", v1alpha1.LabelOwnerUID, m.uid, "0")
	for _, key := range slices.Sorted(maps.Keys(secret.Data)) {
		write(key, string(secret.Data[key]))
	}
	content := hex.EncodeToString(h.Sum(nil)[:16])
	issued := strconv.FormatInt(c.credential.IssuedAt.Unix(), 10)
	form := string(v1alpha1.ProfileOAuth2) + "/" + string(v1alpha1.ClientTypeConfidential)
	mac := credential.Record(c.root, m.uid, "", "false", "", v1alpha1.KindOAuthClient, m.namespace, m.name, secret.Name, form, m.credentials().id,
		"", "", "0", content, m.credential, issued, "0")
	text, err := json.Marshal(struct {
		UID         string   `json:"uid"`
		Credentials []string `json:"credentials"`
		Content     string   `json:"content"`
		MAC         string   `json:"mac"`
	}{m.uid, []string{m.credential + "/" + issued + "/0"}, content, mac})
	if err != nil {
		return "", fmt.Errorf("write a record: %w", err)
	}
	return string(text), nil
}
