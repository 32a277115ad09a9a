// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// authority signs the certificates of one cluster and keeps them in a folder. Its own key is in no file.
type authority struct {
	dir string
	crt *x509.Certificate
	key *ecdsa.PrivateKey
}

// writeKeys makes an authority and all that the cluster's programs need of it: ca.crt, server.{crt,key} for etcd and the
// API server, admin.{crt,key} and controller-manager.{crt,key} for their clients, service-account.key.
func writeKeys(dir string) error {
	a := &authority{dir: dir}
	if err := a.signItself(); err != nil {
		return err
	}
	server := certificate(pkix.Name{CommonName: "kube-apiserver"})
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	server.DNSNames = []string{"localhost", "kubernetes.default.svc"}
	for name, template := range map[string]*x509.Certificate{
		"server":             server,
		"admin":              certificate(pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}),
		"controller-manager": certificate(pkix.Name{CommonName: "system:kube-controller-manager"}),
	} {
		if err := a.sign(name, template); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	_, err := a.newKey("service-account")
	return err
}

// certificate is a template. Start and end depend on no clock: the certificates are for one cluster, and no key that could
// sign another is kept.
func certificate(subject pkix.Name) *x509.Certificate {
	return &x509.Certificate{
		Subject:     subject,
		NotBefore:   time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:    time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// signItself makes the authority's key and certificate.
func (a *authority) signItself() (err error) {
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	template := certificate(pkix.Name{CommonName: "gatehouse development"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageCertSign, nil
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		return err
	}
	if a.crt, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	return a.write("ca.crt", "CERTIFICATE", der)
}

// sign makes a key and a certificate for it.
func (a *authority) sign(name string, template *x509.Certificate) error {
	key, err := a.newKey(name)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.crt, key.Public(), a.key)
	if err != nil {
		return err
	}
	return a.write(name+".crt", "CERTIFICATE", der)
}

// newKey makes a key and writes it down.
func (a *authority) newKey(name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, a.write(name+".key", "EC PRIVATE KEY", der)
}

func (a *authority) write(name, kind string, der []byte) error {
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	return os.WriteFile(filepath.Join(a.dir, name), block, 0o600)
}

// writeAccess sets the administrator's configuration and writes the kubeconfig files.
func (c *Cluster) writeAccess() error {
	for name, path := range map[string]string{
		"admin":              c.Kubeconfig(),
		"controller-manager": c.controllerManagerKubeconfig(),
	} {
		if err := clientcmd.WriteToFile(c.kubeconfig(name), path); err != nil {
			return fmt.Errorf("write the kubeconfig of %s: %w", name, err)
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return fmt.Errorf("read the kubeconfig just written: %w", err)
	}
	config.QPS = -1 // no limit
	c.config = config
	return nil
}

// kubeconfig lets the owner of one certificate in.
func (c *Cluster) kubeconfig(name string) api.Config {
	config := *api.NewConfig()
	config.Clusters["gatehouse"] = &api.Cluster{
		Server: "https://" + address(c.port), CertificateAuthority: c.pki("ca.crt"),
	}
	config.AuthInfos[name] = &api.AuthInfo{
		ClientCertificate: c.pki(name + ".crt"), ClientKey: c.pki(name + ".key"),
	}
	config.Contexts["gatehouse"] = &api.Context{Cluster: "gatehouse", AuthInfo: name}
	config.CurrentContext = "gatehouse"
	return config
}
