package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const (
	// StampAnnotation is what kubernetes-nmstate's mutating webhook writes on each create and update of a policy: the time in
	// nanoseconds since 1970. It makes every write a change, also one that says nothing new.
	StampAnnotation = "nmstate.io/webhook-mutating-timestamp"

	stampPath = "/stamp"
)

// stamp sets the annotation on the object of the request.
func stamp(_ context.Context, request admission.Request) admission.Response {
	var object unstructured.Unstructured
	if err := json.Unmarshal(request.Object.Raw, &object.Object); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[StampAnnotation] = strconv.FormatInt(time.Now().UnixNano(), 10)
	object.SetAnnotations(annotations)
	stamped, err := json.Marshal(object.Object)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return admission.PatchResponseFromRaw(request.Object.Raw, stamped)
}

// serveHooks answers the API server's admission calls on listener, with the certificate that envtest made.
func (c *Cluster) serveHooks(listener net.Listener) error {
	dir := c.env.WebhookInstallOptions.LocalServingCertDir
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(stampPath, &admission.Webhook{Handler: admission.HandlerFunc(stamp)})
	c.hooks = &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13},
	}
	// Serve ends when Stop closes the server.
	go func() { _ = c.hooks.ServeTLS(listener, "", "") }()
	return nil
}

// stampConfiguration makes the API server call the stamp for policies and their status. As in kubernetes-nmstate, a stamp that
// cannot be set does not hinder the write.
func (c *Cluster) stampConfiguration() *admissionregistrationv1.MutatingWebhookConfiguration {
	options := c.env.WebhookInstallOptions
	address := "https://" + net.JoinHostPort(options.LocalServingHost, strconv.Itoa(options.LocalServingPort)) + stampPath
	ignore, none := admissionregistrationv1.Ignore, admissionregistrationv1.SideEffectClassNone
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "nmstate"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    "nodenetworkconfigurationpolicies-timestamp-mutate.nmstate.io",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &address, CABundle: options.LocalServingCAData},
			FailurePolicy:           &ignore,
			SideEffects:             &none,
			AdmissionReviewVersions: []string{admissionv1.SchemeGroupVersion.Version},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{policyGroup}, APIVersions: []string{"*"},
					Resources: []string{policyResource, policyResource + "/status"},
				},
			}},
		}},
	}
}
