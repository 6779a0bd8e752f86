package conformance

import (
	"strings"
	"unicode/utf8"
)

// decodeUTF8 decodes b as the Encoding Standard's UTF-8 decoder does: each maximal part
// of a sequence that is not valid becomes one U+FFFD. Go's own conversions replace every
// such byte by itself, which differs for a sequence that is cut short ("\xE2\x82").
func decodeUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			size = invalidPrefix(b)
		}
		out.WriteRune(r)
		b = b[size:]
	}
	return out.String()
}

// invalidPrefix is the number of bytes at the start of b that one U+FFFD replaces:
// the longest prefix that some valid sequence also starts with, at least one byte.
func invalidPrefix(b []byte) int {
	need, low, high := 0, byte(0x80), byte(0xBF)
	switch c := b[0]; {
	case c >= 0xC2 && c <= 0xDF:
		need = 1
	case c >= 0xE0 && c <= 0xEF:
		need = 2
		if c == 0xE0 {
			low = 0xA0
		}
		if c == 0xED {
			high = 0x9F
		}
	case c >= 0xF0 && c <= 0xF4:
		need = 3
		if c == 0xF0 {
			low = 0x90
		}
		if c == 0xF4 {
			high = 0x8F
		}
	}
	n := 1
	for ; need > 0 && n < len(b) && b[n] >= low && b[n] <= high; need-- {
		low, high = 0x80, 0xBF
		n++
	}
	return n
}
