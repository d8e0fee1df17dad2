package main

import (
	"context"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
)

// gathering reads one thing after the other until one of them gives an error; nothing is read after that.
type gathering struct {
	ctx context.Context
	err error
}

// attempt reads something that may be missing. That the caller may not read it, or that it does not exist, is no error of the
// gathering, and returned.
func attempt[T any](g *gathering, read func(context.Context) (T, error)) (value T, missing error) {
	if g.err != nil {
		return value, g.err
	}
	value = require(g, read)
	switch cluster.CauseOf(g.err) {
	case cluster.Forbidden, cluster.NotInstalled, cluster.NotFound:
		missing, g.err = g.err, nil
	}
	return value, missing
}

// require reads something without which there is no answer.
func require[T any](g *gathering, read func(context.Context) (T, error)) (value T) {
	if g.err == nil {
		value, g.err = read(g.ctx)
	}
	return value
}
