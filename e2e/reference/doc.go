// Command reference writes the pages of docs/ that come from code. make generate runs it in the root of the repository.
package main
