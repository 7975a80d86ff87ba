// golang.org/x/text is old on purpose: the test of package vuln wants a vulnerability to find.
module example.com/vulnerable

go 1.26.0

require golang.org/x/text v0.3.5
