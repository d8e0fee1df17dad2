package render

import "sync"

type cloudConfig struct {
	Updates updates    `json:"updates"`
	User    *cloudUser `json:"user,omitempty"`
	SSHAuth *bool      `json:"ssh_pwauth,omitempty"`
}

type updates struct {
	Network updatesWhen `json:"network"`
}

type updatesWhen struct {
	When []string `json:"when"`
}

// cloudUser takes the place of the image's default user, so that the keys of an SSH key Secret, which KubeVirt hands over as
// those of the default user, are this user's.
type cloudUser struct {
	Name         string   `json:"name"`
	Password     string   `json:"plain_text_passwd,omitempty"`
	PasswordHash string   `json:"passwd,omitempty"`
	Sudo         string   `json:"sudo"`
	Shell        string   `json:"shell"`
	Groups       []string `json:"groups,omitempty"`
	LockPassword bool     `json:"lock_passwd"`
}

// What NovaSphere gives a user that does not say.
const (
	defaultSudo  = "ALL=(ALL) NOPASSWD:ALL"
	defaultShell = "/bin/bash"
)

// UserData gives the cloud-config of a guest. It always asks cloud-init to apply network data at each boot, and from the
// first one on: asked later, cloud-init ignores changed network data of the same instance.
func UserData(user *User) (string, error) {
	if user == nil {
		return withoutUser()
	}
	return userData(user)
}

// withoutUser is the same for every guest that nothing is said about.
var withoutUser = sync.OnceValues(func() (string, error) { return userData(nil) })

func userData(user *User) (string, error) {
	out := cloudConfig{Updates: updates{Network: updatesWhen{When: []string{"boot"}}}}
	if user != nil {
		out.User = cloudUserOf(user)
		if !out.User.LockPassword {
			yes := true
			out.SSHAuth = &yes
		}
	}
	text, err := yamlOf(out)
	return "#cloud-config\n" + string(text), err
}

func cloudUserOf(user *User) *cloudUser {
	out := &cloudUser{Name: user.Name, Sudo: user.Sudo, Shell: user.Shell, Groups: user.Groups, PasswordHash: user.PasswordHash}
	if user.PasswordHash == "" {
		out.Password = user.Password
	}
	if out.Sudo == "" {
		out.Sudo = defaultSudo
	}
	if out.Shell == "" {
		out.Shell = defaultShell
	}
	out.LockPassword = user.Password == "" && user.PasswordHash == ""
	if user.LockPassword != nil {
		out.LockPassword = *user.LockPassword
	}
	return out
}
