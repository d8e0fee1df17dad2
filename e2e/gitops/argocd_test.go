package gitops

import (
	"context"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Health is the health that Argo CD shows.
type Health string

// What a script may answer.
const (
	Healthy     Health = "Healthy"
	Progressing Health = "Progressing"
	Degraded    Health = "Degraded"
	Suspended   Health = "Suspended"
	Missing     Health = "Missing"
	Unknown     Health = "Unknown"
)

// argoHealth runs a health script as Argo CD runs those of argocd-cm: with the libraries base, package, table and a part of os that
// scripts of ours do not touch, for at most a second, the object being the global obj.
func argoHealth(script string, object map[string]any) (health Health, message string, err error) {
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return "", "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	l.SetContext(ctx)
	l.SetGlobal("obj", luaValue(l, object))
	if err := l.DoString(script); err != nil {
		return "", "", err
	}
	answer, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", fmt.Errorf("the script gives a %s, and should give a table", l.Get(-1).Type())
	}
	status, isText := answer.RawGetString("status").(lua.LString)
	text, alsoText := answer.RawGetString("message").(lua.LString)
	if !isText || !alsoText {
		return "", "", fmt.Errorf("status is a %s and message a %s: both should be strings",
			answer.RawGetString("status").Type(), answer.RawGetString("message").Type())
	}
	switch Health(status) {
	case Healthy, Progressing, Degraded, Suspended, Missing, Unknown:
		return Health(status), string(text), nil
	}
	return "", "", fmt.Errorf("the script gives the status %q, which Argo CD does not know", status)
}

// luaValue gives a value of JSON as a script sees it: null is nil, all numbers are alike.
func luaValue(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case []any:
		list := l.CreateTable(len(v), 0)
		for _, item := range v {
			list.Append(luaValue(l, item))
		}
		return list
	case map[string]any:
		table := l.CreateTable(0, len(v))
		for key, item := range v {
			table.RawSetString(key, luaValue(l, item))
		}
		return table
	}
	return lua.LNil
}
