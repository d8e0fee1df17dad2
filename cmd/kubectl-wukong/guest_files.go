package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/guests"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/render"
)

// fileFacts gives what files say about a guest. A Wukong that has no status is planned, as by render.
func (g *guestAsking) fileFacts(c *cobra.Command, of guestArg, uplink string) (guests.Facts, error) {
	set, err := g.readFiles(of, uplink)
	if err != nil {
		return guests.Facts{}, err
	}
	w, err := wukongAmong(c, set, of)
	if err != nil {
		printFindings(g.std.err, set.Findings)
		return guests.Facts{}, err
	}
	f := guests.Facts{Wukong: w, Pools: set.Input.AddressPools, ClusterName: g.clusterName}
	machine := guests.MachineName(w)
	f.Machine = among(set.Guests.Machines, w.Namespace, machine)
	f.Instance = among(set.Guests.Instances, w.Namespace, machine)
	for _, name := range f.SecretNames() {
		if secret := among(set.Guests.Secrets, w.Namespace, name); secret != nil {
			f.AddSecret(name, secret)
		}
	}
	findings := set.Findings
	if w.Status.ObservedGeneration <= 0 {
		plan, planned := render.Plan(set.Input)
		findings = append(findings, g.findingsAbout(set, w, planned)...)
		at := slices.IndexFunc(plan.Netplans, func(p render.GuestNetplan) bool { return p.Namespace == w.Namespace && p.Wukong == w.Name })
		if at >= 0 {
			f.Planned = &plan.Netplans[at]
		}
	}
	printFindings(g.std.err, findings)
	if f.Planned == nil && slices.ContainsFunc(findings, func(f render.Finding) bool { return f.Severity == render.SeverityError }) {
		return f, errFindings
	}
	return f, nil
}

func (g *guestAsking) readFiles(of guestArg, uplink string) (*manifests.Set, error) {
	defer g.std.reading(g.files)()
	sources, err := manifests.Finder{Recursive: g.recursive, Stdin: g.std.in}.Find(g.files)
	if err != nil {
		return nil, err
	}
	reader := manifests.Reader{Namespace: corev1.NamespaceDefault, WithGuests: true}
	if of.namespace != "" {
		reader.Namespace = of.namespace
	}
	set, err := reader.Read(sources)
	if err != nil {
		return nil, err
	}
	set.Input.ClusterName = g.clusterName
	if uplink != "" {
		stand, networks := render.StandIn(uplink)
		set.Input.HostUplinks = append(set.Input.HostUplinks, stand)
		set.Input.HostNetworks = append(set.Input.HostNetworks, networks...)
	}
	return set, nil
}

// findingsAbout are those about one Wukong. Notes stay out: render tells them.
func (g *guestAsking) findingsAbout(set *manifests.Set, w *v1alpha1.Wukong, all []render.Finding) []render.Finding {
	var out []render.Finding
	for _, f := range all {
		if f.Object == (render.Object{Kind: "Wukong", Namespace: w.Namespace, Name: w.Name}) && counts(f) {
			out = append(out, set.Locate(f))
		}
	}
	return out
}

// wukongAmong finds the Wukong of the name, or the one whose machine has the name. Without a namespace every one is looked at.
func wukongAmong(c *cobra.Command, set *manifests.Set, of guestArg) (*v1alpha1.Wukong, error) {
	fitting := func(name func(*v1alpha1.Wukong) string) []*v1alpha1.Wukong {
		var out []*v1alpha1.Wukong
		for i := range set.Input.Wukongs {
			w := &set.Input.Wukongs[i]
			if name(w) == of.name && (of.namespace == "" || of.namespace == w.Namespace) {
				out = append(out, w)
			}
		}
		return out
	}
	fit := fitting(func(w *v1alpha1.Wukong) string { return w.Name })
	if len(fit) == 0 {
		fit = fitting(guests.MachineName)
	}
	switch len(fit) {
	case 0:
		return nil, found("the files have no Wukong %q, and none whose VirtualMachine has that name", of.name)
	case 1:
		return fit[0], nil
	}
	var names []string
	for _, w := range fit {
		names = append(names, w.Namespace+"/"+w.Name)
	}
	slices.Sort(names)
	return nil, usageError(c, "%q may be any of %s: write which", of.name, strings.Join(names, ", "))
}

// among finds an object by its name, or gives nil.
func among[T any, P interface {
	*T
	metav1.Object
}](all []T, namespace, name string) *T {
	for i := range all {
		if o := P(&all[i]); o.GetNamespace() == namespace && o.GetName() == name {
			return &all[i]
		}
	}
	return nil
}
