// Package journal reads what is appended to a journal of systemd, straight
// from its file, and keeps only what root's own programs said of logins. The
// fields that it goes by, _UID and _COMM, are the kernel's word to journald;
// nobody who writes to the journal can set them.
//
// It must never wait for journald, map a file into memory, since a file that is
// cut would then kill the sensor, or unpack what is compressed.
//
// Source: https://systemd.io/JOURNAL_FILE_FORMAT.
package journal
