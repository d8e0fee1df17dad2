// Package manager runs the real wukong-network binary as a process of its own, as its ServiceAccount, against a cluster of
// package cluster. Tests use it for what only a whole process shows: turns of leaders, an upgrade to other code, memory.
//
// Start reading at Build and Start in manager.go.
package manager
