package sshkey

import (
	"bytes"
	"slices"

	"picket.internal/wrappers/internal/action"
	"picket.internal/wrappers/internal/action/account"
)

// lastWay refuses where nobody could log in without the key, or where it is an
// administrator's and none of them could. rest is what would be left of each
// file that has the key, by its path without links.
//
// A way in is a password that can match, or a key in a line without options:
// whether a line with options lets its owner in is not judged.
func lastWay(root action.Root, rest map[string][]byte) error {
	logins, err := account.Logins(root)
	if err != nil {
		return err
	}
	candidates, err := files(root, "")
	if err != nil {
		return err
	}
	loses, keeps := map[string]bool{}, map[string]bool{}
	for _, c := range candidates {
		o, err := open(root, c.path, c.uid)
		if err != nil {
			continue // what cannot be read here is no way in
		}
		o.Close()
		if left, revoked := rest[o.path]; revoked {
			loses[c.user], o.data = true, left
		}
		keeps[c.user] = keeps[c.user] || slices.ContainsFunc(bytes.Split(o.data, []byte("\n")), free)
	}
	anybody, admins, ofAdmin := false, false, false
	for _, l := range logins {
		ofAdmin = ofAdmin || l.Admin && loses[l.User]
		if l.Password || l.Open && keeps[l.User] {
			anybody, admins = true, admins || l.Admin
		}
	}
	switch {
	case !anybody:
		return action.Refuse("sshkey.last_login", "nobody could log in then")
	case ofAdmin && !admins:
		return action.Refuse("sshkey.last_login", "nobody who can become root could log in then")
	}
	return nil
}
