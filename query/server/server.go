package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Options are the settings of a server.
type Options struct {
	// Address is what to listen on.
	Address string
	// TLS sets the certificate.
	TLS func(*tls.Config)
	// Measure counts and times the requests of a path.
	Measure func(path string, next http.Handler) http.Handler
}

// maxHeader bounds the header of a request, in bytes. A token has some thousand.
const maxHeader = 32 << 10

// server serves answers while a manager runs.
type server struct {
	options  Options
	listener net.Listener
	handler  handler
	cache    interface {
		GetInformer(context.Context, client.Object) (informer, error)
	}
}

// informer is what is asked of the cache of a kind.
type informer interface{ LastSyncResourceVersion() string }

// Add adds a server to a manager. It listens at once, so that an address that cannot be had is an error here, and answers once
// the manager runs.
func Add(mgr manager.Manager, options Options) error {
	hc, err := rest.HTTPClientFor(mgr.GetConfig())
	if err != nil {
		return err
	}
	access, err := newAccess(mgr.GetConfig(), hc)
	if err != nil {
		return err
	}
	return nil
}
