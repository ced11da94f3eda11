// Package packagedb reads the package databases of a host, of dpkg, rpm and
// apk, as files: which packages are installed, and whether one of them vouches
// for a file. A host's files are all that it knows; it must never run a
// package manager, take one of its locks, or load a library that reads its
// database. Readers of rpm's three formats exist, but bring a whole SQLite
// with them, at several times the size that the sensor may have.
//
// What is read is as trustworthy as the database, which root can change, and
// written by whoever made the packages: every count, length and chain in it is
// bounded by what the file holds, and one bad entry is counted and loses
// nothing else.
//
// Nothing of a database stays in memory. Questions are gathered and answered
// in one pass over it, and only the answers are kept until it changes.
package packagedb
