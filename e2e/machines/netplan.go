package machines

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// plan is network data of version 2, as far as it says which interface has which addresses. Keys of it that are not here are
// mistakes, as they are for netplan.
type plan struct {
	Version   int              `yaml:"version"`
	Ethernets map[string]*link `yaml:"ethernets"`
}

type link struct {
	Match struct {
		MAC string `yaml:"macaddress"`
	} `yaml:"match"`
	SetName   string   `yaml:"set-name"`
	DHCP4     bool     `yaml:"dhcp4"`
	DHCP6     bool     `yaml:"dhcp6"`
	AcceptRA  *bool    `yaml:"accept-ra"`
	MTU       int      `yaml:"mtu"`
	LinkLocal []string `yaml:"link-local"`
	Optional  bool     `yaml:"optional"`
	Addresses []string `yaml:"addresses"`
	Routes    []struct {
		To     string `yaml:"to"`
		Via    string `yaml:"via"`
		Metric int    `yaml:"metric"`
		OnLink bool   `yaml:"on-link"`
		Scope  string `yaml:"scope"`
		Table  int    `yaml:"table"`
		From   string `yaml:"from"`
	} `yaml:"routes"`
	RoutingPolicy []struct {
		From     string `yaml:"from"`
		To       string `yaml:"to"`
		Table    int    `yaml:"table"`
		Priority int    `yaml:"priority"`
	} `yaml:"routing-policy"`
	Nameservers struct {
		Addresses []string `yaml:"addresses"`
		Search    []string `yaml:"search"`
	} `yaml:"nameservers"`
	DHCP4Overrides map[string]any `yaml:"dhcp4-overrides"`
	DHCP6Overrides map[string]any `yaml:"dhcp6-overrides"`

	prefixes []netip.Prefix
}

// readPlan reads network data, with or without network: around it. What it refuses, a guest would not follow either.
func readPlan(text string) (*plan, error) {
	var wrapped struct {
		Network *plan `yaml:"network"`
	}
	if err := decodeOne(text, &wrapped); err == nil && wrapped.Network != nil {
		return wrapped.Network, wrapped.Network.check()
	}
	out := &plan{}
	if err := decodeOne(text, out); err != nil {
		return nil, err
	}
	return out, out.check()
}

// decodeOne reads one YAML document that has known keys alone.
func decodeOne(text string, into any) error {
	d := yaml.NewDecoder(bytes.NewBufferString(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return err
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one document")
	}
	return nil
}

func (p *plan) check() error {
	if p.Version != 2 {
		return fmt.Errorf("version is %d, not 2", p.Version)
	}
	for _, id := range slices.Sorted(maps.Keys(p.Ethernets)) {
		if p.Ethernets[id] == nil {
			return fmt.Errorf("ethernets.%s is empty", id)
		}
		if err := p.Ethernets[id].check(); err != nil {
			return fmt.Errorf("ethernets.%s.%w", id, err)
		}
	}
	return nil
}

func (l *link) check() error {
	mac, err := net.ParseMAC(l.Match.MAC)
	if err != nil {
		return fmt.Errorf("match.macaddress: %w", err)
	}
	l.Match.MAC = mac.String()
	for _, text := range l.Addresses {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("addresses: %w", err)
		}
		l.prefixes = append(l.prefixes, prefix)
	}
	for _, r := range l.Routes {
		if _, err := netip.ParsePrefix(r.To); err != nil && r.To != "default" {
			return fmt.Errorf("routes: to: %w", err)
		}
	}
	for _, text := range l.Nameservers.Addresses {
		if _, err := netip.ParseAddr(text); err != nil {
			return fmt.Errorf("nameservers.addresses: %w", err)
		}
	}
	return nil
}

// appliesAtEveryBoot says whether user data lets changed network data count at later boots of the same instance.
func appliesAtEveryBoot(userdata string) bool {
	var said struct {
		Updates struct {
			Network struct {
				When []string `yaml:"when"`
			} `yaml:"network"`
		} `yaml:"updates"`
	}
	if !strings.HasPrefix(userdata, "#cloud-config") || yaml.Unmarshal([]byte(userdata), &said) != nil {
		return false
	}
	return slices.Contains(said.Updates.Network.When, "boot")
}
