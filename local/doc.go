// Package local runs all of Picket on one machine: a hub, an enrolled sensor
// and three canaries, as children of one command and as an ordinary user.
// Up follows the alerts until it is told to stop; Demo does the same in a
// folder that it removes again, plays an intrusion against itself and says
// which of the expected alerts came.
//
// Both run the real programs over the real ways: the sensor enrolls with a
// one-time token, its facts travel over pinned TLS, and what is shown is read
// back from the hub's API. Nothing here is known to hub or sensor.
//
// The package must never overwrite a file that it did not make, leave a
// process behind, or take a shortcut around the hub's API.
package local
