package rollouts

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"novasphere.dev/wukong-network/e2e/lab"
)

// verb is what happens in one action of a script.
type verb string

const (
	declareUplink  verb = "declare uplink"
	dropFabric     verb = "delete uplink and networks" // an uplink alone stays while a network needs it
	declareNetwork verb = "declare network"
	dropNetwork    verb = "delete network"
	join           verb = "join"
	leave          verb = "leave"
	relabel        verb = "relabel"
	disconnect     verb = "not ready"
	connect        verb = "ready"
	breakNode      verb = "fail"
	hang           verb = "hang"
	repair         verb = "repair"
	crash          verb = "crash the controller"
)

// action is one line of a script.
type action struct {
	verb  verb
	name  string
	pause time.Duration // after it
	// manifest is what is declared; empty for other verbs.
	manifest string
	// pool is the label of a node that joins or is relabelled.
	pool string
}

// String gives the action in one line.
func (a action) String() string {
	detail := a.pool
	if a.manifest != "" {
		detail = strings.Join(strings.Fields(a.manifest[strings.Index(a.manifest, "spec:"):]), " ")
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", a.verb, a.name, detail))
}

// fabrics are what uplinks lead to: the NIC, how many nodes may be in transition, and the networks with their VLANs.
var fabrics = map[string]struct {
	nic            string
	maxUnavailable int
	networks       map[string]string
}{
	"lab": {"eth1", 2, map[string]string{"blue": "vlan: 100", "green": "vlan: 200", "flat": ""}},
	"san": {"eth3", 1, map[string]string{"store": "vlan: 300"}},
}

const (
	poolLabel = "pool"
	// ownPrimary is a node whose eth1 is its primary NIC; without is one that has no eth1.
	ownPrimary, without = "node-p", "node-q"
)

// scriptNodes are all nodes that scripts know; the first ones are there from the beginning.
var scriptNodes = []string{"node-a", "node-b", "node-c", ownPrimary, without, "node-d", "node-e"}

const nodesAtFirst = 5

// describe gives the node of a name. Each has a bridge that is nobody's business on eth2.
func describe(name, pool string) lab.NodeSpec {
	address := netip.AddrFrom4([4]byte{203, 0, 113, name[len(name)-1]})
	primary := lab.NIC{Name: "eth0", Addresses: []netip.Prefix{netip.PrefixFrom(address, 24)}, Gateways: []netip.Addr{netip.MustParseAddr("203.0.113.1")}}
	spec := lab.NodeSpec{Name: name, Address: address, Labels: map[string]string{poolLabel: pool}}
	switch name {
	case ownPrimary:
		primary.Name = "eth1"
		spec.NICs = []lab.NIC{primary, {Name: "eth0"}}
	case without:
		spec.NICs = []lab.NIC{primary}
	default:
		spec.NICs = []lab.NIC{primary, {Name: "eth1"}}
	}
	spec.NICs = append(spec.NICs, lab.NIC{Name: "eth2"}, lab.NIC{Name: "eth3"})
	return withBridge(spec)
}

// script is a random sequence of edits and mishaps, with what is declared in its end.
type script struct {
	seed    uint64
	first   map[string]string // the pool of each node that is there from the beginning
	actions []action

	random *rand.Rand
	// What holds after the actions so far. Manifests are by name.
	uplinks, networks map[string]string
	nodes             map[string]string // the pool of each
	sick, away        map[string]bool
}

// newScript is the script of a seed.
func newScript(seed uint64) *script {
	s := &script{seed: seed, random: rand.New(rand.NewPCG(seed, 7)), uplinks: map[string]string{}, networks: map[string]string{},
		nodes: map[string]string{}, sick: map[string]bool{}, away: map[string]bool{}}
	for _, name := range scriptNodes[:nodesAtFirst] {
		s.nodes[name] = s.pick("x", "y")
	}
	s.first = maps.Clone(s.nodes)
	s.declareUplink("lab")
	s.declareNetwork("blue")
	for len(s.actions) < 18 {
		s.more()
	}
	return s
}

func (s *script) pick(from ...string) string { return from[s.random.IntN(len(from))] }

func (s *script) add(a action) {
	a.pause = time.Duration(s.random.IntN(1000)) * time.Millisecond
	s.actions = append(s.actions, a)
}

// anyNode gives a node that is there and none of the others.
func (s *script) anyNode(but map[string]bool) string {
	var all []string
	for _, name := range scriptNodes {
		if _, there := s.nodes[name]; there && !but[name] {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return s.pick(all...)
}

// more adds an action, if the one that was drawn makes sense now.
func (s *script) more() {
	switch s.random.IntN(16) {
	case 0, 1, 2:
		s.declareUplink(s.pick("lab", "lab", "san"))
	case 3, 4, 5:
		s.declareNetwork(s.pick("blue", "green", "flat", "store"))
	case 6, 7:
		if name := s.pick("blue", "green", "flat", "store"); s.networks[name] != "" {
			delete(s.networks, name)
			s.add(action{verb: dropNetwork, name: name})
		}
	case 8:
		s.dropFabric(s.pick("lab", "san"))
	case 9:
		s.add(action{verb: crash})
	default:
		s.node()
	}
}

// node lets something happen to a node.
func (s *script) node() {
	switch s.random.IntN(7) {
	case 0:
		for _, name := range scriptNodes {
			if _, there := s.nodes[name]; !there {
				s.nodes[name] = s.pick("x", "y")
				s.add(action{verb: join, name: name, pool: s.nodes[name]})
				return
			}
		}
	case 1:
		if name := s.anyNode(nil); len(s.nodes) > 3 {
			delete(s.nodes, name)
			delete(s.sick, name)
			delete(s.away, name)
			s.add(action{verb: leave, name: name})
		}
	case 2:
		name := s.anyNode(nil)
		s.nodes[name] = s.pick("x", "y")
		s.add(action{verb: relabel, name: name, pool: s.nodes[name]})
	case 3:
		if name := s.anyNode(s.away); name != "" {
			s.away[name] = true
			s.add(action{verb: disconnect, name: name})
		}
	case 4, 5:
		if name := s.anyNode(s.sick); name != "" {
			s.sick[name] = true
			s.add(action{verb: verb(s.pick(string(breakNode), string(hang))), name: name})
		}
	case 6:
		s.heal(s.random.IntN(2) == 0)
	}
}

// heal repairs what is broken, or the first of it alone.
func (s *script) heal(all bool) {
	for _, name := range scriptNodes {
		if s.sick[name] {
			delete(s.sick, name)
			s.add(action{verb: repair, name: name})
			if !all {
				return
			}
		}
		if s.away[name] {
			delete(s.away, name)
			s.add(action{verb: connect, name: name})
			if !all {
				return
			}
		}
	}
}

// declareUplink declares the uplink of a fabric, of whose name it is, in some way.
func (s *script) declareUplink(name string) {
	f := fabrics[name]
	more := []string{"nodeSelector: " + s.pick("{}", "{}", "{matchLabels: {pool: x}}"), fmt.Sprintf("rollout: {canary: 1, maxUnavailable: %d}", f.maxUnavailable)}
	if mtu := s.random.IntN(3); mtu > 0 {
		more = append(more, fmt.Sprintf("mtu: %d", []int{1500, 9000}[mtu-1]))
	}
	render := func(more ...string) string {
		return strings.Replace(uplink(name, name, more...), "interface: eth1", "interface: "+f.nic, 1)
	}
	s.uplinks[name] = render(append(more, "paused: false")...) // in the end
	s.add(action{verb: declareUplink, name: name, manifest: render(append(more, fmt.Sprint("paused: ", len(s.actions) > 0 && s.random.IntN(6) == 0))...)})
}

func (s *script) declareNetwork(name string) {
	fabric := "lab"
	if _, other := fabrics["san"].networks[name]; other {
		fabric = "san"
	}
	// An MTU that is no longer declared stays on hosts, so there is always one.
	mtu := fmt.Sprintf("mtu: %d", []int{1400, 1450, 1500}[s.random.IntN(3)])
	s.networks[name] = network(name, fabric, "provision: Always", mtu, fabrics[fabric].networks[name])
	s.add(action{verb: declareNetwork, name: name, manifest: s.networks[name]})
}

func (s *script) dropFabric(name string) {
	if s.uplinks[name] == "" {
		return
	}
	delete(s.uplinks, name)
	for network := range fabrics[name].networks {
		delete(s.networks, network)
	}
	s.add(action{verb: dropFabric, name: name})
}

// declared is everything that is declared in the end.
func (s *script) declared() string {
	var all []string
	for _, manifests := range []map[string]string{s.uplinks, s.networks} {
		for _, m := range manifests {
			all = append(all, m)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "")
}
