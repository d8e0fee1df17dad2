package answer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"
)

// ReportVersion is the apiVersion of answers that are no objects of the cluster.
const ReportVersion = "cli.vm.novasphere.dev/v1alpha1"

// none stands for an empty cell.
const none = "-"

// Form is how an answer is written for people.
type Form struct {
	// Wide asks for more columns.
	Wide bool
	// NoHeaders leaves the heads of tables out.
	NoHeaders bool
}

// Table is a header and rows of as many cells.
type Table struct {
	Header []string
	Rows   [][]string
}

// Write prints the table with aligned columns, as kubectl does.
func (t Table) Write(w io.Writer, form Form) error {
	out := printers.GetNewTabWriter(w)
	rows := t.Rows
	if !form.NoHeaders {
		rows = append([][]string{t.Header}, rows...)
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = Printable(cell); cells[i] == "" {
				cells[i] = none
			}
		}
		fmt.Fprintln(out, strings.Join(cells, "\t"))
	}
	return out.Flush()
}

// Report gives the apiVersion and kind of an answer.
func Report(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: ReportVersion, Kind: kind}
}

// Structured prints an answer or an object, given as a pointer, in the format json or yaml. Its apiVersion and kind are set.
func Structured(w io.Writer, format string, object any) error {
	// By way of JSON, since the converter of the API machinery prints fields that are not exported, too.
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	var content map[string]any
	if err := utiljson.Unmarshal(text, &content); err != nil {
		return err
	}
	return structured(w, format, &unstructured.Unstructured{Object: content})
}

// Manifest prints an object, given as a pointer, as it is kept in Git: without status, and without what an API server adds.
func Manifest(w io.Writer, format string, object any) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return err
	}
	delete(content, "status")
	unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
	return structured(w, format, &unstructured.Unstructured{Object: content})
}

func structured(w io.Writer, format string, object runtime.Object) error {
	printer := &printers.OmitManagedFieldsPrinter{Delegate: &printers.JSONPrinter{}}
	var out bytes.Buffer
	if err := printer.PrintObj(object, &out); err != nil {
		return err
	}
	text := []byte(harmless(out.String(), format))
	if format == "yaml" {
		// kubectl's printer of YAML refuses control characters, so it is made of the JSON that has none.
		var err error
		if text, err = yaml.JSONToYAML(text); err != nil {
			return err
		}
	}
	_, err := w.Write(text)
	return err
}

// harmless takes from printed JSON what a terminal could take for a command. In JSON such a character can only stand in a
// string, where its escape means the same; YAML would show it.
func harmless(text, format string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out.WriteRune(r)
		case format != "json":
			out.WriteRune(unicode.ReplacementChar)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}

// moment writes a time as leases have it. A time that is not set is empty.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}
