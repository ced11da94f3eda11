// Package integrity hashes what Picket consists of at every heartbeat: the
// file that lies at the sensor's path now, the image that runs, and its other
// files: the programs that sudo may run, units, the sudoers file, the trust
// store, the configuration. It only reports what it read; whether that is as
// it should be, the hub judges.
//
// The package must never answer for the sensor's executable from memory. Its
// other files are listed and looked at anew at every heartbeat, and read anew
// as soon as anything about them has changed.
package integrity
