package nmstate

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxHeadline is the length of a headline in bytes.
const maxHeadline = 160

// maxScanned bounds how much of a message is read. Real ones have some kilobytes: standard error and the node's state.
const maxScanned = 256 << 10

// A rule finds the meaningful part of a message of one kind.
type rule struct {
	pattern *regexp.Regexp
	// format is a template of regexp.Expand over the match.
	format string
}

// headlineRules are tried in order, the first match counts: what nmstate itself says outweighs what was said around it. The
// wordings are those of nmstatectl 2 and of the handler of kubernetes-nmstate up to v0.86.
var headlineRules = []rule{
	// A probe failed, so that the handler rolled back. The state that follows is kilobytes; the cause ends it.
	{regexp.MustCompile(`failed runnin?g probes after rollback`), "the node lost its connectivity, and did not regain it after the change was rolled back"},
	{regexp.MustCompile(`failed runnin?g probe '([a-zA-Z0-9-]+)'`), "rolled back: the probe $1 failed after the change"},
	// nmstatectl 2 ends with one line of its own; a log line before it repeats the same.
	{regexp.MustCompile(`NmstateError: ([A-Za-z]+: [^\n]+)`), "$1"},
	{regexp.MustCompile(`(?:serde_yaml::Error|std::io::Error): [^\n]+`), "$0"},
	// nmstatectl 1 ended with a Python traceback.
	{regexp.MustCompile(`libnmstate\.error\.(Nmstate[A-Za-z]*Error): *\n?([^\n]+)`), "$1: $2"},
	{regexp.MustCompile(`failed calling nmstatectl rollback`), "the change failed and rolling it back failed too"},
	{regexp.MustCompile(`signal: [a-z]+|context deadline exceeded|timed out[^\n]{0,80}`), "nmstatectl was stopped: $0"},
	{regexp.MustCompile(`rolling back desired state configuration: ([^\n]+)`), "rolled back: $1"},
	{regexp.MustCompile(`executable file not found[^\n]*`), "nmstatectl cannot be started: $0"},
	{regexp.MustCompile(`Retrying (\d+)/(\d+)`), "an attempt failed; retrying $1 of $2"},
	{regexp.MustCompile(`reconciliation of enactment "[^"\n]*" has aborted`), "aborted, because too many other nodes failed"},
}

// noise are lines that never say what went wrong.
var noise = regexp.MustCompile(`(?i)^(\[[^\]]* (TRACE|DEBUG|INFO|WARN) |\d{4}-\d\d-\d\d [\d:,]+ +root +(DEBUG|INFO|WARNING)|Using 'set' is deprecated|error reconciling NodeNetworkConfigurationPolicy|Traceback|File "|---|desired$|current$|=+$)`)

// Headline gives the one line of a failing enactment's message that tells an engineer what went wrong: at most 160 bytes, no
// control characters. The rest, such as the state of the whole node, stays in the enactment.
func Headline(message string) string {
	if len(message) > maxScanned {
		message = message[:maxScanned/2] + "\n" + message[len(message)-maxScanned/2:]
	}
	// Messages that travelled through %q hold escaped line ends.
	message = strings.ReplaceAll(message, `\n`, "\n")
	for _, r := range headlineRules {
		if match := r.pattern.FindStringSubmatchIndex(message); match != nil {
			line := r.pattern.ExpandString(nil, r.format, message, match)
			return clean(unquoted(string(line)))
		}
	}
	for line := range strings.Lines(message) {
		line = strings.TrimSpace(line)
		if line != "" && !noise.MatchString(line) {
			return clean(line)
		}
	}
	return clean(message)
}

// unquoted drops the quote that the handler puts behind a command's output.
func unquoted(line string) string {
	line = strings.TrimSpace(line)
	for _, quote := range []string{"'", `"`} {
		if strings.Count(line, quote)%2 == 1 {
			line = strings.TrimSuffix(line, quote)
		}
	}
	return line
}

// clean makes one line of printable characters of at most maxHeadline bytes. Whatever else was there becomes a space.
func clean(s string) string {
	const limit = maxHeadline
	if len(s) > 4*limit {
		s = s[:4*limit]
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= limit {
		return s
	}
	cut := limit - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.TrimRight(s[:cut], " ") + "…"
}
