package main

import (
	"bytes"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// Specs of Wukongs, with two numbers of an address to fill in.
const (
	networkSpec = `spec: {networks: [{name: lan, ipConfig: {mode: static, address: 10.0.%d.%d/16, gateway: 10.0.0.1}}]}
`
	machineSpec = `spec:
  cpu: 2
  memory: 4Gi
  networks:
  - name: lan
    type: bridge
    ipConfig:
      mode: static
      address: 10.0.%d.%d/16
      gateway: 10.0.0.1
      dnsServers: [10.0.0.53, 10.0.0.54]
  disks:
  - name: system
    size: 20Gi
    boot: true
    image: docker://quay.io/containerdisks/debian:12
  startStrategy:
    autoStart: true
`
)

// wukongs is a stream of n Wukongs, with the specs in turn.
func wukongs(n int, specs ...string) []byte {
	var in bytes.Buffer
	for i := range n {
		fmt.Fprintf(&in, "---\napiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: vm-%d, namespace: team-%d}\n", i, i%50)
		fmt.Fprintf(&in, specs[i%len(specs)], i/200+1, i%200+2)
	}
	return in.Bytes()
}

// BenchmarkRenderThousandWukongs renders as many as a large folder in Git holds.
func BenchmarkRenderThousandWukongs(b *testing.B) {
	in := wukongs(1000, networkSpec)
	for b.Loop() {
		if code, _, stderr := runWith(b, bytes.NewReader(in), "render", "-f", "-", "--uplink", "eth1"); code != exitClean {
			b.Fatal(stderr)
		}
	}
}

// TestRenderingTakesAtMostTwoAndAHalfTimesReadingAndPrinting compares, in CPU time of one process, with the same YAML library
// that reads the input and prints the output and does nothing else.
func TestRenderingTakesAtMostTwoAndAHalfTimesReadingAndPrinting(t *testing.T) {
	if testing.Short() {
		t.Skip("renders 10,000 Wukongs")
	}
	const most, tries = 2.5, 3
	for name, in := range map[string][]byte{
		"networks alone":                     wukongs(10_000, networkSpec),
		"every other one asks for a machine": wukongs(10_000, networkSpec, machineSpec),
	} {
		t.Run(name, func(t *testing.T) {
			for try := 1; ; try++ {
				took, bare := costs(t, in)
				ratio := float64(took) / float64(bare)
				t.Logf("render took %v, reading and printing %v: %.2f", took, bare, ratio)
				if ratio <= most {
					return
				}
				if try == tries {
					t.Fatalf("%.2f times as long, at most %.1f is good", ratio, most)
				}
			}
		})
	}
}

// costs gives the CPU time of rendering a stream, and of reading and printing alone.
func costs(t *testing.T, in []byte) (rendering, bare time.Duration) {
	t.Helper()
	runtime.GC()
	start := cpu(t)
	code, out, stderr := runWith(t, bytes.NewReader(in), "render", "-f", "-", "--uplink", "eth1")
	rendering = cpu(t) - start
	if code != exitClean {
		t.Fatal(stderr)
	}
	printed := decoded(t, []byte(out))
	runtime.GC()
	start = cpu(t)
	decoded(t, in)
	for _, object := range printed {
		if _, err := yaml.Marshal(object); err != nil {
			t.Fatal(err)
		}
	}
	return rendering, cpu(t) - start
}

func decoded(t *testing.T, stream []byte) []any {
	t.Helper()
	var objects []any
	for _, text := range bytes.Split(stream, []byte("---\n")) {
		var object any
		if err := yaml.Unmarshal(text, &object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	return objects
}

// cpu is the CPU time that this process has taken.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
