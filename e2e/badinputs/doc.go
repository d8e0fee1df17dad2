// Package badinputs holds no code: its tests give the running controller malformed Wukongs, HostUplinks, HostNetworks and
// reports of nodes. Each is refused by the schema or reported with reason, field and fix; none reaches a host, none disturbs a
// neighbour, and what is corrected works. The tables in wukongs_test.go, hosts_test.go and nodestates_test.go read as the list
// of what was thought of.
package badinputs
