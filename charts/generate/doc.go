// Command generate writes the templates of the Helm chart that hold no choice of the user: definitions, permissions and admission
// policies. It reads dist/install.yaml, what kustomize builds of config/default, so the chart cannot say anything else. What is left
// to the user, the Deployment and what belongs to it, is written by hand beside them; a test compares both ways of installing.
//
//	go run ./charts/generate dist/install.yaml charts/wukong-network/templates
package main
