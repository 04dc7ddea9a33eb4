// Package tables makes the tables of an experiment from what its stages left in the
// store: rows, a number of a trial each; what single test cases came to, for the
// tests between trials; and the grids that results builds of them, printed and
// written as files.
//
// It runs nothing. Trials that are not done, or that failed, stand in a table as
// such. Comparison joins the rows of several experiments.
package tables
