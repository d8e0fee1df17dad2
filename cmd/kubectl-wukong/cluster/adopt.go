package cluster

import (
	"context"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// HostNetworks gives all HostNetworks.
func (c *Cluster) HostNetworks(ctx context.Context) ([]v1alpha1.HostNetwork, error) {
	list := func() *v1alpha1.HostNetworkList { return &v1alpha1.HostNetworkList{} }
	return pages(ctx, c, "HostNetworks", list, func(l *v1alpha1.HostNetworkList) []v1alpha1.HostNetwork { return l.Items })
}

// Instances gives all VirtualMachineInstances.
func (c *Cluster) Instances(ctx context.Context) ([]kubevirtv1.VirtualMachineInstance, error) {
	list := func() *kubevirtv1.VirtualMachineInstanceList { return &kubevirtv1.VirtualMachineInstanceList{} }
	items := func(l *kubevirtv1.VirtualMachineInstanceList) []kubevirtv1.VirtualMachineInstance { return l.Items }
	return pages(ctx, c, "VirtualMachineInstances", list, items)
}

// Attachments gives all NetworkAttachmentDefinitions.
func (c *Cluster) Attachments(ctx context.Context) ([]nadv1.NetworkAttachmentDefinition, error) {
	list := func() *nadv1.NetworkAttachmentDefinitionList { return &nadv1.NetworkAttachmentDefinitionList{} }
	items := func(l *nadv1.NetworkAttachmentDefinitionList) []nadv1.NetworkAttachmentDefinition { return l.Items }
	return pages(ctx, c, "NetworkAttachmentDefinitions", list, items)
}

// Namespaces gives the metadata of all namespaces.
func (c *Cluster) Namespaces(ctx context.Context) ([]metav1.PartialObjectMetadata, error) {
	return c.metadata(ctx, corev1.SchemeGroupVersion.WithKind("Namespace"), "Namespaces")
}

// Adopt creates a Wukong. One that exists is an Error with the cause Changed.
func (c *Cluster) Adopt(ctx context.Context, w *v1alpha1.Wukong, mode DryRun) error {
	if mode == DryRunClient {
		return nil
	}
	name := w.Namespace + "/" + w.Name
	c.options.Progress.Say("creating Wukong %s", name)
	defer c.options.Progress.Done()
	return explain("create Wukong "+name, c.client.Create(ctx, w, &client.CreateOptions{DryRun: dryRun(mode)}))
}
