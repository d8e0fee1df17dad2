package answer

import (
	"net"
	"strings"
)

// macLength is the number of bytes of an Ethernet address.
const macLength = 6

// ParseMAC reads a MAC address in one of its usual forms: 02:00:00:AA:BB:01, 02-00-00-aa-bb-01, 0200.00aa.bb01. It gives
// lower case with colons.
func ParseMAC(text string) (string, bool) {
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != macLength {
		return "", false
	}
	return mac.String(), true
}

// SameMAC compares with an address in lower case with colons.
func SameMAC(text, mac string) bool {
	if strings.EqualFold(text, mac) {
		return true
	}
	parsed, ok := ParseMAC(text)
	return ok && parsed == mac
}
