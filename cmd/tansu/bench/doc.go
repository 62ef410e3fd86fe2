// Package bench measures Tansu against lines that anyone can repeat: the same
// machine, the same server, in alternation (ours, line, ours, line …). Every
// figure is a ratio; absolute figures are printed for reading only. A benchmark
// is not a test and decides nothing.
package bench
