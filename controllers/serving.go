package controllers

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"

	"k8s.io/client-go/rest"
	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// Serving is what the HTTPS servers of the manager share: one certificate, and one way to ask the API server who a caller is
// and what he may get. Make it with NewServing, and add it to the manager, so that it follows the certificate's files.
type Serving struct {
	access      *access
	certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	watcher     *certwatcher.CertWatcher // nil with a self-signed certificate
}

// NewServing reads tls.crt and tls.key of the folder certDir, which must be there. With an empty certDir it makes a
// self-signed certificate, which keeps a token secret from whoever only listens, and which no client can check.
func NewServing(rc *rest.Config, certDir string) (*Serving, error) {
	hc, err := rest.HTTPClientFor(rc)
	if err != nil {
		return nil, err
	}
	s := &Serving{}
	if s.access, err = newAccess(rc, hc); err != nil {
		return nil, err
	}
	if certDir == "" {
		s.certificate, err = selfSigned()
		return s, err
	}
	s.watcher, err = certwatcher.New(filepath.Join(certDir, "tls.crt"), filepath.Join(certDir, "tls.key"))
	if err != nil {
		return nil, fmt.Errorf("no serving certificate in %s: %w: give a folder with a pair of tls.crt and tls.key, or none for a self-signed one", certDir, err)
	}
	s.certificate = s.watcher.GetCertificate
	return s, nil
}

// TLS sets the certificate of a server. HTTP/2 is left out: a scrape has no use for it, and it has more ways to be abused.
func (s *Serving) TLS(c *tls.Config) {
	c.MinVersion, c.NextProtos, c.GetCertificate = tls.VersionTLS12, []string{"http/1.1"}, s.certificate
}

// Start follows the files of the certificate until ctx ends. Bytes that are no pair leave the earlier certificate in use.
func (s *Serving) Start(ctx context.Context) error {
	if s.watcher == nil {
		<-ctx.Done()
		return nil
	}
	return s.watcher.Start(ctx)
}

// NeedLeaderElection says that a replica serves also while it does not lead.
func (s *Serving) NeedLeaderElection() bool { return false }

func selfSigned() (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	crt, key, err := certutil.GenerateSelfSignedCertKeyWithFixtures("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil, "")
	if err != nil {
		return nil, fmt.Errorf("make a self-signed certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(crt, key)
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, err }, err
}
