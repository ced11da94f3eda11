// Package install sets a host up, and takes it back: units, users, sudoers,
// whom the wrapper trusts and what it may do, and the enrollment. It is for
// root, once; the sensor that runs has no use for it, and does not link it.
//
// Files come from package packaging. Each is written beside its place with its
// final mode, made durable and then renamed, so that no moment has half of it or
// a wider mode. A sudoers file is checked by visudo before.
//
// The package must never replace what a person has changed (host policy,
// configuration, identity), never put a sudoers file in place that visudo does
// not take, and never believe a hub whose key the token does not pin.
package install
