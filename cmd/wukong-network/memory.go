package main

import (
	"fmt"
	"runtime/debug"
	"strconv"
)

// limitMemory makes the garbage collector keep the process to 90 % of limit, the bytes that its container may have as the
// Deployment says them; the rest is for what the Go runtime does not count. Nothing is done without a limit, or where
// GOMEMLIMIT, which the runtime reads by itself, is set.
func limitMemory(limit, gomemlimit string) error {
	if limit == "" || gomemlimit != "" {
		return nil
	}
	bytes, err := strconv.ParseInt(limit, 10, 64)
	if err != nil || bytes <= 0 {
		return fmt.Errorf("MEMORY_LIMIT is %q: give a number of bytes, or leave it out", limit)
	}
	debug.SetMemoryLimit(bytes / 10 * 9)
	return nil
}
