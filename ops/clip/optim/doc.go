// Package optim trains a CLIP model or a prompt for one: steps of each mode, whole or
// in micro-batches, AdamW and SGD, what is kept to go on later, and an estimate of the
// memory that a step takes.
package optim
