package bundle

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// hidden stands for what is not told.
const hidden = "(hidden)"

// secretWords are parts of the names of fields that hold secrets, in lower case and without separators.
var secretWords = []string{"passw", "passphrase", "secret", "token", "privatekey", "psk", "credential", "userdata", "networkdata", "authorization",
	"sshkey", "sshauthorizedkeys", "kernelargs", "cookie", "apikey", "accesskey", "sysprep", "ignition", "cacert"}

// nameFields are fields of such names that hold the name of something, or say yes or no.
var nameFields = []string{"sshkeysecret", "secretname", "networkdatasecret", "lockpasswd", "automountserviceaccounttoken"}

// referenceFields are fields below such names that only refer to something.
var referenceFields = []string{"name", "secretname", "namespace", "kind", "apiversion", "key"}

// annotations are those that are told, by the kinds of people who cannot write them, or by what they are for. Whatever else stands in
// an annotation is hidden.
var annotations = []string{"vm.novasphere.dev/adopt", "vm.novasphere.dev/abandon", "vm.novasphere.dev/retry", "vm.novasphere.dev/rollback",
	"vm.novasphere.dev/asked", "vm.novasphere.dev/owner-uid", "vm.novasphere.dev/request", "vm.novasphere.dev/guest-network", "vm.novasphere.dev/networks",
	"k8s.v1.cni.cncf.io/resourceName", "deployment.kubernetes.io/revision", "nmstate.io/webhook-mutating-timestamp"}

// annotationPrefixes are those that end in the name of a HostUplink.
var annotationPrefixes = []string{"applied.uplink.vm.novasphere.dev/", "renew.uplink.vm.novasphere.dev/", "since.uplink.vm.novasphere.dev/", "repaired.uplink.vm.novasphere.dev/"}

// ofTenants are kinds whose annotations tenants write: none of them is told.
var ofTenants = []string{"Wukong"}

// cleaner takes secrets out of objects, and remembers them.
type cleaner struct {
	// found are the texts that were hidden.
	found []string
}

// Clean takes the secrets out of an object, which it does not change. What was hidden is returned beside it.
func Clean(object map[string]any) (cleaned map[string]any, secrets []string) {
	c := &cleaner{}
	out, _ := c.value(object, false).(map[string]any)
	if metadata, ok := out["metadata"].(map[string]any); ok {
		delete(metadata, "managedFields")
	}
	kind, _ := object["kind"].(string)
	c.annotations(out, kind)
	return out, c.found
}

// value cleans a value. inSecret says that it stands below the name of a secret.
func (c *cleaner) value(v any, inSecret bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, below := range v {
			out[key] = c.field(key, below, inSecret)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = c.value(v[i], inSecret)
		}
		return out
	case string:
		if inSecret {
			return c.hide(v)
		}
		return Scrub(v)
	case nil, bool:
		return v
	}
	if inSecret {
		return hidden
	}
	return v
}

// field cleans the value of a field.
func (c *cleaner) field(key string, v any, inSecret bool) any {
	name := plain(key)
	if name == "annotations" || name == "labels" {
		return v // see annotations: labels are names
	}
	text, isText := v.(string)
	switch {
	case slices.Contains(nameFields, name), inSecret && isText && slices.Contains(referenceFields, name):
		return v
	case name == "config" && isText:
		return c.config(text)
	case name == "env":
		return c.env(v)
	case (name == "args" || name == "command") && !inSecret:
		return c.arguments(v)
	}
	return c.value(v, inSecret || isSecret(name))
}

// plain is the name of a field in lower case, without what separates words.
func plain(key string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(key))
}

func isSecret(plainName string) bool {
	return slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(plainName, w) })
}

// config cleans the JSON that an attachment holds as a text. What is no JSON is hidden.
func (c *cleaner) config(text string) any {
	var content any
	if text == "" {
		return text
	}
	if err := json.Unmarshal([]byte(text), &content); err != nil {
		return cover(text)
	}
	out, err := json.Marshal(c.value(content, false))
	if err != nil {
		return cover(text)
	}
	return string(out)
}

// env hides the values of variables.
func (c *cleaner) env(v any) any {
	list, ok := v.([]any)
	if !ok {
		return c.value(v, true)
	}
	out := make([]any, len(list))
	for i := range list {
		variable, ok := list[i].(map[string]any)
		if !ok {
			out[i] = c.value(list[i], true)
			continue
		}
		cleaned, _ := c.value(variable, false).(map[string]any)
		if value, ok := variable["value"].(string); ok {
			cleaned["value"] = cover(value)
			if name, _ := variable["name"].(string); isSecret(plain(name)) {
				c.hide(value)
			}
		}
		out[i] = cleaned
	}
	return out
}

// arguments hides the values of flags whose name is that of a secret.
func (c *cleaner) arguments(v any) any {
	list, ok := v.([]any)
	if !ok {
		return c.value(v, false)
	}
	out := make([]any, len(list))
	follows := false
	for i := range list {
		text, ok := list[i].(string)
		name, value, assigned := strings.Cut(text, "=")
		switch {
		case !ok:
			out[i] = c.value(list[i], follows)
		case follows && !strings.HasPrefix(text, "-"):
			out[i] = c.hide(text)
		case assigned && isSecret(plain(name)):
			out[i] = name + "=" + c.hide(value)
		default:
			out[i] = Scrub(text)
		}
		follows = ok && strings.HasPrefix(text, "-") && !assigned && isSecret(plain(name))
	}
	return out
}

// annotations hides what stands in annotations, wherever in the object they are.
func (c *cleaner) annotations(v any, kind string) {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			if all, ok := below.(map[string]any); ok && key == "annotations" {
				v[key] = c.told(all, kind)
				continue
			}
			c.annotations(below, kind)
		}
	case []any:
		for i := range v {
			c.annotations(v[i], kind)
		}
	}
}

func (c *cleaner) told(all map[string]any, kind string) map[string]any {
	out := map[string]any{}
	for key, value := range all {
		known := slices.Contains(annotations, key) || slices.ContainsFunc(annotationPrefixes, func(p string) bool { return strings.HasPrefix(key, p) })
		text, isText := value.(string)
		switch {
		case !isText, known && !slices.Contains(ofTenants, kind):
			out[key] = c.value(value, !isText)
		default:
			out[key] = cover(text)
		}
	}
	return out
}

// hide hides a secret and remembers it, with the passwords in it if it is user data.
func (c *cleaner) hide(text string) string {
	c.found = append(c.found, text)
	data := text
	if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
		data = string(decoded)
	}
	var content map[string]any
	if strings.HasPrefix(data, "#cloud-config") && yaml.Unmarshal([]byte(data), &content) == nil {
		c.passwords(content, false)
	}
	return cover(text)
}

// cover stands for a text that is not told, though it is not known to be a secret.
func cover(text string) string {
	switch {
	case text == "":
		return ""
	case strings.Contains(text, "\n"):
		return fmt.Sprintf("(hidden, %d bytes)", len(text))
	}
	return hidden
}

// passwords remembers the texts below names of secrets.
func (c *cleaner) passwords(v any, inSecret bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			c.passwords(below, inSecret || isSecret(plain(key)))
		}
	case []any:
		for i := range v {
			c.passwords(v[i], inSecret)
		}
	case string:
		if !inSecret {
			return
		}
		for _, line := range strings.Split(v, "\n") {
			// chpasswd lists USER:PASSWORD.
			_, password, _ := strings.Cut(line, ":")
			c.found = append(c.found, line, password)
		}
	}
}
