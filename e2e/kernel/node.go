//go:build linux

package kernel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// Node is a namespace that stands for a node. It is a lab.Machine.
type Node struct {
	*Namespace
	fabric *Fabric
	nics   map[string]bool
	// plugging keeps guests from being plugged in while nmstatectl works, which would take them out again unseen.
	plugging sync.Mutex
}

// State is what nmstatectl shows of the kernel, less what kubernetes-nmstate's handler leaves out of a NodeNetworkState:
// veths of pods and machines, and timers of bridges, which would make it change all the time. The DNS settings would be
// those of this machine, so there are none.
func (n *Node) State(ctx context.Context) (map[string]any, error) {
	out, problem, err := n.nmstatectl(ctx, nil, "show", "--kernel", "--json")
	if err != nil {
		return nil, fmt.Errorf("nmstatectl show: %w: %s", err, problem)
	}
	shown := map[string]any{}
	if err := utiljson.Unmarshal([]byte(out), &shown); err != nil {
		return nil, fmt.Errorf("nmstatectl show: %w", err)
	}
	interfaces := []any{}
	all, _ := shown["interfaces"].([]any)
	for _, entry := range all {
		iface, _ := entry.(map[string]any)
		name, _ := iface["name"].(string)
		if iface["type"] == "veth" && !n.nics[name] {
			continue
		}
		if bridge, ok := iface["bridge"].(map[string]any); ok {
			options, _ := bridge["options"].(map[string]any)
			delete(options, "gc-timer")
			delete(options, "hello-timer")
		}
		interfaces = append(interfaces, iface)
	}
	return map[string]any{"interfaces": interfaces, "routes": shown["routes"],
		"dns-resolver": map[string]any{"config": map[string]any{}, "running": map[string]any{}}}, nil
}

// Apply has nmstatectl change the kernel. What it did before it failed stays.
func (n *Node) Apply(ctx context.Context, desired map[string]any) (objection string, err error) {
	state, err := json.Marshal(desired)
	if err != nil {
		return "", err
	}
	if err := n.dropAddresses(ctx, desired); err != nil {
		return "", err
	}
	n.plugging.Lock()
	defer n.plugging.Unlock()
	guests, err := n.guests(ctx)
	if err != nil {
		return "", err
	}
	_, problem, err := n.nmstatectl(ctx, state, "apply", "--kernel")
	for _, g := range guests {
		if _, missing := n.IP(ctx, "link", "show", g.Master); missing == nil {
			if _, err := n.IP(ctx, "link", "set", g.Name, "master", g.Master); err != nil {
				return "", err
			}
		}
	}
	if exit := new(exec.ExitError); errors.As(err, &exit) && ctx.Err() == nil {
		return headline(problem), nil
	}
	return "", err
}

// guest is the veth of a machine in a bridge of the node.
type guest struct {
	Name   string `json:"ifname"`
	Master string `json:"master"`
}

// guests are those that Attach plugged in. NetworkManager leaves in a bridge what it does not manage, while nmstatectl alone
// takes out what a list of ports does not name.
func (n *Node) guests(ctx context.Context) ([]guest, error) {
	out, err := n.IP(ctx, "-json", "link")
	if err != nil {
		return nil, err
	}
	var links []guest
	if err := json.Unmarshal([]byte(out), &links); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(links, func(g guest) bool { return g.Master == "" || !strings.HasPrefix(g.Name, guestPrefix) }), nil
}

// dropAddresses takes the IPv4 addresses from interfaces that shall have none, or be gone, and with them their routes. On a
// node that is NetworkManager's part: nmstatectl alone only checks that it was done, and fails to remove the routes of an
// interface that it has removed.
func (n *Node) dropAddresses(ctx context.Context, desired map[string]any) error {
	interfaces, _ := desired["interfaces"].([]any)
	for _, entry := range interfaces {
		iface, _ := entry.(map[string]any)
		name, _ := iface["name"].(string)
		ipv4, _ := iface["ipv4"].(map[string]any)
		if on, said := ipv4["enabled"].(bool); (!said || on) && iface["state"] != "absent" {
			continue
		}
		if _, err := n.IP(ctx, "link", "show", name); err != nil {
			continue // it is not there
		}
		if _, err := n.IP(ctx, "-4", "address", "flush", "dev", name); err != nil {
			return err
		}
	}
	return nil
}

// Resolve evaluates the captures of a policy against what the node has now.
func (n *Node) Resolve(ctx context.Context, policy []byte) (map[string]any, error) {
	current, err := n.State(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(current)
	if err != nil {
		return nil, err
	}
	rendered, err := n.fabric.ctl.Policy(ctx, policy, raw)
	if err != nil {
		return nil, err
	}
	return parse(rendered)
}

// headline is nmstate's error in what nmstatectl wrote.
func headline(problem string) string {
	last := ""
	for line := range strings.Lines(problem) {
		if text, found := strings.CutPrefix(strings.TrimSpace(line), "NmstateError: "); found {
			return text
		}
		last = strings.TrimSpace(line)
	}
	return last
}

func (n *Node) nmstatectl(ctx context.Context, input []byte, args ...string) (out, problem string, err error) {
	var stdout, stderr bytes.Buffer
	cmd := n.Command(ctx, n.fabric.ctl.Path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// parse reads a state written as YAML or JSON.
func parse(document []byte) (map[string]any, error) {
	raw, err := yaml.YAMLToJSON(document)
	if err != nil {
		return nil, err
	}
	state := map[string]any{}
	return state, utiljson.Unmarshal(raw, &state)
}
