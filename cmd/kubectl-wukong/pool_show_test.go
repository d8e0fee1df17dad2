package main

import (
	"bytes"
	"testing"

	"novasphere.dev/wukong-network/query/answer"
)

func TestAFileGetsAMapOfTheUsualSize(t *testing.T) {
	if size := sizeOf(&bytes.Buffer{}); size != (answer.Size{Columns: 80, Rows: 16}) {
		t.Errorf("a file gets a map of the usual size: %v", size)
	}
}
