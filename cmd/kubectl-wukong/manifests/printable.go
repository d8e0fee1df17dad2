package manifests

import "novasphere.dev/wukong-network/query/answer"

// Printable gives text from input as one line for a terminal, as answers have it.
func Printable(text string) string { return answer.Printable(text) }
