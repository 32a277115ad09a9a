// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

// metadataPath leads from an issuer, without a slash at its end, to its metadata (OpenID Connect Discovery 1.0 §4).
const metadataPath = "/.well-known/openid-configuration"

// everywhere are all networks: who writes the configuration may name any address.
var everywhere = prefixes("0.0.0.0/0", "::/0")

// ofNoNamespace stands for the namespace whose clients have their keys at an address: a cluster belongs to none.
const ofNoNamespace = ""

// ClusterConfig is a cluster whose API server gives tokens to ServiceAccounts. Of JWKSFile and JWKSURI at most one is set; without
// both, the keys stand where the metadata of the issuer says.
type ClusterConfig struct {
	Name, Issuer      string
	JWKSFile, JWKSURI string
	// CAFile holds authorities beside those of the machine, for the address; empty: there are none.
	CAFile string
	// Key is what names this in the configuration, for messages.
	Key string
}

// Clusters knows the keys of clusters. It implements authserver.Clusters; its methods may be called in parallel.
type Clusters struct{ all map[string]cluster }

// cluster has its keys in a file, or at an address.
type cluster struct {
	issuer  string
	file    *keyFile // nil: at the address
	sets    *KeySets
	address string
}

// NewClusters returns Clusters that have read the files with keys, and have asked nobody yet. What is wrong with a file is logged: it
// concerns the ServiceAccounts of that cluster alone, and may be mended while the server runs.
func NewClusters(list []ClusterConfig, log *slog.Logger, now func() time.Time) *Clusters {
	c := &Clusters{all: make(map[string]cluster, len(list))}
	for _, one := range list {
		c.all[one.Name] = newCluster(one, log.With("cluster", one.Name), now)
	}
	return c
}

func newCluster(c ClusterConfig, log *slog.Logger, now func() time.Time) cluster {
	if c.JWKSFile != "" {
		file := &keyFile{path: c.JWKSFile, log: log, now: now}
		file.look(now())
		return cluster{issuer: c.Issuer, file: file}
	}
	if err := CheckCAFile(c.CAFile); err != nil {
		log.Warn("the authorities for the address of a cluster's keys cannot be used; until they can, the answer to its tokens is 503", "err", fmt.Errorf("%s.caFile: %w", c.Key, err))
	}
	address := c.JWKSURI
	if address == "" {
		address = strings.TrimSuffix(c.Issuer, "/") + metadataPath
	}
	return cluster{issuer: c.Issuer, sets: newClusterKeySets(c, log, now), address: address}
}

// newClusterKeySets returns what reads the one set of a cluster.
func newClusterKeySets(c ClusterConfig, log *slog.Logger, now func() time.Time) *KeySets {
	k := keySetsTo(everywhere, c.CAFile, c.Key+".caFile", log, now)
	k.unread = "the keys of a cluster could not be read; tokens of its ServiceAccounts are checked by those that are known, for an hour at most"
	k.reader = ofClusters
	k.fetch = func(ctx context.Context, address string) ([]byte, error) {
		if c.JWKSURI == "" {
			uri, err := k.discover(ctx, address, c.Issuer)
			if err != nil {
				return nil, fmt.Errorf("the metadata of the issuer: %w", err)
			}
			address = uri
		}
		return k.getSet(ctx, address)
	}
	return k
}

// discover reads where the keys of the issuer stand. The metadata must be that of the issuer, character for character (OpenID
// Connect Discovery 1.0 §4.3).
func (k *KeySets) discover(ctx context.Context, address, issuer string) (uri string, err error) {
	text, err := k.get(ctx, address, "application/json")
	if err != nil {
		return "", err
	}
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	switch {
	case len(text) > assertion.MaxSet:
		return "", fmt.Errorf("it is longer than %d bytes", assertion.MaxSet)
	case json.Unmarshal(text, &metadata) != nil:
		return "", errors.New("it is not a JSON object with the members issuer and jwks_uri")
	case metadata.Issuer != issuer:
		return "", errors.New("it names another issuer than the configuration")
	case metadata.JWKSURI == "":
		return "", errors.New("it does not say where the keys are (jwks_uri)")
	}
	if err := CheckElsewhere(metadata.JWKSURI); err != nil {
		return "", fmt.Errorf("jwks_uri: %w", err)
	}
	return metadata.JWKSURI, nil
}

// CheckElsewhere refuses an address that is the API server of this cluster, by a name that leads there in every Pod: it is not where
// the keys of another cluster are, though that one may call itself so. What is no URL passes.
func CheckElsewhere(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "kubernetes" || host == "kubernetes.default" || host == "kubernetes.default.svc" || strings.HasPrefix(host, "kubernetes.default.svc.") {
		return fmt.Errorf("%s is the API server of the cluster that this server is in: name an address of the other cluster in jwksURI, or its keys in jwksFile", host)
	}
	return nil
}

// Issuer returns the issuer of the tokens of the cluster's ServiceAccounts. See authserver.Clusters.
func (c *Clusters) Issuer(name string) (issuer string, known bool) {
	found, known := c.all[name]
	return found.issuer, known
}

// KeysInHand returns keys of the cluster that are known. See authserver.Clusters.
func (c *Clusters) KeysInHand(ctx context.Context, name string, wanted func(assertion.Key) bool) []assertion.Key {
	found, known := c.all[name]
	switch {
	case !known:
		return nil
	case found.file != nil:
		keys, err := found.file.keys(ctx, wanted)
		if err != nil || !slices.ContainsFunc(keys, wanted) {
			return nil // whoever asks by Keys learns what is wrong with the file
		}
		return keys
	default:
		return found.sets.InHand(ctx, ofNoNamespace, found.address, wanted)
	}
}

// Keys returns the keys of the cluster. See authserver.Clusters.
func (c *Clusters) Keys(ctx context.Context, name string, wanted func(assertion.Key) bool) ([]assertion.Key, error) {
	found, known := c.all[name]
	switch {
	case !known:
		return nil, fmt.Errorf("%w: the configuration names no cluster %s", authserver.ErrUnavailable, name)
	case found.file != nil:
		return found.file.keys(ctx, wanted)
	default:
		return found.sets.Keys(ctx, ofNoNamespace, found.address, wanted)
	}
}
