//go:build linux

package guestboot

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/e2e/parts"
)

// Objects are what is written for a machine.
type Objects struct {
	VirtualMachine kubevirtv1.VirtualMachine
	Attachments    []nadv1.NetworkAttachmentDefinition
	Secrets        []corev1.Secret
}

// Launch is what KubeVirt makes of the objects of a machine, as far as the guest sees it.
type Launch struct {
	Name string
	// UUID is that of the firmware. KubeVirt also makes it the identity of the instance for cloud-init.
	UUID string
	CPUs uint32
	// Memory is in bytes.
	Memory int64
	NICs   []NIC
	// UserData and NetworkData are the documents of the Secrets, untouched.
	UserData, NetworkData string
}

// NIC is a NIC of the machine, and the bridge of the node that it is plugged into.
type NIC struct{ MAC, Bridge string }

// LaunchOf follows the references of a machine as KubeVirt and Multus do. What it names and is not there is an error.
func LaunchOf(o Objects) (Launch, error) {
	vm := &o.VirtualMachine
	if vm.Spec.Template == nil || vm.Spec.Template.Spec.Domain.Firmware == nil {
		return Launch{}, fmt.Errorf("VirtualMachine %q has no firmware UUID", vm.Name)
	}
	spec := &vm.Spec.Template.Spec
	out := Launch{Name: vm.Name, UUID: string(spec.Domain.Firmware.UUID), CPUs: spec.Domain.CPU.Cores, Memory: spec.Domain.Memory.Guest.Value()}
	for _, nic := range spec.Domain.Devices.Interfaces {
		bridge, err := o.bridgeOf(spec.Networks, nic.Name)
		if err != nil {
			return Launch{}, fmt.Errorf("interface %s: %w", nic.Name, err)
		}
		out.NICs = append(out.NICs, NIC{MAC: nic.MacAddress, Bridge: bridge})
	}
	for _, v := range spec.Volumes {
		source := v.CloudInitNoCloud
		if source == nil {
			continue
		}
		var err error
		if out.UserData, err = o.document(source.UserDataSecretRef, "userdata"); err != nil {
			return Launch{}, fmt.Errorf("volume %s: %w", v.Name, err)
		}
		if out.NetworkData, err = o.document(source.NetworkDataSecretRef, "networkdata"); err != nil {
			return Launch{}, fmt.Errorf("volume %s: %w", v.Name, err)
		}
	}
	return out, nil
}

// bridgeOf finds the bridge that the attachment of a network names.
func (o *Objects) bridgeOf(networks []kubevirtv1.Network, name string) (string, error) {
	i := slices.IndexFunc(networks, func(n kubevirtv1.Network) bool { return n.Name == name })
	if i < 0 || networks[i].Multus == nil {
		return "", fmt.Errorf("no network of Multus has its name")
	}
	wanted := networks[i].Multus.NetworkName
	for _, nad := range o.Attachments {
		if nad.Namespace+"/"+nad.Name != wanted {
			continue
		}
		var conf struct {
			Bridge string `json:"bridge"`
		}
		err := json.Unmarshal([]byte(nad.Spec.Config), &conf)
		return conf.Bridge, err
	}
	return "", fmt.Errorf("there is no attachment %s", wanted)
}

// document reads a document of the Secret that a volume refers to.
func (o *Objects) document(ref *corev1.LocalObjectReference, key string) (string, error) {
	if ref == nil {
		return "", fmt.Errorf("no Secret for %s", key)
	}
	for _, s := range o.Secrets {
		if text, ok := s.StringData[key]; ok && s.Name == ref.Name {
			return text, nil
		}
	}
	return "", fmt.Errorf("no Secret %s with %s", ref.Name, key)
}

// metaData is what KubeVirt writes for the NoCloud data source.
type metaData struct {
	InstanceID    string `json:"instance-id"`
	LocalHostname string `json:"local-hostname"`
}

// WriteSeed makes the volume for cloud-init as KubeVirt does: an ISO 9660 image labelled cidata, with meta-data as JSON.
func (l *Launch) WriteSeed(ctx context.Context, qemu *parts.Qemu, image string) error {
	folder, err := os.MkdirTemp("", "wukong-seed-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	meta, err := json.Marshal(metaData{InstanceID: l.UUID, LocalHostname: l.Name})
	if err != nil {
		return err
	}
	for name, content := range map[string]string{"meta-data": string(meta), "user-data": l.UserData, "network-config": l.NetworkData} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return qemu.ISO(ctx, image, "cidata", folder)
}
