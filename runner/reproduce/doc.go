// Package reproduce makes again what was made before, and compares: a recorded trial
// from its record alone, some stages of a store once more, and the bytes of stored
// outputs with their manifests.
//
// Words: to restore is to make a stage of its record, without the experiment's file; an
// output is sound, damaged, or in doubt where it was not made from what its inputs are
// now.
package reproduce
