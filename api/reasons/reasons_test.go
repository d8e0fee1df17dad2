package reasons

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// oneWord matches what a condition takes for a reason, without digits and signs.
var oneWord = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}$`)

// vocabulary gives the values of the constants Reason… of the API package.
func vocabulary(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if !oneWord.MatchString(word) || "Reason"+word != spec.Names[0].Name {
			t.Errorf("%s has the value %q", spec.Names[0].Name, word)
		}
		if slices.Contains(words, word) {
			t.Errorf("%q stands twice in the vocabulary", word)
		}
		words = append(words, word)
		return true
	})
	if len(words) < 100 {
		t.Fatalf("%d reasons were found", len(words))
	}
	return words
}

func TestEveryReasonOfTheVocabularyIsExplainedAndNoOther(t *testing.T) {
	words := vocabulary(t)
	for _, word := range words {
		if r, ok := Find(word); !ok || r.Word != word {
			t.Errorf("%s is not explained", word)
		}
	}
	for _, r := range All() {
		if !slices.Contains(words, r.Word) {
			t.Errorf("%s is explained and is no reason of conditions.go", r.Word)
		}
	}
	if _, ok := Find("NoSuchReason"); ok {
		t.Error("a word that is no reason was found")
	}
}

func TestAReasonIsExplainedOncePerGroupAndInGroupsOfThePage(t *testing.T) {
	anchors := map[string]string{}
	for _, r := range All() {
		if other := anchors[r.Anchor()]; other != "" {
			t.Errorf("%s and %s have one anchor", r.Word, other)
		}
		anchors[r.Anchor()] = r.Word
		var groups []Group
		for _, u := range r.Uses() {
			if slices.Contains(groups, u.Group) || !slices.Contains(Groups(), u.Group) {
				t.Errorf("%s: group %q is unknown or stands twice", r.Word, u.Group)
			}
			groups = append(groups, u.Group)
			if got, ok := r.In(u.Group); !ok || got.Meaning != u.Meaning {
				t.Errorf("%s: In(%q) gives %+v", r.Word, u.Group, got)
			}
		}
	}
}

func TestWhatIsSaidOfAReasonCanBePrinted(t *testing.T) {
	for _, r := range All() {
		for _, u := range r.Uses() {
			for _, text := range []string{u.Meaning, u.Action} {
				if strings.ContainsAny(text, "|\n") || strings.HasSuffix(text, ".") || strings.TrimSpace(text) != text || strings.Count(text, "`")%2 != 0 || strings.Contains(text, "](") {
					t.Errorf("%s: %q", r.Word, text)
				}
			}
			if u.Meaning == "" {
				t.Errorf("%s in %q has no meaning", r.Word, u.Group)
			}
			if u.Action == "" && (slices.Contains(u.States, Act) || slices.Contains(u.States, Works)) {
				t.Errorf("%s in %q does not say what to do", r.Word, u.Group)
			}
			if (u.Where != "") != (u.Group == Node || u.Group == Events) {
				t.Errorf("%s in %q: place %q", r.Word, u.Group, u.Where)
			}
			if u.Where != "" && len(u.States) > 0 {
				t.Errorf("%s in %q decides about Ready", r.Word, u.Group)
			}
			if page, _, _ := strings.Cut(u.Link.Page, "#"); page != "" {
				if _, err := os.Stat(filepath.Join("../../docs", page)); err != nil || u.Link.Text == "" {
					t.Errorf("%s: link %+v: %v", r.Word, u.Link, err)
				}
			}
		}
	}
}
