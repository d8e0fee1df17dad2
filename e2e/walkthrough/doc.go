// Package walkthrough runs pages of the documentation as a reader does who types along: in a clone, with kubectl and the
// plugin on the PATH, on a real API server with simulated nodes.
//
// A page is run from top to bottom. A block that begins with ```yaml FILE is saved to that file. In a block that begins with
// ```console, lines with a $ are commands, which must succeed; other lines are what they print. Ages and times may be others, a
// … stands for what is left out: within a line, or for any number of lines. ```console exit=1 means that the last command ends with
// that code. Blocks of any other kind are not typed. Commands within sentences are typed as well where a test says so.
//
// The tables in pages_test.go are the whole of the documentation: which pages are typed along, which test runs the other commands
// and manifests, and why a few are not run. A block in none of them fails, and so does an entry without a block.
package walkthrough
