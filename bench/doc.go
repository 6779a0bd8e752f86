// Command bench measures the app on both of its hosts, beside what else there is, and prints a report in Markdown.
//
//	go run ./bench                  everything, in a few minutes
//	go run ./bench -short           each measurement briefly, to see that all works
//	go run ./bench -only '^front$'  some sections: size, boot, fanout, durable, memory, front, start
//	go run ./bench -only 'fanout/local runner/1000'
//
// The report's figures are also written to bench/results, as JSON. What is written to disk is in the system's folder for
// temporary files (TMPDIR): in one that is kept in memory alone, durable and fanout measure no disk. Clients and servers share the machine, and rows that
// are compared take turns, so that a machine that gets slower hurts all of them. Good for ratios within a report; from
// one machine to the next figures cannot be compared.
//
// The load generator is package bench/internal/loadgen, the servers are package bench/internal/peers. A section is a
// function in a file of its own here.
package main
