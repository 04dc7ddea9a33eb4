// Package differ says what is not the same: between two trials, two sweeps, and a stage
// that would run and the nearest that the store has, down to the params and files that
// made it another.
//
// What a key is made of are its lines; known stages are what keys and identities stand
// for, from plans and manifests.
package differ
