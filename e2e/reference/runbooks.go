package main

import (
	"bytes"
	"fmt"
)

// runbookPath is where the page of an alert is, within the repository.
func runbookPath(alert string) string { return "docs/runbooks/" + alert + ".md" }

// runbooksPage is docs/runbooks/README.md.
func runbooksPage() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`<!-- make generate writes this page from e2e/reference/rules.go. -->
# Alerts

The rules are in [config/monitoring/rules.yaml](../../config/monitoring/rules.yaml). **critical** wakes somebody, **warning** is for
today, **info** is for planning. They are about what platform engineers own: what a tenant asks for in vain is in the status of its
Wukong, and pages nobody.

| alert | severity | after | it fires when |
|---|---|---|---|
`)
	for _, a := range alerts {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | `%s` |\n", a.Name, a.Name, a.Severity, a.For, escaped(a.Expr))
	}
	return b.Bytes(), nil
}

// escaped is code within a cell of a table.
func escaped(code string) string {
	return string(bytes.ReplaceAll([]byte(code), []byte("|"), []byte(`\|`)))
}
