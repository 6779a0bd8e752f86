// Package loadgen puts load on a server of event streams, and measures what arrives.
//
// An [Audience] is thousands of subscribers in one process. It spends as little CPU per event as it can, because it
// shares the machine with the server that is measured: on Linux one thread reads all sockets with epoll, and a
// connection has no goroutine, no bufio and no net/http. A [Crowd] is the publishers. [Run] lets a crowd publish to an
// audience, in a closed loop or at a rate. Without an audience [Publish] publishes as fast as answers come, and [Hammer]
// sends plain requests.
//
// Every event carries who published it, its number and its time. A subscriber checks that each publisher's numbers
// arrive one by one; all subscribers must have seen the same order. That needs no ids, so that it works with any server.
//
// Which servers there are, and what their process uses, is package peers' business.
package loadgen
