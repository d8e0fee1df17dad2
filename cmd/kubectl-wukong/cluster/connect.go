package cluster

import (
	"fmt"
	"io"

	"github.com/go-logr/logr"
	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/answer"
)

// Options are what a Cluster tells while it works.
type Options struct {
	// Diagnostics gets notes about what could not be read, and warnings of the API server.
	Diagnostics io.Writer
	// Progress shows what takes long; nil shows nothing.
	Progress *Progress
	// Agent is the name and version that the API server's logs show.
	Agent string
}

// Cluster is an open connection. Nothing is sent before the first read.
type Cluster struct {
	client   client.WithWatch
	config   *rest.Config
	options  Options
	skipping map[string]bool // notes that were given already
}

// Connect prepares a connection from kubectl's flags, its environment and its file. Errors are those of Error.
func Connect(flags *genericclioptions.ConfigFlags, options Options) (*Cluster, error) {
	// The client library has a logger of its own. What it has to say comes back as errors.
	log.SetLogger(logr.Discard())
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, &Error{Cause: Unreachable, Text: "there is no cluster to ask: " + err.Error(), Err: err}
	}
	// What the client library falls back to is nobody's cluster.
	if loaded, err := flags.ToRawKubeConfigLoader().RawConfig(); err == nil && len(loaded.Clusters) == 0 && config.Host == "http://localhost:8080" {
		return nil, &Error{Cause: Unreachable, Text: "there is no cluster to ask: no kubeconfig was found: name one with --kubeconfig or $KUBECONFIG"}
	}
	config.QPS, config.UserAgent = -1, options.Agent
	config.WarningHandler = warnings{options.Diagnostics}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, kubevirtv1.AddToScheme, nadv1.AddToScheme, corev1.AddToScheme,
		appsv1.AddToScheme, coordinationv1.AddToScheme, authorizationv1.AddToScheme, admissionv1.AddToScheme, apiextensionsv1.AddToScheme, eventsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme, Mapper: mapper()})
	if err != nil {
		return nil, &Error{Cause: Unreachable, Text: "there is no cluster to ask: " + err.Error(), Err: err}
	}
	return &Cluster{client: c, config: config, options: options, skipping: map[string]bool{}}, nil
}

// mapper knows the kinds that are asked for, so that no discovery precedes a question.
func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.GroupVersion})
	for _, kind := range []string{"AddressLease", "AddressPool", "AddressReservation", "HostNetwork", "HostUplink"} {
		m.Add(v1alpha1.GroupVersion.WithKind(kind), meta.RESTScopeRoot)
	}
	m.Add(v1alpha1.GroupVersion.WithKind("Wukong"), meta.RESTScopeNamespace)
	m.Add(kubevirtv1.VirtualMachineGroupVersionKind, meta.RESTScopeNamespace)
	m.Add(kubevirtv1.VirtualMachineInstanceGroupVersionKind, meta.RESTScopeNamespace)
	m.AddSpecific(nadv1.SchemeGroupVersion.WithKind("NetworkAttachmentDefinition"), nadv1.SchemeGroupVersion.WithResource("network-attachment-definitions"),
		nadv1.SchemeGroupVersion.WithResource("network-attachment-definition"), meta.RESTScopeNamespace)
	m.Add(corev1.SchemeGroupVersion.WithKind("Namespace"), meta.RESTScopeRoot)
	m.Add(corev1.SchemeGroupVersion.WithKind("Node"), meta.RESTScopeRoot)
	m.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	m.Add(eventsv1.SchemeGroupVersion.WithKind("Event"), meta.RESTScopeNamespace)
	m.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
	m.Add(corev1.SchemeGroupVersion.WithKind("Event"), meta.RESTScopeNamespace)
	m.Add(appsv1.SchemeGroupVersion.WithKind("Deployment"), meta.RESTScopeNamespace)
	m.Add(coordinationv1.SchemeGroupVersion.WithKind("Lease"), meta.RESTScopeNamespace)
	for _, kind := range []schema.GroupVersionKind{nodeStateKind, enactmentKind, policyKind,
		apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"),
		admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy"), admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicyBinding"),
		authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"), authorizationv1.SchemeGroupVersion.WithKind("SubjectAccessReview")} {
		m.Add(kind, meta.RESTScopeRoot)
	}
	return m
}

// warnings prints what the API server says beside an answer.
type warnings struct{ out io.Writer }

// HandleWarningHeader prints one warning.
func (w warnings) HandleWarningHeader(_ int, _, text string) {
	if text != "" {
		fmt.Fprintln(w.out, "warning: "+answer.Printable(text))
	}
}

var _ rest.WarningHandler = warnings{}
