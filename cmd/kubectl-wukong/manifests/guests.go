package manifests

import (
	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// Guests is what belongs to guests, beside the Input.
type Guests struct {
	Machines  []kubevirtv1.VirtualMachine
	Instances []kubevirtv1.VirtualMachineInstance
	Secrets   []corev1.Secret
}

// guestKinds are read, beside kinds, where the Reader is told to.
var guestKinds = map[groupKind]kind{
	{kubevirtv1.GroupVersion.Group, "VirtualMachine"}: {namespaced: true, add: func(s *Set, o map[string]any) error {
		return into(&s.Guests.Machines, o)
	}},
	{kubevirtv1.GroupVersion.Group, "VirtualMachineInstance"}: {namespaced: true, add: func(s *Set, o map[string]any) error {
		return into(&s.Guests.Instances, o)
	}},
	{"", "Secret"}: {namespaced: true, add: addSecret},
}

// addSecret adds a Secret as the API server keeps it: with what it states as text among its data.
func addSecret(s *Set, object map[string]any) error {
	secret, err := decodeAs[corev1.Secret](object)
	if err != nil {
		return err
	}
	for key, value := range secret.StringData {
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		secret.Data[key] = []byte(value)
	}
	secret.StringData = nil
	s.Guests.Secrets = append(s.Guests.Secrets, secret)
	return nil
}
