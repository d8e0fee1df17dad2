package world

import (
	"errors"
	"testing"
	"time"
)

// Eventually asks check until it is content, and ends the test with its last error when that takes longer than patience.
func Eventually(t testing.TB, patience time.Duration, check func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", patience, err)
		}
	}
}

// Saying makes a check of a function that says what is still wrong; an empty text is content.
func Saying(what func() string) func() error {
	return func() error {
		if wrong := what(); wrong != "" {
			return errors.New(wrong)
		}
		return nil
	}
}
