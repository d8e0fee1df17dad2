package guests

import (
	"strings"
	"unicode"

	"sigs.k8s.io/yaml"
)

// hidden stands for what is not shown.
const hidden = "(hidden)"

// cloudConfig is the first line of user data that is cloud-init's YAML.
const cloudConfig = "#cloud-config"

// harmless are the keys of cloud-config whose values are shown. Whatever has another key is hidden: a key that nobody thought of
// must not show a password.
var harmless = map[string]bool{
	"updates": true, "network": true, "when": true, "hotplug": true,
	"user": true, "users": true, "name": true, "gecos": true, "sudo": true, "shell": true, "groups": true, "primary_group": true,
	"lock_passwd": true, "ssh_pwauth": true, "disable_root": true, "no_create_home": true, "homedir": true, "uid": true,
	"hostname": true, "fqdn": true, "prefer_fqdn_over_hostname": true, "manage_etc_hosts": true, "preserve_hostname": true,
	"locale": true, "timezone": true, "packages": true, "package_update": true, "package_upgrade": true,
}

// MaskUserData gives user data of cloud-init without its secrets. Comments go, since anything may stand in them. What is no cloud-config is not
// shown at all.
func MaskUserData(text string) string {
	if text == "" {
		return ""
	}
	if first, _, _ := strings.Cut(text, "\n"); strings.TrimSpace(first) != cloudConfig {
		return hidden + "\n"
	}
	var content map[string]any
	if err := yaml.Unmarshal([]byte(text), &content); err != nil {
		return cloudConfig + "\n" + hidden + "\n"
	}
	masked, err := yaml.Marshal(mask(content))
	if err != nil {
		return cloudConfig + "\n" + hidden + "\n"
	}
	return cloudConfig + "\n" + printable(string(masked))
}

func mask(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, below := range v {
			if out[key] = hidden; harmless[key] {
				out[key] = mask(below)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = mask(v[i])
		}
		return out
	}
	return value
}

// printable takes from a text of several lines what a terminal could take for a command.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}
