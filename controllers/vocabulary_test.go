package controllers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
)

// The pure packages import no API, so their words are compared with the vocabulary here.
func TestEveryReasonOfThePurePackagesIsInTheVocabulary(t *testing.T) {
	words := vocabulary(t)
	for _, reason := range []string{
		nmstate.RefusedNodeStateMissing, nmstate.RefusedNodeStateIncomplete, nmstate.RefusedUplinkMissing, nmstate.RefusedUplinkDown,
		nmstate.RefusedUplinkCarriesNodeAddress, nmstate.RefusedUplinkCarriesDefaultRoute, nmstate.RefusedUplinkCarriesAddress,
		nmstate.RefusedUplinkIsPort, nmstate.RefusedUplinkBelongsToCluster, nmstate.RefusedUplinkMTU, nmstate.RefusedBridgeNameTaken,
		nmstate.RefusedVLANTaken, nmstate.RefusedBridgeCarriesTraffic, nmstate.RefusedUplinkNamedByPolicy, nmstate.NodeNotReady, nmstate.NodeQueued, nmstate.NodeLingering, nmstate.NodePaused, nmstate.NodeOverdue,
		nmstate.NodeRemoving, nmstate.NodeDrifted, nmstate.NodeEnactmentLost, string(nmstate.ProgressFailing), string(nmstate.ProgressRetrying), string(nmstate.OutcomeAborted), nmstate.StoppedPaused, nmstate.StoppedCanary, nmstate.StoppedNodes, ipam.ReasonMACChanged,
	} {
		if !words[reason] {
			t.Errorf("%q is not in api/v1alpha1/conditions.go", reason)
		}
	}
}

func TestAReasonIsOneWordAndStandsOnceInTheVocabulary(t *testing.T) {
	for word := range vocabulary(t) {
		if word == "" || len(word) > 64 || strings.ToUpper(word[:1]) != word[:1] || strings.ContainsAny(word, " .,:") {
			t.Errorf("%q is no word", word)
		}
	}
}

// vocabulary reads the constants Reason… of the API package.
func vocabulary(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if words[word] {
			t.Errorf("%q stands twice in the vocabulary", word)
		}
		if "Reason"+word != spec.Names[0].Name {
			t.Errorf("%s has the value %q", spec.Names[0].Name, word)
		}
		words[word] = true
		return true
	})
	if len(words) == 0 {
		t.Fatal("no reason found")
	}
	return words
}
