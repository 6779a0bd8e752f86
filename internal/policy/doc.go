// Package policy holds the project's rules about who may import whom, as a test.
package policy
