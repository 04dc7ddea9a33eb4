// Package cli is what all commands share: flags, the codes that the program ends
// with, and how numbers, times, keys and paths are written for people. It knows no
// other package of the runner: an error carries its own code (ExitCode).
package cli
