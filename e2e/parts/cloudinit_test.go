package parts

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const cloudConfig = `#cloud-config
updates: {network: {when: [boot]}}
user:
  name: ops
  passwd: $6$rounds=4096$salt$hash
  lock_passwd: false
ssh_pwauth: true
`

// asked has every version answer all questions, in one process each. What a version cannot be asked is left out of both
// slices, and the questions are those of which the answers are.
func asked(t *testing.T, questions ...Question) map[string][]answered {
	t.Helper()
	out := map[string][]answered{}
	for _, c := range CloudInitsForTest(t) {
		var known []Question
		for _, q := range questions {
			if c.Knows(q.Ask) {
				known = append(known, q)
			}
		}
		answers, err := c.Judge(t.Context(), known)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range answers {
			out[c.Release] = append(out[c.Release], answered{known[i], a})
		}
	}
	return out
}

// answered is a question with its answer.
type answered struct {
	Question
	Answer
}

func TestCloudInitIsThatOfTheRelease(t *testing.T) {
	versions := map[string]string{}
	for _, c := range CloudInitsForTest(t) {
		major, _, _ := strings.Cut(c.Version, ".")
		versions[c.Release] = major
	}
	if diff := cmp.Diff(map[string]string{"bookworm": "22", "trixie": "25"}, versions); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCloudInitConvertsNetworkDataWithAndWithoutTheOuterKey(t *testing.T) {
	var questions []Question
	for _, r := range Renderers {
		questions = append(questions, Question{r, []byte(oneNIC)}, Question{r, []byte("network:\n" + indented(oneNIC))})
	}
	for release, answers := range asked(t, questions...) {
		for i := 0; i < len(answers); i += 2 {
			plain, wrapped := answers[i], answers[i+1]
			if plain.Err != nil || plain.Said != "" || wrapped.Err != nil {
				t.Errorf("%s: %v %s %v", release, plain.Err, plain.Said, wrapped.Err)
			}
			if diff := cmp.Diff(plain.Files, wrapped.Files); diff != "" {
				t.Errorf("%s: %s: the outer key makes a difference (-without +with)\n%s", release, plain.Ask, diff)
			}
		}
	}
}

func TestCloudInitWritesTheFilesOfEachWayOfNetworking(t *testing.T) {
	places := map[Ask]string{
		AskNetplan:        "etc/netplan/50-cloud-init.yaml",
		AskNetworkd:       "etc/systemd/network/10-cloud-init-net0.network",
		AskSysconfig:      "etc/sysconfig/network-scripts/ifcfg-net0",
		AskNetworkManager: "etc/NetworkManager/system-connections/cloud-init-net0.nmconnection",
	}
	var questions []Question
	for _, r := range Renderers {
		questions = append(questions, Question{r, []byte(oneNIC)})
	}
	before := ownFiles(t)
	for release, answers := range asked(t, questions...) {
		for _, a := range answers {
			if !strings.Contains(a.Files[places[a.Ask]], "192.0.2.10") {
				t.Errorf("%s: no address in %s: %v", release, places[a.Ask], a.Files)
			}
		}
	}
	// Left to itself, cloud-init has netplan's library write into the machine's own folder.
	if diff := cmp.Diff(before, ownFiles(t)); diff != "" {
		t.Errorf("files of this machine (-before +after)\n%s", diff)
	}
}

// ownFiles gives the times of the files of this machine of the kind that is written.
func ownFiles(t *testing.T) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for _, dir := range []string{"/etc/netplan", "/etc/systemd/network", "/etc/sysconfig", "/etc/NetworkManager/system-connections"} {
		entries, _ := os.ReadDir(dir) // one that is missing has none
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			seen[dir+"/"+e.Name()] = info.ModTime().String()
		}
	}
	return seen
}

func TestCloudInitRefusesUserData(t *testing.T) {
	cases := map[string]struct{ from, to, want string }{
		"without the first line":     {"#cloud-config\n", "", "#cloud-config"},
		"with a word for a list":     {"[boot]", "boot", "'boot' is not of type 'array'"},
		"with an unknown event":      {"[boot]", "[reboot]", "reboot"},
		"with a word for a boolean":  {"lock_passwd: false", "lock_passwd: maybe", "maybe"},
		"with an unknown key":        {"name: ops", "nickname: ops", "nickname"},
		"that is no YAML":            {"[boot]", "[boot", "not valid"},
		"with a number for password": {"$6$rounds=4096$salt$hash", "12345", "12345"},
	}
	questions, names := []Question{{AskUserData, []byte(cloudConfig)}}, []string{""}
	for name, c := range cases {
		names, questions = append(names, name), append(questions, Question{AskUserData, []byte(replaceOnce(t, cloudConfig, c.from, c.to))})
	}
	for release, answers := range asked(t, questions...) {
		if answers[0].Err != nil {
			t.Errorf("%s refuses what is right: %v", release, answers[0].Err)
		}
		for i, a := range answers[1:] {
			name := names[i+1]
			t.Run(name+"/"+release, func(t *testing.T) { wantRefusal(t, a.Err, cases[name].want) })
		}
	}
}

func TestCloudInitRefusesNetworkData(t *testing.T) {
	netplan, schema := []Ask{AskNetworkDataOfNetplan}, []Ask{AskNetworkDataOfNetplan, AskNetworkData}
	convert := []Ask{AskNetworkd, AskSysconfig, AskNetworkManager}
	cases := map[string]struct {
		from, to string
		by       []Ask
		want     string
	}{
		"with an address without prefix":      {"192.0.2.10/24", "192.0.2.10", netplan, "missing /prefixlength"},
		"with an address that is none":        {"192.0.2.10/24", "192.0.2.300/24", slices.Concat(netplan, convert), "192.0.2.300"},
		"with a DNS server by name":           {"[192.0.2.53]", "[ns.example.com]", netplan, "malformed address"},
		"with an unknown key":                 {"addresses: [192.0.2.10", "adresses: [192.0.2.10", netplan, "unknown key"},
		"with set-name without match":         {"match: {macaddress: \"02:00:00:00:00:01\"}\n    ", "", netplan, "requires 'match:'"},
		"with a gateway of the other family":  {"via: 192.0.2.1", "via: '2001:db8:1::1'", netplan, "IP family mismatch"},
		"with a word for a number":            {"mtu: 1500", "mtu: large", schema, "large"},
		"with default for a destination":      {"to: 0.0.0.0/0", "to: default", convert, "default"},
		"that is no YAML":                     {"[example.com]", "[example.com", slices.Concat(schema, convert), "expected"},
		"with what is another version's form": {"version: 2", "version: 1", slices.Concat(schema, convert), "ethernets"},
	}
	var questions []Question
	byDocument := map[string]string{}
	for name, c := range cases {
		document := replaceOnce(t, oneNIC, c.from, c.to)
		byDocument[document] = name
		for _, ask := range c.by {
			questions = append(questions, Question{ask, []byte(document)})
		}
	}
	for release, answers := range asked(t, questions...) {
		for _, a := range answers {
			name := byDocument[string(a.Document)]
			t.Run(name+"/"+release+"/"+string(a.Ask), func(t *testing.T) { wantRefusal(t, a.Err, cases[name].want) })
		}
	}
}

// TestCloudInitKeepsWhatNetplanCannotRead holds that a guest with netplan gets a wrong document all the same, and that Said
// tells.
func TestCloudInitKeepsWhatNetplanCannotRead(t *testing.T) {
	a := asked(t, Question{AskNetplan, []byte(replaceOnce(t, oneNIC, "192.0.2.10/24", "192.0.2.10"))})["trixie"][0]
	if a.Err != nil || !strings.Contains(a.Said, "missing /prefixlength") || len(a.Files) != 1 {
		t.Errorf("%v, %q, %v", a.Err, a.Said, a.Files)
	}
}

func TestAQuestionThatAVersionCannotAnswerIsAnError(t *testing.T) {
	oldest := CloudInitsForTest(t)[0]
	_, err := oldest.Judge(t.Context(), []Question{{AskNetworkData, []byte(oneNIC)}})
	if refusal := new(Refusal); err == nil || errors.As(err, &refusal) {
		t.Errorf("got %v, want an error that is no Refusal", err)
	}
}
