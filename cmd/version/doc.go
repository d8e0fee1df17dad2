// Package version says which build of wukong-network a program is, from what the Go toolchain stamped into it.
//
// It decides nothing and asks nobody: version, commit and date come from the repository that the program was built in, the
// version from a tag. No linker flag sets them, so a build of a commit is the same bytes wherever it is made.
package version
