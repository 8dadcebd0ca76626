// Package install puts a backend onto a Linux server as a service of systemd: a
// user of its own, folders, the binary, the manifest with the files that it names,
// a file for its secrets, and the unit; and takes all that away again. It looks at
// everything before it changes anything, and a second time changes only what is
// otherwise. The commands call it; it asks a running backend through what they
// hand it, and knows neither the engine nor its socket.
package install
