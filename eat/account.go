package eat

// DisableUser keeps a local account from logging in.
type DisableUser struct {
	// Name is the account's name.
	Name string `json:"name"`
	// EndSessions is true where its sessions end as well. They do not come back.
	EndSessions bool `json:"end_sessions"`
	// Lifetime is the lease in seconds.
	Lifetime int64 `json:"lifetime"`
}

// Action is the name of the action.
func (DisableUser) Action() string { return ActionDisableUser }

// Validate checks every member.
func (a DisableUser) Validate() error {
	c := checks{kind: ErrBadParam}
	c.field(validUser(a.Name), "name", a.Name)
	c.lifetime(a.Lifetime)
	return c.err
}

func (a DisableUser) lease() int64 { return a.Lifetime }

// EnableUser lets an account log in again that was disabled.
type EnableUser struct {
	// Name is the account's name.
	Name string `json:"name"`
}

// Action is the name of the action.
func (EnableUser) Action() string { return ActionEnableUser }

// Validate checks every member.
func (a EnableUser) Validate() error {
	c := checks{kind: ErrBadParam}
	c.field(validUser(a.Name), "name", a.Name)
	return c.err
}

func (EnableUser) lease() int64 { return 0 }

// RevokeSSHKey takes a key out of authorized_keys.
type RevokeSSHKey struct {
	// Fingerprint is as ssh-keygen -l prints it: "SHA256:" and 43 characters.
	Fingerprint string `json:"fingerprint"`
	// User is whose file it is taken out of; empty means everyone's.
	User string `json:"user,omitempty"`
	// Lifetime is the lease in seconds.
	Lifetime int64 `json:"lifetime"`
}

// Action is the name of the action.
func (RevokeSSHKey) Action() string { return ActionRevokeSSHKey }

// Validate checks every member.
func (a RevokeSSHKey) Validate() error {
	c := checks{kind: ErrBadParam}
	c.sshKey(a.Fingerprint, a.User)
	c.lifetime(a.Lifetime)
	return c.err
}

func (a RevokeSSHKey) lease() int64 { return a.Lifetime }

// RestoreSSHKey puts a key back that was revoked.
type RestoreSSHKey struct {
	// Fingerprint is as in RevokeSSHKey.
	Fingerprint string `json:"fingerprint"`
	// User is as in RevokeSSHKey.
	User string `json:"user,omitempty"`
}

// Action is the name of the action.
func (RestoreSSHKey) Action() string { return ActionRestoreSSHKey }

// Validate checks every member.
func (a RestoreSSHKey) Validate() error {
	c := checks{kind: ErrBadParam}
	c.sshKey(a.Fingerprint, a.User)
	return c.err
}

func (RestoreSSHKey) lease() int64 { return 0 }

func (c *checks) sshKey(fingerprint, user string) {
	c.field(validFingerprint(fingerprint), "fingerprint", fingerprint)
	c.field(user == "" || validUser(user), "user", user)
}
