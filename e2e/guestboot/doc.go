// Package guestboot boots real guests: a Debian that was installed from Debian's packages, on QEMU, with the documents that are
// rendered for a Wukong, on a bridge that nmstatectl made from the revision of its host. It plays the part of KubeVirt's
// launcher, which makes a volume for cloud-init and a virtual machine of a VirtualMachine, its attachment and its Secret.
//
// QEMU emulates the processor, so that nested virtualization is not needed: a boot takes a minute or two. It needs root, as
// package kernel does, and touches nothing outside its namespaces and folders. `make e2e-guest` runs the test, which is
// skipped otherwise; docs/guest-boot.md is the record of a run.
//
// Start reading at LaunchOf in launch.go; machine.go is the machine that runs.
package guestboot
