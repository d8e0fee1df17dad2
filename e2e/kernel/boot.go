//go:build linux

package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bootPatience bounds the wait for interfaces that are being configured.
const bootPatience = time.Minute

// Boot does what a Debian guest does for its network when it starts, in the order of systemd and its units: a machine id,
// netplan's generator, cloud-init's local stage, systemd-networkd, cloud-init's network stage.
func (g *Guest) Boot(ctx context.Context) error {
	steps := []func(context.Context) error{g.identify, g.generate, g.cloudInitLocal, g.startNetworkd, g.awaitNetwork, g.cloudInit}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// identify gives the system an id, unless it has one. Without it there is no DHCP client.
func (g *Guest) identify(ctx context.Context) error {
	_, err := g.Run(ctx, "systemd-machine-id-setup")
	return err
}

// generate makes units for systemd-networkd of what an earlier boot left in /etc/netplan.
func (g *Guest) generate(ctx context.Context) error {
	_, err := g.Run(ctx, "/usr/libexec/netplan/generate")
	return err
}

// cloudInitLocal renames the NICs, writes /etc/netplan and has netplan generate units, where the network data is to be applied.
func (g *Guest) cloudInitLocal(ctx context.Context) error {
	_, err := g.Run(ctx, "cloud-init", "init", "--local")
	return err
}

// cloudInit takes in user data, which says when network data is applied at later boots.
func (g *Guest) cloudInit(ctx context.Context) error {
	_, err := g.Run(ctx, "cloud-init", "init")
	return err
}

// startNetworkd starts systemd-networkd. netplan's units match a NIC by its permanent MAC address, which virtio has and veth
// has not, so that they are made to match by the one that it has.
func (g *Guest) startNetworkd(ctx context.Context) error {
	units := "/run/systemd/network/*.network"
	if _, err := g.Run(ctx, "sh", "-c", "sed -i s/^PermanentMACAddress=/MACAddress=/ "+units); err != nil {
		return err
	}
	g.networkd = g.command(ctx, "env", "container=lxc", "/usr/lib/systemd/systemd-networkd")
	g.networkd.Stdout, g.networkd.Stderr = &g.journal, &g.journal
	return g.networkd.Start()
}

// awaitNetwork waits until systemd-networkd has configured every NIC.
func (g *Guest) awaitNetwork(ctx context.Context) error {
	var wrong []string
	for end := time.Now().Add(bootPatience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		links, err := g.Links(ctx)
		if err != nil {
			return err
		}
		wrong = nil
		for _, name := range slices.Sorted(maps.Keys(links)) {
			if state := links[name]["ADMIN_STATE"]; state != "configured" {
				wrong = append(wrong, name+" is "+state)
			}
		}
		if len(links) > 0 && len(wrong) == 0 {
			return nil
		}
	}
	return fmt.Errorf("not configured within %s: %s", bootPatience, strings.Join(wrong, ", "))
}

// Links is what systemd-networkd says of each NIC, by name: DNS, DOMAINS, ADMIN_STATE and the like. It has no better way to
// say it without a bus.
func (g *Guest) Links(ctx context.Context) (map[string]map[string]string, error) {
	out, err := g.IP(ctx, "-json", "link")
	if err != nil {
		return nil, err
	}
	var links []struct {
		Index int    `json:"ifindex"`
		Name  string `json:"ifname"`
	}
	if err := json.Unmarshal([]byte(out), &links); err != nil {
		return nil, err
	}
	said := map[string]map[string]string{}
	for _, l := range links {
		if l.Name == "lo" {
			continue
		}
		text, err := g.Read("run/systemd/netif/links/" + strconv.Itoa(l.Index))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		said[l.Name] = map[string]string{}
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			said[l.Name][key] = value
		}
	}
	return said, nil
}
