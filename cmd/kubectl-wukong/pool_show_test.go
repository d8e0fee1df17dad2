package main

import (
	"bytes"
	"testing"

	"novasphere.dev/wukong-network/query/answer"
)

func TestAFileGetsAMapWithoutColoursOfTheUsualSize(t *testing.T) {
	if palette := paletteFor(&bytes.Buffer{}); palette != nil {
		t.Errorf("a file gets colours: %v", palette)
	}
	if size := sizeOf(&bytes.Buffer{}); size != (answer.Size{Columns: 80, Rows: 16}) {
		t.Errorf("a file gets a map of the usual size: %v", size)
	}
}
