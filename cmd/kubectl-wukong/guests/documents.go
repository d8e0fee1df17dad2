package guests

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// Origin says where a document is from.
type Origin string

// Origins of documents.
const (
	// Delivered: it was read from the Secret that the guest gets.
	Delivered Origin = "Delivered"
	// Rendered: it was rendered here, by the function by which the controller does.
	Rendered Origin = "Rendered"
)

// Documents is what one guest is told at its next start.
type Documents struct {
	metav1.TypeMeta `json:",inline"`
	Namespace       string               `json:"namespace"`
	Wukong          string               `json:"wukong"`
	VirtualMachine  string               `json:"virtualMachine"`
	GuestConfig     v1alpha1.GuestConfig `json:"guestConfig"`
	Origin          Origin               `json:"origin"`
	// Secret is where the documents are delivered; empty where they are not, or where that is not known.
	Secret string `json:"secret,omitempty"`
	// NetworkData is what cloud-init reads, and Netplan the same as a complete netplan file.
	NetworkData string `json:"networkData,omitempty"`
	Netplan     string `json:"netplan,omitempty"`
	// UserData has its secrets hidden. It is empty with guestConfig Manual.
	UserData string `json:"userData,omitempty"`
	// Notes say what a reader should know, such as that a running guest has an older document.
	Notes []string `json:"notes,omitempty"`
}

// Documents gives what the guest is told: what was delivered where that could be read, and else what is rendered. Its error says
// why neither is known.
func (f Facts) Documents() (*Documents, error) {
	now, problem := f.render()
	out := &Documents{
		TypeMeta:  metav1.TypeMeta{APIVersion: answer.ReportVersion, Kind: "GuestDocuments"},
		Namespace: f.Wukong.Namespace, Wukong: f.Wukong.Name, VirtualMachine: MachineName(f.Wukong),
		GuestConfig: v1alpha1.GuestConfigCloudInit, Secret: f.DeliveredSecret(),
	}
	if f.Wukong.Spec.GuestConfig != "" {
		out.GuestConfig = f.Wukong.Spec.GuestConfig
	}
	secret := f.Secrets[out.Secret]
	switch {
	case secret != nil:
		out.Origin = Delivered
		out.NetworkData, out.UserData = printable(string(secret.Data[render.NetworkDataKey])), MaskUserData(string(secret.Data[render.UserDataKey]))
	case problem != nil:
		return nil, problem
	default:
		out.Origin, out.UserData = Rendered, MaskUserData(now.user)
		var err error
		if out.NetworkData, err = render.NetworkData(now.nics); err != nil {
			return nil, err
		}
	}
	var err error
	if out.Netplan, err = netplanOf(out.NetworkData); err != nil {
		out.Notes = append(out.Notes, "the network data cannot be read: "+err.Error())
	}
	out.Notes = append(out.Notes, f.notes(now, problem)...)
	return out, nil
}

// netplanOf gives network data as a complete netplan file.
func netplanOf(networkData string) (string, error) {
	if networkData == "" {
		return "", nil
	}
	var content map[string]any
	if err := yaml.Unmarshal([]byte(networkData), &content); err != nil {
		return "", err
	}
	out, err := yaml.Marshal(map[string]any{"network": content})
	return string(out), err
}

// notes say what a reader of the documents should know. now is nil where problem says why.
func (f Facts) notes(now *rendered, problem error) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	name := f.DeliveredSecret()
	secret, read := f.Secrets[name]
	switch {
	case f.Wukong.Spec.GuestConfig == v1alpha1.GuestConfigManual:
		add("nothing is delivered (guestConfig: Manual): write this into the guest by hand")
	case name == "" && f.Planned == nil:
		add("not delivered yet%s", f.why())
	case read && secret == nil && name != "":
		add("Secret %s does not exist, and a machine that refers to it does not start: this is what is rendered now", name)
	case secret != nil && problem != nil:
		add("what would be rendered now is not known: %v", problem)
	case secret != nil:
		out = append(out, f.changed(now, string(secret.Data[render.NetworkDataKey]))...)
	}
	if now != nil && now.request.SSHKeySecret != "" {
		add("KubeVirt adds the SSH keys of Secret %s", now.request.SSHKeySecret)
	}
	if f.Planned != nil && f.foreign() && slices.ContainsFunc(now.nics, func(n render.NIC) bool { return n.MAC == "" }) {
		add("the MAC addresses are to be those of VirtualMachine %s, which its cluster alone knows: give each network its macAddress", MachineName(f.Wukong))
	}
	if now != nil {
		for _, n := range render.GuestDependent(now.nics) {
			add("%s: %s", n.Field, n.Message)
		}
	}
	return append(out, f.running(name)...)
}

// changed says how what was delivered differs from what is rendered now.
func (f Facts) changed(now *rendered, delivered string) []string {
	text, err := render.NetworkData(now.nics)
	if err != nil || text == delivered && now.secret == f.DeliveredSecret() {
		return nil
	}
	difference := firstDifference(delivered, text)
	switch {
	case now.secret != f.DeliveredSecret():
		return []string{fmt.Sprintf("the Wukong asks for something else by now, which is not delivered yet%s: %s", f.why(), difference)}
	case now.request.Foreign:
		return []string{"the Secret has something else than is rendered now, by another version of the controller or by somebody's hand: " + difference}
	}
	return []string{"another version of the controller rendered it, and the guest keeps it until the request changes; this one would render it differently: " + difference}
}

// firstDifference gives the first line in which two documents differ.
func firstDifference(has, want string) string {
	old, wanted := strings.Split(has, "\n"), strings.Split(want, "\n")
	for i := 0; i < max(len(old), len(wanted)); i++ {
		a, b := lineAt(old, i), lineAt(wanted, i)
		if a != b {
			return fmt.Sprintf("line %d has %q, and %q would be there", i+1, a, b)
		}
	}
	return "user data or keys differ"
}

func lineAt(lines []string, i int) string {
	if i >= len(lines) {
		return ""
	}
	return strings.TrimSpace(lines[i])
}

// running says what the running instance has of it.
func (f Facts) running(delivered string) []string {
	if f.Instance == nil || delivered == "" {
		return nil
	}
	var out []string
	switch started := f.StartedSecret(); {
	case started == delivered:
	case f.untold() && started == "":
		out = append(out, fmt.Sprintf("the running machine refers to no Secret with network data, so its guest is not told any: add a cloudInitNoCloud volume with networkDataSecretRef %s", delivered))
	case f.untold():
		out = append(out, fmt.Sprintf("the running machine takes its network data from Secret %s: have its volume refer to %s", started, delivered))
	case started != "":
		out = append(out, fmt.Sprintf("the running guest was started with Secret %s: it gets this at the next restart of the machine", started))
	}
	for _, line := range f.Wukong.Status.PendingRestart {
		out = append(out, "waits for a restart: "+line)
	}
	return out
}

// ErrNothing says that a document does not exist.
var ErrNothing = errors.New("there is no such document")

// Write prints network data and user data, each below a comment that says what it is.
func (d *Documents) Write(w io.Writer) error {
	if d.NetworkData == "" && d.UserData == "" {
		return fmt.Errorf("%w: Wukong %s/%s asks for no network", ErrNothing, d.Namespace, d.Wukong)
	}
	var out strings.Builder
	if d.NetworkData != "" {
		out.WriteString(d.heading("network data") + d.comments() + d.NetworkData)
	}
	if d.UserData != "" {
		if out.Len() > 0 {
			out.WriteString("---\n")
		}
		out.WriteString(d.heading("user data, secrets hidden"))
		if d.NetworkData == "" {
			out.WriteString(d.comments())
		}
		out.WriteString(d.UserData)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// WriteNetplan prints the complete netplan file.
func (d *Documents) WriteNetplan(w io.Writer) error {
	if d.Netplan == "" {
		return fmt.Errorf("%w: Wukong %s/%s has no network data", ErrNothing, d.Namespace, d.Wukong)
	}
	_, err := io.WriteString(w, d.heading("netplan file")+d.comments()+d.Netplan)
	return err
}

// WriteUserData prints the user data.
func (d *Documents) WriteUserData(w io.Writer) error {
	if d.UserData == "" {
		return fmt.Errorf("%w: Wukong %s/%s delivers no user data", ErrNothing, d.Namespace, d.Wukong)
	}
	_, err := io.WriteString(w, d.heading("user data, secrets hidden")+d.UserData)
	return err
}

// heading is a comment that says whose document it is, and where it is from.
func (d *Documents) heading(what string) string {
	origin := "rendered"
	if d.Origin == Delivered {
		origin = "delivered in Secret " + d.Secret
	}
	return answer.Printable(fmt.Sprintf("# Wukong %s/%s, VirtualMachine %s: %s, %s", d.Namespace, d.Wukong, d.VirtualMachine, what, origin)) + "\n"
}

// comments are the notes as comments of YAML.
func (d *Documents) comments() string {
	var out strings.Builder
	for _, note := range d.Notes {
		out.WriteString("# " + answer.Printable(note) + "\n")
	}
	return out.String()
}
