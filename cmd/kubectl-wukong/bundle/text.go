package bundle

import (
	"regexp"
	"slices"
	"strings"
)

// look is what a secret looks like within a line, with what stays of it.
type look struct {
	// signs are texts of which a line with such a secret has one, in lower case. They are looked for first, which is fast.
	signs   []string
	pattern *regexp.Regexp
	stays   string
}

var looks = []look{
	// A web token has three parts.
	{[]string{"eyj"}, regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), hidden},
	{[]string{"bearer", "basic"}, regexp.MustCompile(`(?i)\b(bearer|basic) +[A-Za-z0-9+/=._~-]{6,}`), "$1 " + hidden},
	// Hashes of passwords, as crypt(3) writes them.
	{[]string{"$"}, regexp.MustCompile(`\$(1|2[abxy]?|5|6|7|y|gy|argon2[id]{1,2}|sha1)\$[^\s"',;:}]+`), hidden},
	{[]string{"ssh-", "ecdsa-", "sk-"}, regexp.MustCompile(`\b(ssh-(rsa|ed25519|dss)|ecdsa-sha2-[a-z0-9-]+|sk-[a-z0-9@.-]+) +[A-Za-z0-9+/=]{16,}`), "$1 " + hidden},
	{[]string{"://"}, regexp.MustCompile(`(://)[^/\s@"']*@`), "$1" + hidden + "@"},
	{[]string{"://"}, regexp.MustCompile(`(://[^\s?"'<>]*)\?[^\s"'<>]*`), "$1?" + hidden},
	{[]string{"passw", "passphrase", "token", "key", "secret", "psk"},
		regexp.MustCompile(`(?i)((?:passw(?:or)?d|passphrase|passwd|token|api[_-]?key|private[_-]?key|client[_-]?secret|psk)[a-z_-]*\\?["']?\s*[:=]\s*)(\\?"(?:[^"\\]|\\[^"])*\\?"|'[^']*'|[^\s"',;}]+)`), "${1}" + hidden},
}

// pem is a key or certificate, over several lines. One whose end is missing is hidden to the end of the text.
var pem = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]+-----.*?(-----END [A-Z0-9 ]+-----|$)`)

// Scrub takes out of a text what looks like a secret: keys, tokens, hashes, credentials in URLs, and what follows a word such as
// password.
func Scrub(text string) string {
	if strings.Contains(text, "-----BEGIN ") {
		text = pem.ReplaceAllString(text, hidden)
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(scrubLine(line))
	}
	return out.String()
}

func scrubLine(line string) string {
	lower := strings.ToLower(line)
	for _, l := range looks {
		if slices.ContainsFunc(l.signs, func(sign string) bool { return strings.Contains(lower, sign) }) {
			line = l.pattern.ReplaceAllString(line, l.stays)
		}
	}
	return line
}
