// Package readme runs what the README says, as a test.
package readme
