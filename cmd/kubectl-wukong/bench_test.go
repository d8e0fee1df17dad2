package main

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkRenderThousandWukongs renders as many as a large folder in Git holds.
func BenchmarkRenderThousandWukongs(b *testing.B) {
	var in bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&in, "---\napiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: vm-%d, namespace: team-%d}\n"+
			"spec: {networks: [{name: lan, ipConfig: {mode: static, address: 10.0.%d.%d/16, gateway: 10.0.0.1}}]}\n", i, i%50, i/200+1, i%200+2)
	}
	for b.Loop() {
		if code, _, stderr := runWith(b, bytes.NewReader(in.Bytes()), "render", "-f", "-", "--uplink", "eth1"); code != exitClean {
			b.Fatal(stderr)
		}
	}
}
