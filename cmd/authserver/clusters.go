// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver/backchannel"
)

const (
	maxClusters = 32
	// maxClusterURL bounds an issuer and an address of keys, in bytes.
	maxClusterURL = 512
)

// clusterConfig is another cluster, whose ServiceAccounts may be clients.
type clusterConfig struct {
	Name     string `yaml:"name"`
	Issuer   string `yaml:"issuer"`
	JWKSFile string `yaml:"jwksFile"`
	JWKSURI  string `yaml:"jwksURI"`
	CAFile   string `yaml:"caFile"`
}

func clusterKey(n int) string { return fmt.Sprintf("workloadIdentity.clusters[%d]", n) }

// clusters returns the clusters as they are read.
func (c *config) clusters() []backchannel.ClusterConfig {
	list := make([]backchannel.ClusterConfig, len(c.WorkloadIdentity.Clusters))
	for n, one := range c.WorkloadIdentity.Clusters {
		list[n] = backchannel.ClusterConfig{
			Name: one.Name, Issuer: one.Issuer, JWKSFile: one.JWKSFile, JWKSURI: one.JWKSURI, CAFile: one.CAFile, Key: clusterKey(n),
		}
	}
	return list
}

// clusterNames returns what OAuthClients and policies call the clusters.
func (c *config) clusterNames() []string {
	names := make([]string, len(c.WorkloadIdentity.Clusters))
	for n, one := range c.WorkloadIdentity.Clusters {
		names[n] = one.Name
	}
	return names
}

// checkClusters returns what is wrong with the clusters, each with the key it is about.
func (c *config) checkClusters() (found []string) {
	list := c.WorkloadIdentity.Clusters
	if len(list) > maxClusters {
		return []string{fmt.Sprintf("workloadIdentity.clusters: there are more than %d", maxClusters)}
	}
	first, sources := map[string]int{}, map[clusterConfig]int{}
	for n, one := range list {
		if before, twice := first[one.Name]; twice && one.Name != "" {
			found = append(found, fmt.Sprintf("%s.name: %q is the name of %s, too", clusterKey(n), one.Name, clusterKey(before)))
		} else {
			first[one.Name] = n
		}
		if before, twice := sources[one.source()]; twice && one.Issuer != "" {
			found = append(found, fmt.Sprintf("%s: its issuer and its keys are those of %s, so no token tells the two apart: give each the keys of its own API server", clusterKey(n), clusterKey(before)))
		} else {
			sources[one.source()] = n
		}
		for _, rule := range []struct {
			key   string
			check func() error
		}{
			{".name", one.checkName},
			{".issuer", func() error { return one.checkIssuer(c.Issuer) }},
			{".jwksFile", one.checkFile},
			{".jwksURI", one.checkURI},
			{".caFile", one.checkCAFile},
		} {
			if err := rule.check(); err != nil {
				found = append(found, clusterKey(n)+rule.key+": "+err.Error())
			}
		}
	}
	return found
}

// source returns what tokens of the cluster are checked by. One file, or one address, has the keys of one cluster.
func (o clusterConfig) source() clusterConfig {
	s := clusterConfig{Issuer: o.Issuer, JWKSURI: o.JWKSURI}
	if o.JWKSFile != "" {
		s.JWKSFile = filepath.Clean(o.JWKSFile)
	}
	return s
}

func (o clusterConfig) checkName() error {
	switch {
	case o.Name == string(v1alpha1.InCluster):
		return fmt.Errorf("%s is the cluster that this server is in; choose another name", v1alpha1.InCluster)
	case len(validation.IsDNS1123Label(o.Name)) > 0:
		return fmt.Errorf("%q must be 1 to 63 lower-case letters, digits and hyphens, and a letter or digit at both ends, like east", o.Name)
	}
	return nil
}

// checkIssuer accepts whatever an API server takes for its flag, which need not be a URL. Where the keys are found by it, it must be.
func (o clusterConfig) checkIssuer(own string) error {
	switch {
	case o.Issuer == "":
		return errors.New("it is missing; write what the API server of the cluster has for --service-account-issuer, which is iss of its tokens")
	case len(o.Issuer) > maxClusterURL:
		return fmt.Errorf("it is longer than %d bytes", maxClusterURL)
	case strings.ContainsFunc(o.Issuer, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }):
		return errors.New("it must hold no spaces and no control characters")
	case o.Issuer == own:
		return errors.New("it is the issuer of this server; write that of the API server of the cluster")
	case o.JWKSFile == "" && o.JWKSURI == "":
		err := checkHTTPS(o.Issuer, false)
		if err == nil {
			err = backchannel.CheckElsewhere(o.Issuer)
		}
		if err != nil {
			return fmt.Errorf("without jwksFile and jwksURI the keys are looked for at the issuer: %w", err)
		}
	}
	return nil
}

// checkFile does not read the file. What is wrong with it concerns one cluster, and must not keep the server from its start: it is
// logged, and the file is looked at again while the server runs. The same is true of caFile.
func (o clusterConfig) checkFile() error {
	if o.JWKSFile != "" && o.JWKSURI != "" {
		return errors.New("jwksURI is set, too: remove one of the two")
	}
	return nil
}

func (o clusterConfig) checkURI() error {
	switch {
	case o.JWKSURI == "":
		return nil
	case len(o.JWKSURI) > maxClusterURL:
		return fmt.Errorf("it is longer than %d bytes", maxClusterURL)
	}
	if err := checkHTTPS(o.JWKSURI, true); err != nil {
		return err
	}
	return backchannel.CheckElsewhere(o.JWKSURI)
}

func (o clusterConfig) checkCAFile() error {
	if o.CAFile != "" && o.JWKSFile != "" {
		return errors.New("it says whose certificate an address may have, and the keys come from jwksFile: remove one of the two")
	}
	return nil
}

// checkHTTPS refuses what no keys are read from.
func checkHTTPS(text string, query bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "":
		return errors.New("it must be an https URL, like https://api.east.example:6443")
	case u.User != nil:
		return errors.New("it must hold no user name and no password")
	case u.Fragment != "" || !query && (u.RawQuery != "" || u.ForceQuery):
		return errors.New("it must hold no fragment, and an issuer no query")
	}
	return nil
}
