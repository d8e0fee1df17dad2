package ipam

import "strconv"

// InvalidError says that a text or a value cannot be used, and what to do. Its message is meant to be shown to the person
// who wrote the value, after the path of the field.
type InvalidError struct {
	// Value is what was written.
	Value string
	// Problem follows the value in a sentence: "has no prefix length".
	Problem string
	// Fix is what to write instead.
	Fix string
}

// Error gives value, problem and fix. The value is quoted in ASCII and cut, so that hostile text stays harmless.
func (e *InvalidError) Error() string {
	return quote(e.Value) + " " + e.Problem + ": " + e.Fix
}

// maxShown bounds how much of a value is repeated in a message. The longest canonical CIDR text has 43 bytes.
const maxShown = 64

func quote(s string) string {
	if len(s) > maxShown {
		return strconv.QuoteToASCII(s[:maxShown]) + " (cut)"
	}
	return strconv.QuoteToASCII(s)
}
