package controllers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"novasphere.dev/wukong-network/api/reasons"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
)

// The pure packages import no API, so their words are compared with the vocabulary here.
func TestEveryReasonOfThePurePackagesIsInTheVocabulary(t *testing.T) {
	words := []string{string(nmstate.ProgressFailing), string(nmstate.ProgressRetrying), string(nmstate.OutcomeAborted), ipam.ReasonMACChanged}
	for _, src := range sources(t, "../nmstate") {
		for name, value := range stringConstants(src.file) {
			if hasPrefix(name, "Refused", "Node", "Stopped") && wordLike.MatchString(value) {
				words = append(words, value)
			}
		}
	}
	if len(words) < 20 {
		t.Fatalf("%d reasons were found", len(words))
	}
	for _, word := range words {
		if _, ok := reasons.Find(word); !ok {
			t.Errorf("%q is not in the vocabulary", word)
		}
	}
}

// wordLike matches a string that could only be meant as a reason.
var wordLike = regexp.MustCompile(`^[A-Z][A-Za-z]+$`)

// takesReason are the functions that are given a reason by name, beside Eventf.
var takesReason = []string{"refuse", "refuseAt", "stop", "tell", "setCondition", "find", "error", "warn"}

func TestReasonsOfConditionsEventsAndFindingsAreConstantsOfTheVocabulary(t *testing.T) {
	places := 0
	var all []parsed
	for _, folder := range []string{".", "../render", "../cmd/kubectl-wukong", "../query/answer", "../query/hosts"} {
		all = append(all, sources(t, folder)...)
	}
	for _, src := range all {
		check := func(n ast.Expr) {
			switch n := n.(type) {
			case *ast.BasicLit:
				if word, err := strconv.Unquote(n.Value); err == nil && wordLike.MatchString(word) {
					t.Errorf("%s: the reason %q is not a constant of the vocabulary", src.at(n), word)
				}
			case *ast.SelectorExpr:
				if strings.HasPrefix(n.Sel.Name, "Reason") && n.Sel.Name != "Reason" {
					places++
					if _, ok := reasons.Find(strings.TrimPrefix(n.Sel.Name, "Reason")); !ok {
						t.Errorf("%s: %s is not in the vocabulary", src.at(n), n.Sel.Name)
					}
				}
			}
		}
		ast.Inspect(src.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && (key.Name == "Reason" || key.Name == "reason") {
					check(n.Value)
				}
			case *ast.CallExpr:
				switch name := called(n); {
				case name == "Eventf":
					check(n.Args[3])
				case slices.Contains(takesReason, name):
					for _, arg := range n.Args {
						check(arg)
					}
				}
			}
			return true
		})
	}
	if places < 80 {
		t.Errorf("%d reasons were found", places)
	}
}

// TestVerdictsAgreeWithTheStatesOfTheVocabulary looks at every place where a state and a word stand beside each other.
func TestVerdictsAgreeWithTheStatesOfTheVocabulary(t *testing.T) {
	states := map[string]reasons.State{"Done": reasons.OK, "Working": reasons.Works, "Stalled": reasons.Act}
	pairs := 0
	for _, src := range sources(t, ".") {
		ast.Inspect(src.file, func(n ast.Node) bool {
			var state, word string
			switch n := n.(type) {
			case *ast.CompositeLit:
				if name, ok := n.Type.(*ast.Ident); !ok || name.Name != "Verdict" && name.Name != "delivery" {
					return true
				}
				state, word = stateAndWord(n.Elts)
			case *ast.CallExpr:
				if called(n) != "stop" {
					return true
				}
				state, word = stateAndWord(n.Args)
			}
			if state == "" || word == "" {
				return true
			}
			pairs++
			r, _ := reasons.Find(word)
			if !slices.ContainsFunc(r.Uses(), func(u reasons.Use) bool { return slices.Contains(u.States, states[state]) }) {
				t.Errorf("%s: a verdict with %s is %s, which the vocabulary does not say", src.at(n), word, states[state])
			}
			return true
		})
	}
	if pairs < 50 {
		t.Errorf("%d pairs were found", pairs)
	}
}

// stateAndWord finds a state and a word among expressions, empty where there is none.
func stateAndWord(among []ast.Expr) (state, word string) {
	for _, e := range among {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		switch e := e.(type) {
		case *ast.Ident:
			if e.Name == "Done" || e.Name == "Working" || e.Name == "Stalled" {
				state = e.Name
			}
		case *ast.SelectorExpr:
			if strings.HasPrefix(e.Sel.Name, "Reason") && e.Sel.Name != "Reason" {
				word = strings.TrimPrefix(e.Sel.Name, "Reason")
			}
		}
	}
	return state, word
}

// parsed is a file of the product.
type parsed struct {
	set  *token.FileSet
	file *ast.File
}

func (s parsed) at(n ast.Node) token.Position { return s.set.Position(n.Pos()) }

// sources parses the files of a folder that are no tests.
func sources(t *testing.T, folder string) []parsed {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %q, %v", folder, paths, err)
	}
	var out []parsed
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, parsed{set, file})
	}
	return out
}

// stringConstants gives the constants of a file that are strings, by name.
func stringConstants(file *ast.File) map[string]string {
	out := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
			out[spec.Names[0].Name], _ = strconv.Unquote(literal.Value)
		}
		return true
	})
	return out
}

// called is the name of the function or method that is called.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}
