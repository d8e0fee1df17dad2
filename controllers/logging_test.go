package controllers

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	lowerCamel = regexp.MustCompile(`^[a-z][a-zA-Z0-9]*$`)
	// loggers are what a call to log begins with.
	loggers = []string{"log", "logger", "klog"}
)

// TestLogsFollowTheConventionsOfKubernetes looks at every call: the message is a constant that begins with a capital letter, has
// no full stop at its end and nothing filled in; keys are constants in lower camel case, each with a value; and no value comes
// out of a Secret.
func TestLogsFollowTheConventionsOfKubernetes(t *testing.T) {
	folders, err := filepath.Glob("../query/*")
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, folder := range append(folders, ".", "metrics", "../query", "../cmd/wukong-network") {
		if files, _ := filepath.Glob(filepath.Join(folder, "*.go")); len(files) == 0 {
			continue
		}
		for _, src := range sources(t, folder) {
			ast.Inspect(src.file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				args, is := logged(call)
				if !is {
					return true
				}
				calls++
				if problem := logProblem(args); problem != "" {
					t.Errorf("%s: %s", src.at(call), problem)
				}
				return true
			})
		}
	}
	if calls < 20 {
		t.Errorf("%d calls were found", calls)
	}
}

// logged gives the message and what follows, if a call writes a log.
func logged(call *ast.CallExpr) (args []ast.Expr, is bool) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "Info" && method.Sel.Name != "Error" || !startsAtLogger(method.X) {
		return nil, false
	}
	if method.Sel.Name == "Error" && len(call.Args) > 0 {
		return call.Args[1:], true
	}
	return call.Args, true
}

// startsAtLogger says whether a chain such as log.FromContext(ctx).V(1) begins at a logger.
func startsAtLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.CallExpr:
		return startsAtLogger(x.Fun)
	case *ast.SelectorExpr:
		return slices.Contains(loggers, strings.ToLower(x.Sel.Name)) || startsAtLogger(x.X)
	case *ast.Ident:
		return slices.Contains(loggers, strings.ToLower(x.Name))
	}
	return false
}

func logProblem(args []ast.Expr) string {
	if len(args)%2 == 0 {
		return "a key has no value"
	}
	message, ok := constant(args[0])
	switch {
	case !ok:
		return "the message is no constant"
	case message == "" || strings.ToUpper(message[:1]) != message[:1]:
		return strconv.Quote(message) + " does not begin with a capital letter"
	case strings.HasSuffix(message, ".") || strings.Contains(message, "%"):
		return strconv.Quote(message) + " ends with a full stop, or has something filled in"
	}
	for i := 1; i < len(args); i += 2 {
		if key, ok := constant(args[i]); !ok || !lowerCamel.MatchString(key) {
			return strconv.Quote(key) + " is no key in lower camel case"
		}
		secret := ""
		ast.Inspect(args[i+1], func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Data", "StringData", "BearerToken", "UserData", "NetworkData"}, s.Sel.Name) {
				secret = s.Sel.Name
			}
			return true
		})
		if secret != "" {
			return secret + " can hold secrets"
		}
	}
	return ""
}

func constant(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}
