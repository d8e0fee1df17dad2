// Package guests holds what guests are handed against what they make of it: every document of the golden files of package
// render is given to the real netplan and to the real cloud-init of two releases, which must take it and write, for each way
// of networking that guests have, files that say the same.
//
// Facts are what such files say, in a form that can be compared. testdata/cannot.yaml lists what versions of cloud-init are
// unable to do, with the reason; an entry that is no longer true fails the tests. The other files of testdata are what
// cloud-init wrote; -update writes them.
package guests
