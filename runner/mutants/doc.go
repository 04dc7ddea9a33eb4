// Command mutants tests the tests: it applies one-line faults to the core of the program, one after
// another, and requires that the test named with each then fails. `make mutants` runs all of them.
//
// A fault is a line of a file and what it is changed to (faults.txt). Nothing of the tree is
// written: the changed file is laid over the original with go build's -overlay. A fault that no
// longer applies, does not compile, or names a test that is not there, is an error, so that the
// list cannot rot; TestFaultsApply holds the same without building anything.
//
// Words: a fault survives where its test passes all the same, and then the test is worth nothing
// against it; else it is caught.
package main
