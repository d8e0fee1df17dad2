// Command generate writes the templates of the Helm chart that hold no choice of the user: definitions, permissions, admission policies
// and what monitoring is made of. It reads what kustomize builds of config/default and config/monitoring, so the chart cannot say
// anything else. What is left to the user, the Deployment and what belongs to it, is written by hand beside them; a test compares both
// ways of installing.
//
//	{ kustomize build config/default; echo ---; kustomize build config/monitoring; } | go run ./charts/generate charts/wukong-network/templates
package main
