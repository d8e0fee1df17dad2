package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Options are the settings of a server.
type Options struct {
	// Address is what to listen on.
	Address string
	// TLS sets the certificate, and what else there is to say about TLS.
	TLS func(*tls.Config)
	// Authenticator says who asks, and Authorizer what they may.
	Authenticator authenticator.Request
	Authorizer    authorizer.Authorizer
	// Measure counts and times the requests of a path, which is one of openapi.yaml, or "other".
	Measure func(path string, next http.Handler) http.Handler
}

// Bounds of connections. A token in a header has some thousand bytes; there is no body to read.
const (
	maxHeader     = 32 << 10
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = answerTimeout + 15*time.Second
	idleTimeout   = time.Minute
	farewell      = 10 * time.Second
)

// Add adds a server to a manager. It listens at once, so that an address that cannot be had is an error here. It answers on every
// replica, as soon as the caches have what is asked for.
func Add(mgr manager.Manager, options Options) error {
	logger := ctrl.Log.WithName("query")
	h := &handler{caches: caches{mgr.GetCache()}, access: &access{options.Authenticator, options.Authorizer}, version: versionOf(mgr.GetCache()), log: logger, now: time.Now,
		measure: options.Measure}
	paths, err := h.paths()
	if err != nil {
		return err
	}
	settings := &tls.Config{}
	options.TLS(settings)
	listener, err := net.Listen("tcp", options.Address)
	if err != nil {
		return fmt.Errorf("serve queries: %w", err)
	}
	patience := farewell
	return mgr.Add(&manager.Server{
		Name: "query", ShutdownTimeout: &patience, Listener: tls.NewListener(listener, settings),
		Server: &http.Server{
			Handler: paths, MaxHeaderBytes: maxHeader, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
			IdleTimeout: idleTimeout,
			// What clients do wrong with TLS is theirs to know, and anybody could fill the log with it.
			ErrorLog: log.New(io.Discard, "", 0),
		},
	})
}

// versionOf gives a function that says up to which resource version the cache has followed the leases; empty when it has not
// begun.
func versionOf(c cache.Cache) func() string {
	return func() string {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		i, err := c.GetInformer(ctx, &v1alpha1.AddressLease{}, cache.BlockUntilSynced(false))
		if err != nil {
			return ""
		}
		if i, ok := i.(interface{ LastSyncResourceVersion() string }); ok {
			return i.LastSyncResourceVersion()
		}
		return ""
	}
}
