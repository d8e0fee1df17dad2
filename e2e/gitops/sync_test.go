package gitops

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/e2e/cluster"
)

// tracker is the name by which Argo CD and Flux know what they applied, in the labels and annotations of both.
const tracker = "fleet-of-the-test"

// folderOf gives the objects of a kustomization, with the marks of Argo CD and Flux.
func (s *stage) folderOf(dir string) []*unstructured.Unstructured {
	s.t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	s.must(err)
	var out []*unstructured.Unstructured
	for _, r := range built.Resources() {
		fields, err := r.Map()
		s.must(err)
		raw, err := json.Marshal(fields)
		s.must(err)
		object := &unstructured.Unstructured{}
		s.must(object.UnmarshalJSON(raw))
		labels, annotations := object.GetLabels(), object.GetAnnotations()
		if labels == nil {
			labels = map[string]string{}
		}
		if annotations == nil {
			annotations = map[string]string{}
		}
		labels["app.kubernetes.io/instance"], labels["kustomize.toolkit.fluxcd.io/name"] = tracker, tracker
		annotations["argocd.argoproj.io/tracking-id"] = tracker + ":" + object.GetKind() + "/" + object.GetName()
		object.SetLabels(labels)
		object.SetAnnotations(annotations)
		out = append(out, object)
	}
	return out
}

// sync applies objects in their order, and what was refused again, as GitOps tools do. It says how many were refused at first.
func (s *stage) sync(objects []*unstructured.Unstructured) (refused int) {
	s.t.Helper()
	first := true
	s.eventually(func() error {
		var errs []error
		for _, object := range objects {
			errs = append(errs, s.applyAs(object.DeepCopy()))
		}
		errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
		if first {
			refused, first = len(errs), false
		}
		return errors.Join(errs...)
	})
	return refused
}

// applyAs applies an object server side, as a tool does that owns what it says.
func (s *stage) applyAs(object *unstructured.Unstructured, more ...client.ApplyOption) error {
	return s.Admin.Apply(s.t.Context(), client.ApplyConfigurationFromUnstructured(object), append(more, client.FieldOwner("gitops"), client.ForceOwnership)...)
}

// shuffled gives the objects in an order that a seed decides.
func shuffled(objects []*unstructured.Unstructured, seed uint64) []*unstructured.Unstructured {
	out := slices.Clone(objects)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] }) //nolint:gosec // an order, no secret
	return out
}

// allReady waits until each object that has a status reads current.
func (s *stage) allReady(objects []*unstructured.Unstructured) {
	s.t.Helper()
	for _, object := range objects {
		if slices.Contains(kinds, object.GetKind()) {
			s.ready(idOf(object))
		}
	}
}

// takeBack deletes what has a status, users first, and waits.
func (s *stage) takeBack(objects []*unstructured.Unstructured) {
	s.t.Helper()
	for _, kind := range []string{"Wukong", "AddressReservation", "AddressPool", "HostNetwork", "HostUplink"} {
		for _, object := range objects {
			if object.GetKind() == kind {
				s.remove(idOf(object))
			}
		}
	}
}

func TestAFolderBecomesReadyInAnyOrder(t *testing.T) {
	s := newStage(t, cluster.Options{Without: []cluster.Component{cluster.Wukong}})
	definitions := s.folderOf(filepath.Join("..", "..", "config", "crd"))
	objects := s.folderOf(filepath.Join(folder, "networks"))

	t.Log("everything at once, before the definitions and before the controller runs")
	backwards := append(slices.Clone(objects), definitions...)
	slices.Reverse(objects)
	if refused := s.sync(backwards); refused == 0 {
		t.Error("nothing was refused before its definition was there: the order is not what the test is about")
	}
	s.patchesArgoCD()
	s.run()
	s.allReady(objects)
	s.nothingIsCopied()
	s.nothingDrifts(objects)

	for seed := range uint64(3) {
		t.Logf("order %d, while the controller runs", seed)
		s.takeBack(objects)
		s.sync(shuffled(objects, seed))
		s.allReady(objects)
	}
	s.nothingDrifts(objects)
	s.takeBack(objects)
	for _, side := range []string{"--server-side", "--server-side=false"} {
		s.kubectlSeesNoDifference(side, filepath.Join("..", "..", "config", "samples"))
	}
}

// The controller needs no order. A person who looks at Argo CD does, and a platform that fails keeps teams from being begun.
func TestArgoCDShowsThePlatformBeforeTheTeams(t *testing.T) {
	s := &stage{t: t}
	waves := map[string][]int{}
	for _, object := range s.folderOf(filepath.Join(folder, "networks")) {
		wave := 0 // Argo CD's default
		if text := object.GetAnnotations()["argocd.argoproj.io/sync-wave"]; text != "" {
			var err error
			wave, err = strconv.Atoi(text)
			s.must(err)
		}
		waves[object.GetKind()] = append(waves[object.GetKind()], wave)
	}
	before := func(first, second string) {
		t.Helper()
		if len(waves[first]) == 0 || len(waves[second]) == 0 || slices.Max(waves[first]) >= slices.Min(waves[second]) {
			t.Errorf("%s has waves %d, and %s %d", first, waves[first], second, waves[second])
		}
	}
	for _, kind := range []string{"HostUplink", "HostNetwork", "AddressPool", "AddressReservation"} {
		before("Namespace", kind)
		before(kind, "Wukong")
	}
}

// patchesArgoCD adds the health checks to a ConfigMap as docs/gitops.md says.
func (s *stage) patchesArgoCD() {
	s.t.Helper()
	s.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: argocd}", string(read(s.t, filepath.Join("testdata", "argocd", "argocd-cm.yaml"))))
	_, err := s.Cluster.Kubectl(s.t.Context(), "patch", "configmap", "argocd-cm", "-n", "argocd", "--patch-file", configMapPath)
	s.must(err)
	out, err := s.Cluster.Kubectl(s.t.Context(), "get", "configmap", "argocd-cm", "-n", "argocd", "-o", "yaml")
	s.must(err)
	object := &unstructured.Unstructured{}
	s.must(yaml.Unmarshal(out, &object.Object))
	got, _, _ := unstructured.NestedStringMap(object.Object, "data")
	want := configMap(s.t, read(s.t, configMapPath)).Data
	want["url"] = "https://argocd.example.com"
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("argocd-cm after the patch (-want +got):\n%s", diff)
	}
}

// nothingIsCopied looks for the marks of the tools on what the controller made: Argo CD would prune it as none of its own.
func (s *stage) nothingIsCopied() {
	s.t.Helper()
	made := 0
	for _, gvk := range []schema.GroupVersionKind{
		{Group: "nmstate.io", Version: "v1", Kind: "NodeNetworkConfigurationPolicy"}, {Group: "vm.novasphere.dev", Version: "v1alpha1", Kind: "AddressLease"},
		{Group: "k8s.cni.cncf.io", Version: "v1", Kind: "NetworkAttachmentDefinition"}, {Version: "v1", Kind: "Secret"},
		{Group: "kubevirt.io", Version: "v1", Kind: "VirtualMachine"}, {Group: "kubevirt.io", Version: "v1", Kind: "VirtualMachineInstance"}, {Version: "v1", Kind: "Node"},
	} {
		list := listOf(gvk)
		s.must(s.Admin.List(s.t.Context(), list))
		if len(list.Items) == 0 {
			s.t.Errorf("there is no %s", gvk.Kind)
		}
		for i := range list.Items {
			made++
			if text, _ := json.Marshal(list.Items[i].Object); strings.Contains(string(text), tracker) {
				s.t.Errorf("%s has a mark of the tool that applied what it was made for:\n%s", idOf(&list.Items[i]), text)
			}
		}
	}
	s.t.Logf("looked at %d objects", made)
}

// nothingDrifts applies objects once more, as a dry run: the spec is as it was applied, with the same defaults.
func (s *stage) nothingDrifts(objects []*unstructured.Unstructured) {
	s.t.Helper()
	for _, object := range objects {
		live := s.object(object.GetKind(), client.ObjectKeyFromObject(object))
		live.SetGroupVersionKind(object.GroupVersionKind())
		s.must(s.Admin.Get(s.t.Context(), client.ObjectKeyFromObject(object), live))
		again := object.DeepCopy()
		s.must(s.applyAs(again, client.DryRunAll))
		for _, o := range []*unstructured.Unstructured{live, again} {
			o.SetManagedFields(nil)
			delete(o.Object, "status") // it may change meanwhile
			o.SetResourceVersion("")
		}
		if diff := cmp.Diff(live.Object, again.Object); diff != "" {
			s.t.Errorf("%s drifts from what was applied (-live +applied):\n%s", idOf(object), diff)
		}
		for _, entry := range []string{"labels", "annotations"} {
			has, _, _ := unstructured.NestedStringMap(live.Object, "metadata", entry)
			want, _, _ := unstructured.NestedStringMap(object.Object, "metadata", entry)
			delete(has, "kubernetes.io/metadata.name") // of the API server, on namespaces
			if diff := cmp.Diff(want, has); diff != "" {
				s.t.Errorf("%s has other %s than were applied (-applied +live):\n%s", idOf(object), entry, diff)
			}
		}
	}
}

// kubectlSeesNoDifference applies a folder as people do, and compares it with what the cluster has once the controller has looked.
func (s *stage) kubectlSeesNoDifference(side, dir string) {
	s.t.Helper()
	if _, err := s.Cluster.Kubectl(s.t.Context(), "apply", side, "-k", dir); err != nil {
		s.t.Fatal(err)
	}
	for _, kind := range kinds {
		list := listOf(schema.GroupVersionKind{Group: "vm.novasphere.dev", Version: "v1alpha1", Kind: kind})
		s.eventually(func() error {
			s.must(s.Admin.List(s.t.Context(), list))
			for i := range list.Items {
				if observed(&list.Items[i]) != list.Items[i].GetGeneration() {
					return fmt.Errorf("the controller has not looked at %s", idOf(&list.Items[i]))
				}
			}
			return nil
		})
	}
	// A status that is written meanwhile is a difference, too: it ends when the world has settled.
	s.eventually(func() error {
		if out, err := s.Cluster.Kubectl(s.t.Context(), "diff", side, "-k", dir); err != nil || len(out) > 0 {
			return fmt.Errorf("kubectl diff %s -k %s: %w\n%s", side, dir, err, out)
		}
		return nil
	})
}
