// Command benchtable writes the results of "make bench-upload" as tables in Markdown, with the median of all rounds, and the median
// of the ratios within each round: the rounds differ more than the tools do.
package main
