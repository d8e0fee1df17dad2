package function

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio/kioutil"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// Process adds policies to the items of a list, and findings to its results. Where one of them is an error, no item is touched.
func Process(list *framework.ResourceList) {
	which, err := chosen(list.FunctionConfig)
	if err != nil {
		list.Results = append(list.Results, failure(err))
		return
	}
	items := indexed(list.Items)
	plan, findings, err := plan(items)
	if err != nil {
		list.Results = append(list.Results, failure(err))
		return
	}
	for _, f := range findings {
		list.Results = append(list.Results, result(f, items))
	}
	if list.Results.ExitCode() != 0 {
		return
	}
	for i := range plan.Policies {
		policy := &plan.Policies[i]
		if which == policiesExternal && !render.ForPipeline(policy) {
			continue
		}
		if err := put(list, policy); err != nil {
			list.Results = append(list.Results, failure(err))
			return
		}
	}
}

// item is one of the list, with what identifies it.
type item struct {
	node *yaml.RNode
	meta yaml.ResourceMeta
	// path and index say which file it is of, and which object in it; path is empty where the caller does not say.
	path  string
	index int
}

func indexed(nodes []*yaml.RNode) []item {
	var out []item
	for _, node := range nodes {
		meta, err := node.GetMeta()
		if err != nil {
			continue // an object without metadata is none of ours
		}
		one := item{node: node, meta: meta}
		if path, index, err := kioutil.GetFileAnnotations(node); err == nil {
			one.path = path
			one.index, _ = strconv.Atoi(index)
		}
		out = append(out, one)
	}
	return out
}

// object is the name that findings have for the item.
func (i item) object() render.Object {
	return render.Object{Kind: i.meta.Kind, Namespace: i.meta.Namespace, Name: i.meta.Name}
}

// plan reads the items and renders them.
func plan(items []item) (render.Output, []render.Finding, error) {
	var sources []manifests.Source
	for _, i := range items {
		text, err := i.node.String()
		if err != nil {
			return render.Output{}, nil, err
		}
		// A name that people know: lines are those of the item alone, so nothing is said about them.
		sources = append(sources, manifests.Source{Name: i.object().String(), Text: []byte(text), Found: true})
	}
	set, err := (&manifests.Reader{Namespace: corev1.NamespaceDefault}).Read(sources)
	if err != nil {
		return render.Output{}, nil, err
	}
	out, found := render.Plan(set.Input)
	return out, append(set.Findings, found...), nil
}

// put adds a policy to the items, or replaces the one of its name.
func put(list *framework.ResourceList, policy *nmstate.Policy) error {
	text, err := render.Manifest(policy)
	if err != nil {
		return err
	}
	node, err := yaml.Parse(string(text))
	if err != nil {
		return err
	}
	for i, before := range list.Items {
		if before.GetApiVersion() == policy.APIVersion && before.GetKind() == policy.Kind && before.GetName() == policy.Name {
			// The annotations say, among others, which file the item is of.
			if err := node.SetAnnotations(before.GetAnnotations()); err != nil {
				return err
			}
			list.Items[i] = node
			return nil
		}
	}
	list.Items = append(list.Items, node)
	return nil
}
