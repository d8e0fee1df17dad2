// Command release makes what a release of wukong-network consists of, and checks it: archives, checksums, bills of materials,
// licenses of others, the manifest for krew, and the search for known vulnerabilities. Its module pins the tools that do so.
//
// Where to start reading: main.go has the commands, docs/release.md says when each is used.
package main
