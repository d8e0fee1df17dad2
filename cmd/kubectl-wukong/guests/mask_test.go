package guests

import (
	"strings"
	"testing"

	"novasphere.dev/wukong-network/render"
)

func TestNoPasswordOfUserDataIsShown(t *testing.T) {
	const secret = "correct-horse"
	tests := map[string]string{
		"a password in clear text":             "user:\n  name: ops\n  plain_text_passwd: " + secret + "\n",
		"a hash":                               "user:\n  name: ops\n  passwd: " + secret + "\n",
		"a hash of one of several users":       "users:\n- default\n- name: ops\n  hashed_passwd: " + secret + "\n",
		"a list of users with their passwords": "chpasswd:\n  expire: false\n  list: |\n    ops:" + secret + "\n",
		"a list of passwords as objects":       "chpasswd:\n  users:\n  - {name: ops, password: " + secret + "}\n",
		"the only password":                    "password: " + secret + "\n",
		"a file that is written":               "write_files:\n- path: /etc/token\n  content: " + secret + "\n",
		"a command":                            "runcmd:\n- [curl, -H, \"" + secret + "\"]\n",
		"a comment":                            "# " + secret + "\nhostname: web\n",
		"an anchor that is used where it is shown is no key of its own": "x: &p " + secret + "\nuser: {passwd: *p}\n",
		"a text that is no YAML": "user: {" + secret + "\n",
		"a list at the top":      "- " + secret + "\n",
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			if got := MaskUserData("#cloud-config\n" + body); strings.Contains(got, secret) || !strings.HasPrefix(got, "#cloud-config\n") {
				t.Errorf("shown:\n%s", got)
			}
		})
	}
	for _, script := range []string{"#!/bin/sh\necho " + secret + "\n", "Content-Type: multipart/mixed\n\n" + secret, "## template: jinja\n#cloud-config\npassword: " + secret} {
		if got := MaskUserData(script); got != "(hidden)\n" {
			t.Errorf("%q is shown as %q", script, got)
		}
	}
}

func TestOfRenderedUserDataOnlyPasswordsAreHidden(t *testing.T) {
	yes := true
	for name, user := range map[string]*render.User{
		"nobody":          nil,
		"a user":          {Name: "ops", Groups: []string{"adm", "wheel"}, Sudo: "ALL=(ALL) ALL", Shell: "/bin/zsh"},
		"a locked user":   {Name: "ops", LockPassword: &yes},
		"a password hash": {Name: "ops", PasswordHash: "$6$x$y"},
		"a password":      {Name: "ops", Password: "p"},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := render.UserData(user)
			if err != nil {
				t.Fatal(err)
			}
			has := strings.Split(text, "\n")
			shown := strings.Split(MaskUserData(text), "\n")
			if len(has) != len(shown) {
				t.Fatalf("rendered\n%s\nand shown\n%s", text, strings.Join(shown, "\n"))
			}
			for i := range has {
				if key, _, _ := strings.Cut(has[i], ":"); has[i] != shown[i] && !strings.Contains(key, "passw") {
					t.Errorf("%q is shown as %q", has[i], shown[i])
				}
			}
		})
	}
}

func TestADocumentCannotCommandATerminal(t *testing.T) {
	if got := printable("a: \x1b[2J\u202e\n  b: c\r\n"); got != "a: \ufffd[2J\ufffd\n  b: c\ufffd\n" {
		t.Errorf("%q", got)
	}
}
