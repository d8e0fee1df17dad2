// Package fleet plays the nodes of large clusters: it writes the reports and enactments that thousands of handlers would write, with a
// small pool of workers and one watch. Unlike the lab it has no hosts, knows no failure, and leaves the policies' own status alone.
package fleet
