// Package addresses holds no code: its tests prove, on a real API server and store, that no address is ever given to two, and
// measure how fast addresses are given. faults_test.go runs random histories of what users do while controllers crash, stall,
// see old caches or run twice, and has package history judge everything that was stored. throughput_test.go measures the rate
// at which addresses are leased against a bare client that does the same writes.
package addresses
