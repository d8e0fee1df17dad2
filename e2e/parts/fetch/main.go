// Command fetch builds or unpacks the real parts that demos and tests run against, into the user's cache folder. Without
// arguments it fetches all but those for guests that boot. What is there already is left alone.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"novasphere.dev/wukong-network/e2e/parts"
)

// part is one thing to fetch: fetch returns the folder that holds it.
type part struct {
	name  string
	fetch func(ctx context.Context, progress io.Writer) (dir string, err error)
}

var all = []part{
	{"controlplane", parts.FetchControlPlane},
	{"crds", parts.FetchCRDs},
	{"nmstatectl", parts.FetchNmstatectl},
	{"netplan", parts.FetchNetplan},
	{"guestroot", parts.FetchGuestRoot},
	{"cloud-init", parts.FetchCloudInit},
}

// forGuests are parts that only make e2e-guest needs.
var forGuests = []part{
	{"qemu", parts.FetchQemu},
	{"guestimage", parts.FetchGuestImage},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string) error {
	wanted, err := choose(names)
	if err != nil {
		return err
	}
	for _, p := range wanted {
		dir, err := p.fetch(ctx, os.Stderr)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Println(p.name, dir)
	}
	return nil
}

// choose returns the parts with the given names, or all but those for guests when there are none.
func choose(names []string) ([]part, error) {
	if len(names) == 0 {
		return all, nil
	}
	known := map[string]part{}
	var valid []string
	for _, p := range slices.Concat(all, forGuests) {
		known[p.name] = p
		valid = append(valid, p.name)
	}
	var chosen []part
	for _, name := range names {
		p, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("unknown part %q: choose from %s", name, strings.Join(valid, ", "))
		}
		chosen = append(chosen, p)
	}
	return chosen, nil
}
