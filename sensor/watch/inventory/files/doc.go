// Package files is the source of the file inventory: the files and folders
// that the configuration names, each with its content's hash, mode, owner,
// size, time, capabilities and extended attributes.
//
// What it looks at may be anything and change under its eyes. It must never
// follow a symbolic link below a configured path, open what is no regular file
// or folder, touch a file system behind which a server or a program stands, or
// read a file again of which nothing has changed.
package files
