// Package parts finds the real components that demos and tests run against, and builds or unpacks the missing ones.
//
// A part is built once per version into the user's cache folder and shared by every clone of the repository. Nothing is
// installed onto the host. The command in the fetch folder does the work with visible progress; tests only look parts up,
// and say clearly what is missing.
package parts
