// Package e2e drives the app's chat page in a real browser, against every host.
//
// [Browser] and [Page] are a thin layer over chromedp: they start Debian's
// Chromium (or any other), give each person a profile of their own, and wait by
// asking the page, never by sleeping. The tests hold what a person would notice:
// two people chat, the page says when its connection is gone and recovers by
// itself, nothing that was typed is lost, a phone and a keyboard are enough. What
// a client can see without a page belongs in package conformance.
//
// Without Chromium the tests are skipped, and say how to install it; with the
// environment variable CI set they fail instead. CHROMIUM names a binary to use.
//
// The program in the folder screenshot takes the picture for the README with the
// same layer.
package e2e
