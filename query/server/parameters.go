package server

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/query"
	"novasphere.dev/wukong-network/query/answer"
)

// parameters are those of the query string. Each is given once, but for phase.
type parameters url.Values

// readParameters refuses what a route does not know: a misspelt name would otherwise select everything.
func readParameters(raw string, known []string) (parameters, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, apierrors.NewBadRequest("the query string cannot be read: " + answer.Printable(err.Error()))
	}
	for name, given := range values {
		switch {
		case !slices.Contains(known, name):
			return nil, invalid(answer.Printable(name), "it is not known here"+knownOnes(known))
		case len(given) > 1 && name != "phase":
			return nil, invalid(name, "it is given more than once")
		}
	}
	return parameters(values), nil
}

func knownOnes(known []string) string {
	if len(known) == 0 {
		return ": there is none"
	}
	return ": use " + strings.Join(known, ", ")
}

// invalid says what is wrong with a parameter.
func invalid(name, problem string) error {
	return apierrors.NewBadRequest(fmt.Sprintf("parameter %s: %s", name, problem))
}

func (p parameters) one(name string) string { return url.Values(p).Get(name) }

// number reads one between 1 and most.
func (p parameters) number(name string, usual, most int) (int, error) {
	text := p.one(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, invalid(name, fmt.Sprintf("%q is no number from 1 to %d", answer.Printable(text), most))
	}
	return n, nil
}

func (p parameters) namespace() (string, error) {
	text := p.one("namespace")
	if problems := validation.IsDNS1123Label(text); text != "" && len(problems) > 0 {
		return "", invalid("namespace", problems[0])
	}
	return text, nil
}

func (p parameters) segment() (string, error) {
	text := p.one("segment")
	if text == "" {
		return "", nil
	}
	if _, err := ipam.ParseSegment(text); err != nil {
		return "", invalid("segment", answer.Printable(err.Error()))
	}
	return text, nil
}

// leases reads what selects leases. What was released is a record and is left out, unless it is asked for.
func (p parameters) leases() (query.Leases, error) {
	which := query.Leases{Pool: p.one("pool"), Name: p.one("name")}
	var err error
	if which.Namespace, err = p.namespace(); err != nil {
		return which, err
	}
	if which.Segment, err = p.segment(); err != nil {
		return which, err
	}
	if text := p.one("address"); text != "" {
		addr, err := parseAddress(text)
		if err != nil {
			return which, err
		}
		which.Address = addr.String()
	}
	if text := p.one("mac"); text != "" {
		if which.MAC, err = parseMAC("mac", text); err != nil {
			return which, err
		}
	}
	phases := query.Phases()
	for _, text := range p["phase"] {
		i := slices.IndexFunc(phases, func(phase v1alpha1.LeasePhase) bool { return strings.EqualFold(string(phase), text) })
		if i < 0 {
			return which, invalid("phase", fmt.Sprintf("%q is not known: use %s", answer.Printable(text), query.PhaseNames()))
		}
		which.Phases = append(which.Phases, phases[i])
	}
	which.Live = len(which.Phases) == 0
	return which, nil
}

func parseAddress(text string) (netip.Addr, error) {
	addr, err := ipam.ParseIP(text)
	if err != nil {
		return addr, invalid("address", answer.Printable(err.Error()))
	}
	return addr, nil
}

func parseMAC(name, text string) (string, error) {
	mac, ok := answer.ParseMAC(text)
	if !ok {
		return "", invalid(name, fmt.Sprintf("%q is no MAC address", answer.Printable(text)))
	}
	return mac, nil
}

func parseName(text string) (string, error) {
	if problems := validation.IsDNS1123Subdomain(text); len(problems) > 0 {
		return "", invalid("name", problems[0])
	}
	return text, nil
}
