package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Modes of bonding, as the kernel names them.
const (
	bondRoundRobin   = "balance-rr"
	bondActiveBackup = "active-backup"
	bondXOR          = "balance-xor"
	bondBroadcast    = "broadcast"
	bondLACP         = "802.3ad"
	bondTLB          = "balance-tlb"
	bondALB          = "balance-alb"
)

var bondModes = []string{bondRoundRobin, bondActiveBackup, bondXOR, bondBroadcast, bondLACP, bondTLB, bondALB}

// bondOption says what an option of the bonding driver may be. nmstate and the kernel refuse everything else on the node, after
// retries and a rollback, so it is refused here.
type bondOption struct {
	// modes are those that know the option; nil is every one.
	modes []string
	// values are the words that it takes; nil with number false is any text.
	values []string
	number bool
}

var (
	bondNumber = bondOption{number: true}
	onOff      = []string{"0", "1", "on", "off", "true", "false"}
	arpModes   = []string{bondRoundRobin, bondActiveBackup, bondXOR, bondBroadcast}
)

// bondOptions are the options that nmstate knows and that are written as one text.
var bondOptions = map[string]bondOption{
	"ad_actor_sys_prio": {number: true, modes: []string{bondLACP}},
	"ad_actor_system":   {modes: []string{bondLACP}},
	"ad_select":         {modes: []string{bondLACP}, values: []string{"0", "1", "2", "stable", "bandwidth", "count"}},
	"ad_user_port_key":  {number: true, modes: []string{bondLACP}},
	"all_slaves_active": {values: []string{"0", "1", "dropped", "delivered"}},
	"arp_all_targets":   {values: []string{"0", "1", "any", "all"}},
	"arp_interval":      {number: true, modes: arpModes},
	"arp_ip_target":     {modes: arpModes},
	"arp_missed_max":    bondNumber,
	"arp_validate": {modes: arpModes, values: []string{"0", "1", "2", "3", "4", "5", "6", "none", "active", "backup", "all",
		"filter", "filter_active", "filter_backup"}},
	"downdelay":         bondNumber,
	"fail_over_mac":     {values: []string{"0", "1", "2", "none", "active", "follow"}},
	"lacp_active":       {modes: []string{bondLACP}, values: onOff},
	"lacp_rate":         {modes: []string{bondLACP}, values: []string{"0", "1", "slow", "fast"}},
	"lp_interval":       bondNumber,
	"miimon":            bondNumber,
	"min_links":         bondNumber,
	"num_grat_arp":      bondNumber,
	"num_unsol_na":      bondNumber,
	"packets_per_slave": {number: true, modes: []string{bondRoundRobin}},
	"primary":           {modes: []string{bondActiveBackup, bondTLB, bondALB}},
	"primary_reselect":  {values: []string{"0", "1", "2", "always", "better", "failure"}},
	"resend_igmp":       bondNumber,
	"tlb_dynamic_lb":    {modes: []string{bondTLB, bondALB}, values: onOff},
	"updelay":           bondNumber,
	"use_carrier":       {values: onOff},
	"xmit_hash_policy": {values: []string{"0", "1", "2", "3", "4", "5", "layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4",
		"vlan+srcmac"}},
}

// bondProblem says why a bond cannot be built on any node, or nil.
func bondProblem(b *v1alpha1.Bond) *Problem {
	if problem := interfaceProblem(string(b.Name)); problem != "" {
		return invalidSpec("spec.bond.name", "%s", problem)
	}
	if !slices.Contains(bondModes, b.Mode) {
		return invalidSpec("spec.bond.mode", "%q is not a mode of bonding: use one of %s", shown(b.Mode), strings.Join(bondModes, ", "))
	}
	if len(b.Ports) == 0 {
		return invalidSpec("spec.bond.ports", "is empty: name the NICs of the bond")
	}
	for i, p := range b.Ports {
		path := fmt.Sprintf("spec.bond.ports[%d]", i)
		if problem := interfaceProblem(string(p)); problem != "" {
			return invalidSpec(path, "%s", problem)
		}
		if p == b.Name {
			return invalidSpec(path, "%q is the bond itself: name a NIC", p)
		}
		if slices.Contains(b.Ports[:i], p) {
			return invalidSpec(path, "%q is given twice: name each NIC once", p)
		}
	}
	return bondOptionsProblem(b)
}

func bondOptionsProblem(b *v1alpha1.Bond) *Problem {
	for _, name := range slices.Sorted(maps.Keys(b.Options)) {
		path, value := "spec.bond.options["+name+"]", string(b.Options[name])
		option, known := bondOptions[name]
		switch {
		case !known:
			return invalidSpec("spec.bond.options", "%q is not an option of bonds: use one of %s", shown(name), strings.Join(slices.Sorted(maps.Keys(bondOptions)), ", "))
		case option.modes != nil && !slices.Contains(option.modes, b.Mode):
			return invalidSpec(path, "is for mode %s, and the bond has mode %s: remove the option, or change the mode", strings.Join(option.modes, ", "), b.Mode)
		case option.number && !isNumber(value):
			return invalidSpec(path, "%q is not a number: write digits", shown(value))
		case option.values != nil && !slices.Contains(option.values, value):
			return invalidSpec(path, "%q is not a value of the option: use one of %s", shown(value), strings.Join(option.values, ", "))
		case value == "":
			return invalidSpec(path, "is empty: write a value, or remove the option")
		}
	}
	if watches(b, "miimon") && watches(b, "arp_interval") {
		return invalidSpec("spec.bond.options[arp_interval]", "cannot be used with miimon: keep one of the two")
	}
	if watches(b, "arp_interval") && b.Options["arp_ip_target"] == "" {
		return invalidSpec("spec.bond.options[arp_interval]", "needs arp_ip_target: name the addresses to ask for")
	}
	primary := v1alpha1.InterfaceName(b.Options["primary"])
	if primary != "" && !slices.Contains(b.Ports, primary) {
		return invalidSpec("spec.bond.options[primary]", "%q is not one of the ports: name one of them", primary)
	}
	return nil
}

// watches says whether one of the two ways of watching links is switched on; zero switches it off.
func watches(b *v1alpha1.Bond, option string) bool {
	return strings.Trim(string(b.Options[option]), "0") != ""
}

// maxOptionDigits keeps numbers within what the driver reads.
const maxOptionDigits = 9

func isNumber(text string) bool {
	return text != "" && len(text) <= maxOptionDigits && strings.Trim(text, "0123456789") == ""
}
