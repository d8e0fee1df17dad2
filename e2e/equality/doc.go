// Package equality holds what kubectl-wukong renders offline against what the controller writes into a cluster.
package equality
