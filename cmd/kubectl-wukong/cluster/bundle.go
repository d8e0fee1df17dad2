package cluster

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Raw gives the objects of a kind as the API server has them; namespace "" means all namespaces. The kind must be one that this
// package knows. kinds is its plural for people.
func (c *Cluster) Raw(ctx context.Context, kind schema.GroupVersionKind, kinds, namespace string, options ...client.ListOption) ([]unstructured.Unstructured, error) {
	list := func() *unstructured.UnstructuredList {
		l := &unstructured.UnstructuredList{}
		l.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		return l
	}
	items := func(l *unstructured.UnstructuredList) []unstructured.Unstructured { return l.Items }
	return pages(ctx, c, kinds, list, items, append(options, client.InNamespace(namespace))...)
}

// RawEvents gives the events about objects of a kind; namespace "" means all namespaces.
func (c *Cluster) RawEvents(ctx context.Context, kind, namespace string) ([]unstructured.Unstructured, error) {
	return c.Raw(ctx, corev1.SchemeGroupVersion.WithKind("Event"), "Events about "+kind+"s", namespace,
		client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("involvedObject.kind", kind)})
}

// logPatience bounds how long a log may take: a kubelet that does not answer would be waited for.
const logPatience = 20 * time.Second

// Log gives the end of the log of a container, at most lines of it and at most limit bytes. previous asks for the one before its last
// restart.
func (c *Cluster) Log(ctx context.Context, namespace, pod, container string, previous bool, lines, limit int64) ([]byte, error) {
	config := rest.CopyConfig(c.config)
	config.GroupVersion, config.APIPath = &corev1.SchemeGroupVersion, "/api"
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	doing := fmt.Sprintf("get log of Pod %s/%s, container %s", namespace, pod, container)
	core, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, explain(doing, err)
	}
	c.options.Progress.Say("reading the log of %s/%s", namespace, pod)
	defer c.options.Progress.Done()
	ctx, cancel := context.WithTimeout(ctx, logPatience)
	defer cancel()
	stream, err := core.Get().Namespace(namespace).Resource("pods").Name(pod).SubResource("log").
		VersionedParams(&corev1.PodLogOptions{Container: container, Previous: previous, TailLines: &lines, LimitBytes: &limit}, scheme.ParameterCodec).
		Stream(ctx)
	if err != nil {
		return nil, explain(doing, err)
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, limit))
	return text, explain(doing, err)
}
