package sshkey_test

import (
	"testing"

	"picket.internal/wrappers/internal/action/sshkey"
)

// TestThreat_W10_LastWayIn: a key stays where nobody could log in without it, and an
// administrator's where no administrator could.
func TestThreat_W10_LastWayIn(t *testing.T) {
	const (
		group  = "sudo:x:27:alice,carol\nusers:x:100:bob\n"
		locked = "root:*:1::::::\nalice:!:1::::::\nbob:!:1::::::\ncarol:!:1::::::\n"
		its    = "ssh-ed25519 " + key + " evil\n"
		spare  = "ssh-ed25519 " + other + " spare\n"
	)
	for name, c := range map[string]struct {
		shadow, group, config   string
		root, alice, bob, carol string
		user                    string
		want                    string
	}{
		"root's only key":                           {root: its, want: "sshkey.last_login"},
		"root's one of two":                         {root: its + spare},
		"another administrator has a key":           {root: its, alice: spare},
		"only a user has another":                   {root: its, bob: spare, want: "sshkey.last_login"},
		"an administrator's, but users have keys":   {alice: its, bob: spare, want: "sshkey.last_login"},
		"an administrator by the first group":       {shadow: "bob:!:1::::::\n", group: "wheel:x:1001:\n", bob: its, alice: spare, want: "sshkey.last_login"},
		"a user's, and an administrator has a key":  {bob: its, alice: spare},
		"a user's, where only users log in":         {bob: its + spare},
		"the only user's":                           {bob: its, want: "sshkey.last_login"},
		"everybody's the same":                      {root: its, alice: its, carol: its, want: "sshkey.last_login"},
		"the same, of one alone":                    {root: its, alice: its, user: "root"},
		"root has a password":                       {shadow: "root:$y$j9T$x$y:1::::::\n", root: its},
		"root's password has expired":               {shadow: "root:$y$j9T$x$y:1:::::2:\n", root: its, want: "sshkey.last_login"},
		"a user has a password":                     {shadow: locked + "dave:$y$j9T$x$y:1::::::\n", root: its, want: "sshkey.last_login"},
		"the other administrator has expired":       {shadow: "root:*:1::::::\nalice:!:1:::::2:\n", root: its, alice: spare, want: "sshkey.last_login"},
		"the other key is restricted":               {root: its + "command=\"backup\" " + spare, want: "sshkey.last_login"},
		"the other key is in a comment":             {root: its + "#" + spare, want: "sshkey.last_login"},
		"the other key lies where sshd_config says": {config: "AuthorizedKeysFile /etc/ssh/keys/%u\n", root: its},
	} {
		t.Run(name, func(t *testing.T) {
			r := host(t)
			write(t, r, "etc/passwd", "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\n"+
				"carol:x:1002:1002::/home/carol:/usr/sbin/nologin\ndave:x:1003:1003::/home/dave:/bin/sh\n", 0, 0o644)
			if c.shadow == "" {
				c.shadow = locked
			}
			if c.group == "" {
				c.group = group
			}
			write(t, r, "etc/shadow", c.shadow, 0, 0o640)
			write(t, r, "etc/group", c.group, 0, 0o644)
			if c.config != "" {
				write(t, r, "etc/ssh/sshd_config", c.config, 0, 0o644)
				write(t, r, "etc/ssh/keys/root", spare, 0, 0o644)
			}
			for path, keys := range map[string]string{"root": c.root, "home/alice": c.alice, "home/bob": c.bob, "home/carol": c.carol} {
				if keys != "" {
					write(t, r, path+"/.ssh/authorized_keys", keys, 0, 0o600)
				}
			}
			args := sshkey.Args{Fingerprint: print, User: c.user}
			_, err := sshkey.Prepare(r, args, false)
			if c.want == "" {
				must(t, err)
			} else {
				refused(t, err, c.want)
			}
			_, err = sshkey.Prepare(r, args, true)
			must(t, err)
		})
	}
}
